package models.tfs;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Reads answers that others have read before, and prints what it finds in them. */
public final class Recorded {
  public static void main(String[] args) throws Exception {
    for (Object each : (List<?>) new JsonReader(Files.readAllBytes(Path.of(args[0]))).value()) {
      Map<?, ?> told = (Map<?, ?>) each;
      Signature.Builder signature = Signature.builder("s", "predict");
      for (Object output : (List<?>) told.get("outputs")) {
        Map<?, ?> spec = (Map<?, ?>) output;
        DType dtype = DType.valueOf(((String) spec.get("dtype")).toUpperCase(Locale.ROOT));
        long[] shape = null;
        if (spec.get("shape") instanceof List) {
          List<?> sizes = (List<?>) spec.get("shape");
          shape = sizes.stream().mapToLong(size -> Long.parseLong((String) size)).toArray();
        }
        signature.output((String) spec.get("name"), dtype, shape);
      }
      CallOptions options = new CallOptions();
      Call call = new Call(options, "Predict", signature.build(), List.of());
      System.out.println("found " + found(call, told));
      call.finish();
    }
  }

  private static List<String> found(Call call, Map<?, ?> told) {
    boolean isGrpc = told.containsKey("grpc");
    byte[] body = Base64.getDecoder().decode((String) told.get(isGrpc ? "grpc" : "rest"));
    if ("classify".equals(told.get("kind"))) {
      var all = isGrpc ? GrpcExamples.classes(call, body) : RestAnswers.classes(body);
      List<String> shown = new ArrayList<>();
      for (List<ScoredClass> classes : all) {
        List<String> values = new ArrayList<>();
        for (ScoredClass one : classes) {
          values.add(base64(one.labelBytes()));
          values.add(Float.toString(one.score()));
        }
        shown.add(shown(new long[] {values.size()}, values));
      }
      return shown;
    }
    if ("regress".equals(told.get("kind"))) {
      var all = isGrpc ? GrpcExamples.values(call, body) : RestAnswers.values(body);
      List<String> shown = new ArrayList<>();
      all.forEach(value -> shown.add(shown(new long[] {1}, List.of(Float.toString(value)))));
      return shown;
    }
    Prediction answer =
        isGrpc ? GrpcPredict.prediction(call, body) : RestAnswers.prediction(call, body);
    List<String> shown = new ArrayList<>();
    for (int i = 0; i < answer.outputs().size(); i++) {
      DType dtype = call.signature.outputs().get(i).dtype();
      shown.add(shown(answer.outputs().get(i).shape(), values(dtype, answer.outputs().get(i))));
    }
    return shown;
  }

  private static String shown(long[] shape, List<String> values) {
    String all = values.isEmpty() ? "" : '"' + String.join("\",\"", values) + '"';
    return "{\"Shape\":" + java.util.Arrays.toString(shape) + ",\"Values\":[" + all + "]}";
  }

  private static String base64(byte[] value) {
    return Base64.getEncoder().encodeToString(value);
  }

  private static List<String> values(DType dtype, Tensor tensor) {
    List<String> values = new ArrayList<>();
    Object array = tensor.array();
    if (tensor instanceof Float16Tensor) {
      array = ((Float16Tensor) tensor).floats();
    } else if (tensor instanceof BFloat16Tensor) {
      array = ((BFloat16Tensor) tensor).floats();
    }
    int length = java.lang.reflect.Array.getLength(array);
    for (int i = 0; i < length; i++) {
      Object value = java.lang.reflect.Array.get(array, i);
      if (value instanceof byte[]) {
        values.add(base64((byte[]) value));
      } else if (dtype.isComplex()) {
        Object imaginary = java.lang.reflect.Array.get(array, ++i);
        String sign = imaginary.toString().startsWith("-") ? "" : "+";
        values.add("(" + value + sign + imaginary + "i)");
      } else if (dtype.isUnsigned() || dtype.name().startsWith("FLOAT8")) {
        long bits = ((Number) value).longValue();
        int width = dtype.storage.width * Byte.SIZE;
        values.add(Long.toUnsignedString(width == 64 ? bits : bits & ((1L << width) - 1)));
      } else {
        values.add(value.toString());
      }
    }
    return values;
  }
}

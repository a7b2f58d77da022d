package models.tfs;

import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Makes the calls that it is told, of generated clients, and prints what came of each. */
public final class Run {
  private Run() {}

  public static void main(String[] args) throws Exception {
    Map<?, ?> given = (Map<?, ?>) new JsonReader(System.in.readAllBytes()).value();
    Map<String, Object> clients = new HashMap<>();
    for (Object each : (List<?>) given.get("calls")) {
      Map<?, ?> call = (Map<?, ?>) each;
      String name = (String) call.get("client");
      if (!clients.containsKey(name)) {
        Method open = Class.forName(name + "Client").getMethod("open", String.class);
        clients.put(name, open.invoke(null, given.get("target")));
      }
      System.out.println(json(run(clients.get(name), call)));
    }
    System.exit(0);
  }

  private static Map<String, Object> run(Object client, Map<?, ?> call) throws Exception {
    String type = call.get("package") + "." + call.get("type");
    Object input = Class.forName(type + "Input").getMethod("builder").invoke(null);
    for (Map.Entry<?, ?> each : ((Map<?, ?>) call.get("inputs")).entrySet()) {
      set(input, (String) each.getKey(), tensor((Map<?, ?>) each.getValue()));
    }
    if (call.get("examples") instanceof List) {
      List<TypedExample> examples = new ArrayList<>();
      for (Object each : (List<?>) call.get("examples")) {
        examples.add(example(type, (Map<?, ?>) each));
      }
      if (call.get("kind").equals("predict")) {
        TypedExample[] all = examples.toArray(new TypedExample[0]);
        set(input, (String) call.get("field"), StringTensor.ofExamples(all));
      } else {
        input.getClass().getMethod("examples", List.class).invoke(input, examples);
      }
    }
    Object built = input.getClass().getMethod("build").invoke(input);
    Object result;
    try {
      Class<?> of = client.getClass();
      result = of.getMethod((String) call.get("method"), built.getClass()).invoke(client, built);
    } catch (java.lang.reflect.InvocationTargetException e) {
      if (!(e.getCause() instanceof ServingException)) {
        throw e;
      }
      ServingException failure = (ServingException) e.getCause();
      return Map.of("code", failure.code().name(), "message", failure.getMessage());
    }
    return Map.of("outputs", outputs(call, result));
  }

  private static Map<String, Object> outputs(Map<?, ?> call, Object result) throws Exception {
    Map<String, Object> outputs = new LinkedHashMap<>();
    if (result instanceof float[]) {
      outputs.put("value", told(FloatTensor.of((float[]) result)));
    } else if (result instanceof List) {
      List<byte[]> labels = new ArrayList<>();
      List<Float> scores = new ArrayList<>();
      for (Object classes : (List<?>) result) {
        for (Object one : (List<?>) classes) {
          labels.add(((ScoredClass) one).labelBytes());
          scores.add(((ScoredClass) one).score());
        }
      }
      outputs.put("label", told(StringTensor.of(labels.toArray(new byte[0][]))));
      outputs.put("score", told(FloatTensor.of(Inference.toArray(scores))));
    } else {
      for (Object name : (List<?>) call.get("outputs")) {
        Object tensor = result.getClass().getMethod((String) name).invoke(result);
        outputs.put((String) name, told((Tensor) tensor));
      }
    }
    return outputs;
  }

  private static void set(Object builder, String name, Tensor value) throws Exception {
    builder.getClass().getMethod(name, value.getClass()).invoke(builder, value);
  }

  private static TypedExample example(String type, Map<?, ?> features) throws Exception {
    Object builder = Class.forName(type + "Example").getMethod("builder").invoke(null);
    for (Map.Entry<?, ?> each : features.entrySet()) {
      Map<?, ?> feature = (Map<?, ?>) each.getValue();
      List<?> values = (List<?>) feature.get("values");
      Object array;
      Class<?> lone;
      switch ((String) feature.get("dtype")) {
        case "float32":
          float[] floats = new float[values.size()];
          for (int i = 0; i < floats.length; i++) {
            floats[i] = Float.parseFloat((String) values.get(i));
          }
          array = floats;
          lone = float.class;
          break;
        case "int64":
          array = values.stream().mapToLong(v -> Long.parseLong((String) v)).toArray();
          lone = long.class;
          break;
        default:
          array = values.stream().map(Run::bytes).toArray(byte[][]::new);
          lone = byte[].class;
      }
      setFeature(builder, (String) each.getKey(), array, lone);
    }
    return (TypedExample) builder.getClass().getMethod("build").invoke(builder);
  }

  private static void setFeature(Object builder, String name, Object array, Class<?> lone)
      throws Exception {
    try {
      Object first = java.lang.reflect.Array.getLength(array) == 0 ? null : first(array);
      builder.getClass().getMethod(name, lone).invoke(builder, first);
    } catch (NoSuchMethodException e) {
      builder.getClass().getMethod(name, array.getClass()).invoke(builder, array);
    }
  }

  private static Object first(Object array) {
    return java.lang.reflect.Array.get(array, 0);
  }

  private static byte[] bytes(Object base64) {
    return Base64.getDecoder().decode((String) base64);
  }

  private static Tensor tensor(Map<?, ?> told) {
    List<?> sizes = (List<?>) told.get("shape");
    long[] shape = sizes.stream().mapToLong(size -> Long.parseLong((String) size)).toArray();
    DType dtype = DType.valueOf(((String) told.get("dtype")).toUpperCase(Locale.ROOT));
    if (dtype == DType.STRING) {
      List<?> strings = (List<?>) told.get("strings");
      return StringTensor.of(strings.stream().map(Run::bytes).toArray(byte[][]::new), shape);
    }
    ByteBuffer data = ByteBuffer.wrap(bytes(told.get("data"))).order(ByteOrder.LITTLE_ENDIAN);
    int length = data.remaining() / dtype.storage.width;
    Object array = dtype.storage.allocate(length);
    dtype.storage.read(data, array, length);
    return dtype.tensor(array, shape);
  }

  private static Map<String, Object> told(Tensor tensor) {
    List<String> shape = new ArrayList<>();
    for (long size : tensor.shape()) {
      shape.add(Long.toString(size));
    }
    if (tensor instanceof StringTensor) {
      List<String> strings = new ArrayList<>();
      for (byte[] value : ((StringTensor) tensor).data()) {
        strings.add('"' + Base64.getEncoder().encodeToString(value) + '"');
      }
      return Map.of("shape", shape, "strings", strings);
    }
    Object array = tensor.array();
    for (Storage storage : Storage.values()) {
      if (storage.allocate(0).getClass() == array.getClass()) {
        int size = java.lang.reflect.Array.getLength(array) * storage.width;
        ByteBuffer data = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        storage.write(array, data);
        String text = Base64.getEncoder().encodeToString(data.array());
        return Map.of("shape", shape, "data", '"' + text + '"');
      }
    }
    throw new AssertionError(array.getClass());
  }

  /** The text of maps and lists of what is JSON already, but for codes and messages. */
  private static String json(Object value) {
    if (value instanceof Map) {
      StringBuilder text = new StringBuilder("{");
      ((Map<?, ?>) value)
          .forEach(
              (name, member) -> {
                text.append(text.length() > 1 ? "," : "");
                text.append(Text.quoted((String) name)).append(':');
                boolean plain = name.equals("code") || name.equals("message");
                text.append(plain ? Text.quoted((String) member) : json(member));
              });
      return text.append('}').toString();
    }
    return String.valueOf(value);
  }
}

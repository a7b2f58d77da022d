package benchmark;

import benchmark.model.DigitInput;
import benchmark.model.ImageInput;
import benchmark.model.IntsDownInput;
import benchmark.model.ModelClient;
import benchmark.model.ScalarInput;
import benchmark.model.StringsDownInput;
import benchmark.model.StringsUpInput;
import benchmark.tfs.FloatTensor;
import benchmark.tfs.LongTensor;
import benchmark.tfs.StringTensor;
import com.google.gson.Gson;
import com.google.gson.JsonParser;
import com.google.protobuf.ByteString;
import com.sun.management.OperatingSystemMXBean;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.tensorflow.framework.DataType;
import org.tensorflow.framework.TensorProto;
import org.tensorflow.framework.TensorShapeProto;
import tensorflow.serving.Model;
import tensorflow.serving.Predict;

/**
 * Times the generated client and a hand-written one, turn by turn, for benchmarks/generated.py:
 * cases come on standard input, times go to standard output.
 */
public final class Main {
  private static final Gson GSON = new Gson();
  private static final List<ManagedChannel> OPEN = new ArrayList<>();

  static final class Job {
    int rounds;
    double seconds;
    List<Case> cases;
  }

  static final class Case {
    String name;
    String signature;
    String target;
    boolean rest;
    Tensor input;
    Tensor output;
  }

  /** An input or an output; one of the arrays holds its elements. */
  static final class Tensor {
    String name;
    long[] shape;
    float[] floats;
    long[] ints;
    String[] strings;

    boolean isSame(Tensor other) {
      return Arrays.equals(shape, other.shape)
          && Arrays.equals(floats, other.floats)
          && Arrays.equals(ints, other.ints)
          && Arrays.equals(strings, other.strings);
    }
  }

  /** What a call took, by the clock and of the processors. */
  record Timing(double wall, double cpu) {}

  record Request(String signature_name, Map<String, float[][][][]> inputs) {}

  record Answer(float[][] outputs) {}

  public static void main(String[] args) throws Exception {
    var in = new InputStreamReader(System.in, StandardCharsets.UTF_8);
    Job job = GSON.fromJson(JsonParser.parseReader(in), Job.class);
    Map<String, Object> results = new LinkedHashMap<>();
    for (Case each : job.cases) {
      results.put(each.name, compare(each, job));
    }
    Map<String, String> versions = Map.of("java", Runtime.version().toString());
    System.out.println(GSON.toJson(Map.of("versions", versions, "cases", results)));
    System.exit(0);
  }

  private static Map<String, List<Timing>> compare(Case c, Job job) throws Exception {
    Map<String, List<Timing>> results = new LinkedHashMap<>();
    try (ModelClient client = ModelClient.open(c.target)) {
      Map<String, Callable<Tensor>> peers = new LinkedHashMap<>();
      peers.put("generated", generated(client, c));
      peers.put("by hand", c.rest ? overRest(c) : overGrpc(c));
      for (int round = -3; round < job.rounds; round++) { // the first ones are compiled meanwhile
        for (var peer : peers.entrySet()) {
          if (round == -3 && !peer.getValue().call().isSame(c.output)) {
            throw new AssertionError(c.name + " " + peer.getKey() + ": a wrong answer");
          }
          System.gc();
          Timing took = measure(peer.getValue(), round < 0 ? 5 * job.seconds : job.seconds);
          if (round >= 0) {
            results.computeIfAbsent(peer.getKey(), name -> new ArrayList<>()).add(took);
          }
        }
      }
    }
    return results;
  }

  private static Timing measure(Callable<Tensor> call, double seconds) throws Exception {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    List<Double> times = new ArrayList<>();
    long cpu = system.getProcessCpuTime();
    long before = System.nanoTime();
    long end = before + (long) (seconds * 1e9);
    while (before < end) {
      call.call();
      long after = System.nanoTime();
      times.add((after - before) / 1e9);
      before = after;
    }
    double used = (system.getProcessCpuTime() - cpu) / 1e9 / times.size();
    times.sort(null);
    return new Timing(times.get(times.size() / 2), used);
  }

  private static Callable<Tensor> generated(ModelClient client, Case c) {
    Tensor in = c.input;
    return switch (c.signature) {
      case "scalar" -> () -> told(client.scalar(ScalarInput.of(floats(in))).scores());
      case "digit" -> () -> told(client.digit(DigitInput.of(floats(in))).scores());
      case "image" -> () -> told(client.image(ImageInput.of(floats(in))).scores());
      case "strings-up" ->
          () -> {
            StringTensor text = StringTensor.of(in.strings, in.shape);
            return told(client.stringsUp(StringsUpInput.of(text)).scores());
          };
      case "strings-down" ->
          () -> {
            StringTensor text = client.stringsDown(StringsDownInput.of(floats(in))).text();
            Tensor told = new Tensor();
            told.shape = text.shape();
            told.strings = text.texts();
            return told;
          };
      case "ints-down" ->
          () -> {
            LongTensor ids = client.intsDown(IntsDownInput.of(floats(in))).ids();
            Tensor told = new Tensor();
            told.shape = ids.shape();
            told.ints = ids.data();
            return told;
          };
      default -> throw new IllegalArgumentException(c.signature);
    };
  }

  private static FloatTensor floats(Tensor in) {
    return FloatTensor.of(in.floats, in.shape);
  }

  private static Tensor told(FloatTensor scores) {
    Tensor told = new Tensor();
    told.shape = scores.shape();
    told.floats = scores.data();
    return told;
  }

  /** Calls by the compiled official messages. */
  private static Callable<Tensor> overGrpc(Case c) {
    ManagedChannel channel =
        ManagedChannelBuilder.forTarget(c.target)
            .usePlaintext()
            .maxInboundMessageSize(Integer.MAX_VALUE)
            .build();
    OPEN.add(channel);
    var method =
        MethodDescriptor.<Predict.PredictRequest, Predict.PredictResponse>newBuilder()
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName("tensorflow.serving.PredictionService/Predict")
            .setRequestMarshaller(
                ProtoUtils.marshaller(Predict.PredictRequest.getDefaultInstance()))
            .setResponseMarshaller(
                ProtoUtils.marshaller(Predict.PredictResponse.getDefaultInstance()))
            .build();
    return () -> {
      var options = CallOptions.DEFAULT.withDeadlineAfter(1, TimeUnit.MINUTES);
      var response = ClientCalls.blockingUnaryCall(channel, method, options, request(c));
      TensorProto output = response.getOutputsOrThrow(c.output.name);
      Tensor told = new Tensor();
      told.shape =
          output.getTensorShape().getDimList().stream()
              .mapToLong(TensorShapeProto.Dim::getSize)
              .toArray();
      switch (output.getDtype()) {
        case DT_FLOAT -> {
          told.floats = new float[output.getFloatValCount()];
          for (int i = 0; i < told.floats.length; i++) {
            told.floats[i] = output.getFloatVal(i);
          }
        }
        case DT_INT64 -> {
          told.ints = new long[output.getInt64ValCount()];
          for (int i = 0; i < told.ints.length; i++) {
            told.ints[i] = output.getInt64Val(i);
          }
        }
        default ->
            told.strings =
                output.getStringValList().stream()
                    .map(ByteString::toStringUtf8)
                    .toArray(String[]::new);
      }
      return told;
    };
  }

  private static Predict.PredictRequest request(Case c) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (long size : c.input.shape) {
      shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(size));
    }
    TensorProto.Builder input = TensorProto.newBuilder().setTensorShape(shape);
    if (c.input.strings != null) {
      input.setDtype(DataType.DT_STRING);
      for (String text : c.input.strings) {
        input.addStringVal(ByteString.copyFromUtf8(text));
      }
    } else {
      input.setDtype(DataType.DT_FLOAT);
      for (float value : c.input.floats) {
        input.addFloatVal(value);
      }
    }
    Model.ModelSpec spec =
        Model.ModelSpec.newBuilder().setName("model").setSignatureName(c.signature).build();
    return Predict.PredictRequest.newBuilder()
        .setModelSpec(spec)
        .putInputs(c.input.name, input.build())
        .build();
  }

  /** Calls by Gson, on the nested arrays that it wants. */
  private static Callable<Tensor> overRest(Case c) {
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    URI uri = URI.create(c.target + "/v1/models/model:predict");
    float[][][][] images = nested(c.input);
    return () -> {
      String body = GSON.toJson(new Request(c.signature, Map.of(c.input.name, images)));
      HttpRequest request =
          HttpRequest.newBuilder(uri)
              .timeout(Duration.ofMinutes(1))
              .header("Content-Type", "application/json")
              .POST(HttpRequest.BodyPublishers.ofString(body))
              .build();
      var response = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() != 200) {
        throw new IllegalStateException("HTTP " + response.statusCode());
      }
      float[][] rows = GSON.fromJson(response.body(), Answer.class).outputs();
      Tensor told = new Tensor();
      told.shape = new long[] {rows.length, rows[0].length};
      told.floats = new float[rows.length * rows[0].length];
      for (int i = 0; i < rows.length; i++) {
        System.arraycopy(rows[i], 0, told.floats, i * rows[0].length, rows[0].length);
      }
      return told;
    };
  }

  /** Images as arrays in arrays. */
  private static float[][][][] nested(Tensor t) {
    int[] shape = Arrays.stream(t.shape).mapToInt(Math::toIntExact).toArray();
    float[][][][] images = new float[shape[0]][shape[1]][shape[2]][shape[3]];
    for (int i = 0; i < t.floats.length; i++) {
      int pixel = i / shape[3];
      int row = pixel / shape[2];
      images[row / shape[1]][row % shape[1]][pixel % shape[2]][i % shape[3]] = t.floats[i];
    }
    return images;
  }
}

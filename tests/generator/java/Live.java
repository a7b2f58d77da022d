package program;

import java.io.ByteArrayOutputStream;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import models.awkward.AwkwardClient;
import models.defaults.DefaultsClient;
import models.defaults.ServingDefaultInput;
import models.estimator.ClassificationExample;
import models.estimator.ClassificationInput;
import models.estimator.EstimatorClient;
import models.estimator.PredictExample;
import models.estimator.PredictInput;
import models.estimator.RegressionExample;
import models.estimator.RegressionInput;
import models.halfplustwo.HalfPlusTwoApi;
import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.HalfPlusTwoFake;
import models.halfplustwo.ServingDefaultResult;
import models.ranks.RanksClient;
import models.ranks.ScalarInput;
import models.ranks.UnevenInput;
import models.ranks.UnevenResult;
import models.tfs.Code;
import models.tfs.Connection;
import models.tfs.Example;
import models.tfs.FloatTensor;
import models.tfs.Inference;
import models.tfs.ScoredClass;
import models.tfs.ServingException;
import models.tfs.StringTensor;
import models.tfs.VersionStatus;

/** Calls a model server with generated clients. */
public final class Live {
  private static String grpc;
  private static String rest;

  private interface Test {
    void run(String target) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    grpc = args[0];
    rest = args[1];
    Map<String, Test> tests =
        Map.ofEntries(
            Map.entry("versions", Live::versionsLabelsAndErrors),
            Map.entry("outputs", Live::someOutputs),
            Map.entry("status", Live::statusMetadataAndWaiting),
            Map.entry("batches", Live::batches),
            Map.entry("examples", Live::examples),
            Map.entry("inference", Live::multiInference),
            Map.entry("gzip", Live::gzip),
            Map.entry("ports", Live::swappedPorts),
            Map.entry("verify", Live::verify),
            Map.entry("defaults", Live::defaults),
            Map.entry("threads", Live::fortyThreads),
            Map.entry("cancelling", Live::cancelling),
            Map.entry("replicas", Live::replicas),
            Map.entry("sharing", Live::sharing),
            Map.entry("closing", Live::closing));
    List<String> failed = new ArrayList<>();
    for (Map.Entry<String, Test> test : tests.entrySet()) {
      for (String target : List.of(grpc, rest)) {
        try {
          test.getValue().run(target);
        } catch (Exception | AssertionError e) {
          ByteArrayOutputStream trace = new ByteArrayOutputStream();
          e.printStackTrace(new java.io.PrintStream(trace));
          failed.add(test.getKey() + " of " + target + ": " + trace);
        }
      }
    }
    failed.forEach(System.out::println);
    System.exit(failed.isEmpty() ? 0 : 1);
  }

  private static void check(boolean isTrue, Object shown) {
    if (!isTrue) {
      throw new AssertionError(String.valueOf(shown));
    }
  }

  private static ServingException fails(Code code, Runnable call) {
    try {
      call.run();
    } catch (ServingException e) {
      check(e.code() == code, e);
      return e;
    }
    throw new AssertionError("it did not fail");
  }

  private static models.halfplustwo.ServingDefaultInput half(float... values) {
    return models.halfplustwo.ServingDefaultInput.of(FloatTensor.of(values, values.length, 1));
  }

  private static void versionsLabelsAndErrors(String target) {
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target, o -> o.label("stable"))) {
      check(client.servingDefault(half(2)).y().data()[0] == 3, "half");
      ServingDefaultResult second =
          client.servingDefault(half(2), call -> call.version(2).header("x-a", "b"));
      check(second.y().data()[0] == 4 && second.version() == 2, second.version());
      ServingException e =
          fails(Code.NOT_FOUND, () -> client.servingDefault(half(2), call -> call.version(9)));
      check(!e.isNotSent() && e.httpStatus() == (target.equals(rest) ? 404 : 0), e);
      check(e.getMessage().startsWith(target + ": model \"half_plus_two\", signature"), e);
      e =
          fails(
              Code.NOT_FOUND,
              () -> client.servingDefault(half(2), c -> c.version(1).model("a/b?")));
      e =
          fails(
              Code.INVALID_ARGUMENT,
              () ->
                  client.servingDefault(
                      models.halfplustwo.ServingDefaultInput.of(FloatTensor.of(2f))));
      check(e.isNotSent() && e.reason().contains("input \"x\": shape [1] does not fit"), e);
    }
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target)) {
      long version = client.servingDefault(half(2)).version();
      check(version == (target.equals(grpc) ? 2 : 0) || version == 1, version);
    }
  }

  private static void someOutputs(String target) {
    try (RanksClient client = RanksClient.open(target)) {
      UnevenInput input = UnevenInput.of(FloatTensor.ofNested(new float[][] {{1, 2}, {3, 4}}));
      UnevenResult result = client.uneven(input, call -> call.outputs("sum", "rows"));
      check(result.sum().data()[0] == 10 && result.columns() == null, result.sum());
      check(result.rows().row(1).shape().length == 1, result.rows());
      ServingException e =
          fails(Code.INVALID_ARGUMENT, () -> client.uneven(input, c -> c.outputs("total")));
      check(e.reason().contains("no output \"total\"; it has outputs"), e);
      FloatTensor scalar = client.scalar(ScalarInput.of(FloatTensor.scalar(2))).y();
      check(scalar.shape().length == 0 && scalar.size() == 1, scalar);
    }
  }

  private static void statusMetadataAndWaiting(String target) {
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target)) {
      List<VersionStatus> versions = client.status();
      check(versions.get(0).state() == VersionStatus.State.AVAILABLE, versions);
      check(client.metadata().signatures().containsKey("serving_default"), "metadata");
      check(client.waitUntilReady().version() == versions.get(0).version(), versions);
      check(client.waitUntilReady(call -> call.label("stable")).version() == 1, "stable");
      check(client.status(call -> call.label("stable")).size() == 1, "labelled");
      ServingException e =
          fails(
              Code.DEADLINE_EXCEEDED,
              () ->
                  client.waitUntilReady(
                      call -> call.model("nobody").timeout(Duration.ofMillis(600))));
      check(e.reason().contains("not ready") && e.reason().contains("NOT_FOUND"), e);
      fails(Code.NOT_FOUND, () -> client.status(call -> call.model("nobody")));
    }
  }

  private static void batches(String target) {
    float[] values = new float[10];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target, o -> o.batches(3, 2));
        RanksClient ranks = RanksClient.open(target);
        EstimatorClient estimator = EstimatorClient.open(target, o -> o.batches(1, 4))) {
      FloatTensor y = client.servingDefault(half(values), call -> call.version(1)).y();
      check(Arrays.equals(y.shape(), new long[] {10, 1}) && y.data()[9] == 6.5f, y);
      check(estimator.regression(people()).length == 2, "regression");
      ServingException e =
          fails(
              Code.INVALID_ARGUMENT,
              () ->
                  ranks.uneven(
                      UnevenInput.of(FloatTensor.of(new float[] {1, 2, 3, 4}, 2, 2)),
                      call -> call.batches(1, 1).outputs("sum")));
      check(e.reason().contains("output \"sum\" has shape [] for a batch of 1"), e);
    }
  }

  private static RegressionInput people() {
    return RegressionInput.of(
        RegressionExample.builder().a("x").b(1f).build(),
        RegressionExample.builder().a("\n中").b(-0.5f).build());
  }

  private static void examples(String target) {
    try (EstimatorClient client = EstimatorClient.open(target)) {
      ClassificationExample one = ClassificationExample.builder().a("x").b(1f).build();
      List<List<ScoredClass>> classes = client.classification(ClassificationInput.of(one));
      check(classes.size() == 1 && !classes.get(0).isEmpty(), classes);
      float[] apart = client.regression(people());
      RegressionInput shared =
          RegressionInput.builder()
              .examples(
                  List.of(
                      RegressionExample.builder().a("x").build(),
                      RegressionExample.builder().a("\n中").b(-0.5f).build()))
              .context(Example.builder().floats("b", 1f).build())
              .build();
      check(Arrays.equals(apart, client.regression(shared)), "the context");
      StringTensor serialized =
          StringTensor.ofExamples(PredictExample.builder().a("x").b(1f).build());
      check(client.predict(PredictInput.of(serialized)).logits().size() > 0, "predict");
      ClassificationExample none = ClassificationExample.builder().a("x").build();
      ServingException e =
          fails(Code.INVALID_ARGUMENT, () -> client.classification(ClassificationInput.of(none)));
      check(e.reason().equals("example 0: feature \"b\" is missing"), e);
    }
  }

  private static void multiInference(String target) {
    try (EstimatorClient client = EstimatorClient.open(target)) {
      List<String> names = List.of("regression", "classification");
      List<RegressionExample> examples = people().examples();
      if (target.equals(rest)) {
        fails(Code.UNIMPLEMENTED, () -> client.multiInference(names, examples, null));
        return;
      }
      Map<String, Inference> all = client.multiInference(names, examples, null);
      float[] values = all.get("regression").values();
      check(Arrays.equals(values, client.regression(people())), values);
      check(all.get("classification").classes().size() == 2, all);
      fails(Code.INVALID_ARGUMENT, () -> client.multiInference(List.of("predict"), examples, null));
    }
  }

  private static void gzip(String target) {
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target, o -> o.gzip())) {
      check(client.servingDefault(half(new float[10000])).y().size() == 10000, "gzip");
    }
  }

  private static void swappedPorts(String target) {
    boolean isGrpc = target.equals(grpc);
    String swapped = isGrpc ? "http://" + target : target.substring("http://".length());
    String hint = isGrpc ? "gRPC port (usually 8500), write " + target : "write " + target;
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(swapped, o -> o.retries(0))) {
      ServingException e = fails(Code.UNAVAILABLE, () -> client.servingDefault(half(1)));
      check(e.reason().contains(hint), e);
    }
  }

  private static void verify(String target) {
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target, o -> o.verify());
        AwkwardClient names = AwkwardClient.open(target, o -> o.verify())) {
      client.servingDefault(half(2));
      ServingException e =
          fails(
              Code.FAILED_PRECONDITION,
              () -> client.servingDefault(half(2), call -> call.model("linear")));
      check(e.reason().contains("signature \"classify_two\" is gone; "), e);
      check(e.reason().contains("input \"x\" was float32 [-1, 1] and is float32 [-1]"), e);
      names.servingDefault(
          models.awkward.ServingDefaultInput.builder().class2(FloatTensor.of(1f)).build());
    }
  }

  private static void defaults(String target) {
    try (DefaultsClient client = DefaultsClient.open(target)) {
      ServingDefaultInput input = ServingDefaultInput.builder().x(FloatTensor.of(1f, 2f)).build();
      if (target.equals(grpc)) {
        check(client.servingDefault(input).y().size() == 2, "defaults");
      } else {
        ServingException e = fails(Code.UNIMPLEMENTED, () -> client.servingDefault(input));
        check(e.isNotSent(), e);
      }
    }
  }

  private static void fortyThreads(String target) throws Exception {
    ConcurrentLinkedQueue<Throwable> failed = new ConcurrentLinkedQueue<>();
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target, o -> o.version(1))) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        float x = i;
        Thread thread =
            new Thread(
                () -> {
                  for (int call = 0; call < 20; call++) {
                    float y = client.servingDefault(half(x)).y().data()[0];
                    check(y == x / 2 + 2, y);
                  }
                });
        thread.setUncaughtExceptionHandler((t, e) -> failed.add(e));
        thread.start();
        threads.add(thread);
      }
      for (Thread thread : threads) {
        thread.join();
      }
      check(failed.isEmpty(), failed);
      List<CompletableFuture<ServingDefaultResult>> calls = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        calls.add(client.servingDefaultAsync(half(i)));
      }
      for (int i = 0; i < 100; i++) {
        check(calls.get(i).join().y().data()[0] == i / 2f + 2, i);
      }
    }
  }

  private static void cancelling(String target) throws Exception {
    String scheme = target.equals(rest) ? "http://" : "";
    try (ServerSocket silent = new ServerSocket(0);
        HalfPlusTwoClient client =
            HalfPlusTwoClient.open(scheme + "127.0.0.1:" + silent.getLocalPort())) {
      CompletableFuture<ServingDefaultResult> call = client.servingDefaultAsync(half(1));
      check(call.cancel(true), "cancel");
      try {
        call.join();
      } catch (CancellationException e) {
        check(call.isCancelled(), e);
      }
      AtomicReference<ServingException> thrown = new AtomicReference<>();
      CountDownLatch ended = new CountDownLatch(1);
      Thread thread =
          new Thread(
              () -> {
                try {
                  client.servingDefault(half(1));
                } catch (ServingException e) {
                  thrown.set(e);
                }
                ended.countDown();
              });
      thread.start();
      thread.interrupt();
      ended.await();
      check(thrown.get().code() == Code.CANCELLED, thrown.get());
      fails(
          Code.DEADLINE_EXCEEDED,
          () -> client.servingDefault(half(1), o -> o.timeout(Duration.ofMillis(100))));
    }
  }

  private static void replicas(String target) {
    if (target.equals(rest)) {
      fails(Code.INVALID_ARGUMENT, () -> Connection.open(target + ",localhost:1"));
      return;
    }
    try (HalfPlusTwoClient client =
        HalfPlusTwoClient.open(target + ", " + target, o -> o.version(1))) {
      for (int i = 0; i < 4; i++) {
        check(client.servingDefault(half(2)).y().data()[0] == 3, i);
      }
    }
  }

  private static void sharing(String target) {
    try (Connection connection = Connection.open(target, o -> o.verify())) {
      HalfPlusTwoClient half = HalfPlusTwoClient.on(connection, o -> o.label("stable"));
      RanksClient ranks = RanksClient.on(connection);
      FloatTensor y = half.servingDefault(half(2)).y();
      check(ranks.rank2(models.ranks.Rank2Input.of(y)).y().shape().length == 2, y);
      half.close();
      fails(Code.CANCELLED, () -> half.servingDefault(half(2)));
      ranks.rank2(models.ranks.Rank2Input.of(y));
    }
    HalfPlusTwoApi fake =
        new HalfPlusTwoFake()
            .servingDefault(
                input -> {
                  if (input.x().data()[0] < 0) {
                    throw new ServingException(Code.UNAVAILABLE, "not today");
                  }
                  return ServingDefaultResult.builder().y(input.x()).version(7).build();
                })
            .client();
    check(fake.servingDefault(half(5)).version() == 7, "fake");
    fails(Code.UNAVAILABLE, () -> fake.servingDefault(half(-1)));
    fails(Code.UNIMPLEMENTED, () -> fake.regressXToY(noExamples()));
  }

  private static models.halfplustwo.RegressXToYInput noExamples() {
    return models.halfplustwo.RegressXToYInput.of(
        models.halfplustwo.RegressXToYExample.builder().x(1f).build());
  }

  private static void closing(String target) throws Exception {
    String scheme = target.equals(rest) ? "http://" : "";
    try (ServerSocket silent = new ServerSocket(0)) {
      HalfPlusTwoClient client =
          HalfPlusTwoClient.open(scheme + "127.0.0.1:" + silent.getLocalPort());
      CompletableFuture<ServingDefaultResult> call = client.servingDefaultAsync(half(1));
      client.close();
      Throwable cause = call.handle((value, error) -> error).join();
      check(((ServingException) cause).code() == Code.CANCELLED, cause);
      fails(Code.CANCELLED, () -> client.servingDefault(half(1)));
    }
  }
}

package program;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import models.estimator.EstimatorFake;
import models.halfplustwo.HalfPlusTwoApi;
import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.HalfPlusTwoFake;
import models.halfplustwo.ServingDefaultInput;
import models.halfplustwo.ServingDefaultResult;
import models.tfs.CallInfo;
import models.tfs.CallOptions;
import models.tfs.Code;
import models.tfs.Example;
import models.tfs.Feature;
import models.tfs.FloatTensor;
import models.tfs.Pictures;
import models.tfs.ServingException;
import models.tfs.StringTensor;

/** Holds clients to the rules that those in every language share. */
public final class Rules {
  private static final List<CallInfo> TOLD = Collections.synchronizedList(new ArrayList<>());
  private static final Callable<String> FAILS =
      () -> {
        throw new IOException("no token today");
      };

  public static void main(String[] targets) {
    System.setProperty("java.util.concurrent.ForkJoinPool.common.parallelism", "2");
    try {
      run(targets);
      System.exit(0);
    } catch (Exception | AssertionError e) {
      e.printStackTrace();
      System.exit(1); // a server's thread would go on
    }
  }

  private static void run(String[] targets) throws Exception {
    for (String target : targets) {
      requestsAreTold(target);
      refusalsAreNotTold(target);
      hooksThatFailChangeNothing(target);
      nullIsRefused(target);
    }
    stoppedRequestsAreTold("");
    stoppedRequestsAreTold("http://");
    interruptsAreOfTheUser("");
    interruptsAreOfTheUser("http://");
    waitingSaysWhatItWaitsFor("");
    waitingSaysWhatItWaitsFor("http://");
    retriesNeedNoCommonPool("");
    retriesNeedNoCommonPool("http://");
    partsHaveTheirOwnTime();
    whatACallGivesGoesFirst();
    fakesFit();
  }

  private static ServingDefaultInput half(float... values) {
    return ServingDefaultInput.of(FloatTensor.of(values, values.length, 1));
  }

  private static String told() {
    String all =
        TOLD.stream()
            .map(one -> one.method() + " " + one.signature() + " " + one.code())
            .sorted()
            .collect(Collectors.joining(", "));
    TOLD.clear();
    return all;
  }

  private static void requestsAreTold(String target) {
    try (HalfPlusTwoClient client =
        HalfPlusTwoClient.open(target, o -> o.version(1).onCall(TOLD::add))) {
      client.servingDefault(half(2));
      CallInfo ok = TOLD.get(0);
      check(ok.version() == 1 && ok.error().isEmpty(), ok.version());
      check(ok.requestBytes() > 0 && ok.responseBytes() > 0, ok.requestBytes());
      check(told().equals("Predict serving_default OK"), "predict");
      ServingException e =
          fails(Code.NOT_FOUND, () -> client.servingDefault(half(2), call -> call.version(99)));
      check(TOLD.get(0).error().get().getMessage().equals(e.getMessage()), e);
      check(told().equals("Predict serving_default NOT_FOUND"), "an error");
      client.servingDefault(half(1, 2, 3), call -> call.batches(1, 2));
      String one = "Predict serving_default OK";
      check(told().equals(one + ", " + one + ", " + one), "parts");
      client.waitUntilReady();
      check(told().equals("GetModelStatus  OK"), "a look");
      client.servingDefault(half(2), call -> call.verify());
      check(told().equals("GetModelMetadata  OK, " + one), "verify");
    }
  }

  private static void refusalsAreNotTold(String target) {
    HalfPlusTwoClient client = HalfPlusTwoClient.open(target, o -> o.onCall(TOLD::add));
    ServingDefaultInput wrong = ServingDefaultInput.of(FloatTensor.of(2f));
    fails(Code.INVALID_ARGUMENT, () -> client.servingDefault(wrong));
    ServingException e =
        fails(Code.UNAUTHENTICATED, () -> client.servingDefault(half(2), c -> c.token(FAILS)));
    check(e.reason().contains("no token today") && e.isNotSent(), e);
    for (String token : new String[] {"", "\n", null}) {
      fails(
          Code.INVALID_ARGUMENT,
          () -> client.servingDefault(half(2), call -> call.token(() -> token)));
    }
    fails(
        Code.INVALID_ARGUMENT,
        () -> client.servingDefault(half(2), call -> call.header("a b", "")));
    e =
        fails(
            Code.INVALID_ARGUMENT,
            () -> client.servingDefault(half(2), call -> call.header("a", "s3cret\n")));
    check(!e.getMessage().contains("s3cret"), e);
    client.close();
    fails(Code.CANCELLED, () -> client.servingDefault(half(2)));
    check(told().isEmpty(), "a refusal is told");
  }

  private static void hooksThatFailChangeNothing(String target) {
    Consumer<CallOptions> fails =
        call ->
            call.onCall(
                info -> {
                  throw new IllegalStateException("this hook always fails");
                });
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target)) {
      client.servingDefault(half(1), fails);
      client.servingDefault(half(1, 2, 3), fails.andThen(call -> call.batches(1, 2)));
      fails(
          Code.NOT_FOUND,
          () ->
              client.servingDefault(
                  half(1, 2, 3), fails.andThen(call -> call.batches(1, 2).version(99))));
    }
  }

  private static void nullIsRefused(String target) {
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target)) {
      List<Runnable> all =
          List.of(
              () -> client.servingDefault(null),
              () -> client.servingDefault(half(1), null),
              () -> client.servingDefault(half(1), call -> call.outputs((String[]) null)),
              () -> client.servingDefault(half(1), call -> call.model(null)),
              () -> client.regressXToY(null),
              () -> client.multiInference(null, null),
              () -> client.multiInference(List.of("regress_x_to_y"), null),
              () -> client.waitUntilReady(null),
              () -> HalfPlusTwoClient.open(null),
              () -> HalfPlusTwoClient.open(target, null),
              () -> HalfPlusTwoClient.on(null),
              () -> FloatTensor.of((float[]) null),
              () -> FloatTensor.of(new float[1], (long[]) null),
              () -> StringTensor.of((String[]) null),
              () -> Feature.floats((float[]) null),
              () -> Pictures.of(8, 8).floats((byte[]) null),
              () -> Example.of(null));
      for (Runnable each : all) {
        check(fails(Code.INVALID_ARGUMENT, each).isNotSent(), each);
      }
      Throwable cause = client.servingDefaultAsync(null).handle((value, error) -> error).join();
      check(cause.getMessage().contains(target), cause);
    }
  }

  private static void waitingSaysWhatItWaitsFor(String scheme) throws Exception {
    try (ServerSocket silent = new ServerSocket(0)) {
      HalfPlusTwoClient client =
          HalfPlusTwoClient.open(scheme + "127.0.0.1:" + silent.getLocalPort());
      ServingException e =
          fails(
              Code.DEADLINE_EXCEEDED,
              () -> client.waitUntilReady(call -> call.timeout(Duration.ofMillis(100))));
      check(e.reason().startsWith("not ready: no answer came"), e);
    }
  }

  /** Threads of Java's common pool that wait for calls are not there for other work. */
  private static void retriesNeedNoCommonPool(String scheme) {
    HalfPlusTwoClient client =
        HalfPlusTwoClient.open(scheme + "127.0.0.1:1", o -> o.timeout(Duration.ofSeconds(20)));
    IntStream.range(0, 3)
        .parallel()
        .forEach(i -> fails(Code.UNAVAILABLE, () -> client.servingDefault(half(1))));
  }

  private static void stoppedRequestsAreTold(String scheme) throws Exception {
    try (ServerSocket silent = new ServerSocket(0)) {
      String target = scheme + "127.0.0.1:" + silent.getLocalPort();
      HalfPlusTwoClient client =
          HalfPlusTwoClient.open(target, o -> o.onCall(TOLD::add).retries(0));
      Consumer<CallOptions> soon = call -> call.timeout(Duration.ofMillis(100));
      fails(Code.DEADLINE_EXCEEDED, () -> client.servingDefault(half(1), soon));
      check(told().equals("Predict serving_default DEADLINE_EXCEEDED"), "a timeout");
      var future = client.servingDefaultAsync(half(1));
      client.close();
      Throwable cause = future.handle((value, error) -> error).join();
      check(((ServingException) cause).code() == Code.CANCELLED, cause);
      check(!((ServingException) cause).isNotSent(), cause);
      check(told().equals("Predict serving_default CANCELLED"), "closing");
    }
  }

  private static void interruptsAreOfTheUser(String scheme) throws Exception {
    try (ServerSocket silent = new ServerSocket(0)) {
      HalfPlusTwoClient client =
          HalfPlusTwoClient.open(scheme + "127.0.0.1:" + silent.getLocalPort());
      Consumer<CallOptions> soon = call -> call.timeout(Duration.ofMillis(100)).retries(0);
      fails(Code.DEADLINE_EXCEEDED, () -> client.servingDefault(half(1), soon));
      check(!Thread.interrupted(), "a timeout interrupts");
      Thread.currentThread().interrupt();
      ServingException e = fails(Code.CANCELLED, () -> client.servingDefault(half(1)));
      check(Thread.interrupted(), "an interrupt is lost");
      check(e.getMessage().contains("half_plus_two"), e);
    }
    try (ServerSocket silent = new ServerSocket(0)) {
      HalfPlusTwoClient client =
          HalfPlusTwoClient.open(scheme + "127.0.0.1:" + silent.getLocalPort());
      Thread closing =
          new Thread(
              () -> {
                try (Socket connection = silent.accept()) {
                  client.close();
                  connection.getInputStream().readAllBytes();
                } catch (IOException e) {
                  // the other side may end it in any way
                }
              });
      closing.start();
      fails(Code.CANCELLED, () -> client.servingDefault(half(1)));
      closing.join();
      check(!Thread.interrupted(), "closing interrupts");
    }
  }

  private static void partsHaveTheirOwnTime() throws Exception {
    HttpServer server = serve("{\"outputs\": [[1.0]]}", 4000, new ArrayList<>());
    try (HalfPlusTwoClient client = open(server)) {
      Consumer<CallOptions> parts =
          call -> call.batches(1, 1).timeout(Duration.ofSeconds(10)).retries(0);
      check(client.servingDefault(half(1, 2, 3), parts).y().size() == 3, "parts");
      fails(
          Code.DEADLINE_EXCEEDED,
          () ->
              client.servingDefault(
                  half(1, 2, 3), parts.andThen(call -> call.timeout(Duration.ofMillis(50)))));
      fails(
          Code.DEADLINE_EXCEEDED,
          () -> client.servingDefault(half(1), call -> call.timeout(Duration.ofMillis(50))));
    }
    server.stop(0);
  }

  private static void whatACallGivesGoesFirst() throws Exception {
    List<String> sent = new ArrayList<>();
    HttpServer server = serve("{\"outputs\": [[1.0]]}", 0, sent);
    String target = "http://127.0.0.1:" + server.getAddress().getPort();
    try (HalfPlusTwoClient client =
        HalfPlusTwoClient.open(
            target, o -> o.token(() -> "client").header("authorization", "header of client"))) {
      client.servingDefault(half(1));
      client.servingDefault(half(1), call -> call.header("Authorization", "header of call"));
      client.servingDefault(half(1), call -> call.token(() -> "call"));
      client.servingDefault(
          half(1), call -> call.token(() -> "call").header("authorization", "no"));
    }
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(target, o -> o.token(FAILS))) {
      client.servingDefault(half(1), call -> call.header("authorization", "it is not asked"));
    }
    server.stop(0);
    check(
        sent.equals(
            List.of(
                "Bearer client",
                "header of call",
                "Bearer call",
                "Bearer call",
                "it is not asked")),
        sent);
  }

  private static HttpServer serve(String answer, int millis, List<String> authorizations)
      throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          exchange.getRequestBody().readAllBytes();
          authorizations.add(exchange.getRequestHeaders().getFirst("Authorization"));
          try {
            Thread.sleep(millis);
          } catch (InterruptedException e) {
            throw new IOException(e);
          }
          byte[] body = answer.getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    return server;
  }

  private static HalfPlusTwoClient open(HttpServer server) {
    return HalfPlusTwoClient.open("http://127.0.0.1:" + server.getAddress().getPort());
  }

  private static void fakesFit() {
    FloatTensor wrong = FloatTensor.of(1f);
    HalfPlusTwoApi fake =
        new HalfPlusTwoFake()
            .servingDefault(asked -> ServingDefaultResult.builder().y(wrong).build())
            .client();
    ServingDefaultResult shown = ServingDefaultResult.builder().y(wrong).build();
    check(shown.toString().equals("y: FloatTensor[1] [1.0]"), shown);
    ServingException e = fails(Code.INTERNAL, () -> fake.servingDefault(half(1)));
    check(e.isBadAnswer() && e.reason().startsWith("the fake's answer does not fit: output"), e);
    HalfPlusTwoApi none = new HalfPlusTwoFake().servingDefault(asked -> null).client();
    e = fails(Code.INTERNAL, () -> none.servingDefault(half(1)));
    check(e.reason().equals("the fake's answer does not fit: it is null"), e);
    var person = models.estimator.RegressionExample.builder().a("x").b(1f).build();
    var fewer = new EstimatorFake().regression(asked -> new float[0]).client();
    e = fails(Code.INTERNAL, () -> fewer.regression(models.estimator.RegressionInput.of(person)));
    check(e.reason().equals("the fake's answer does not fit: got 0 results for 1 examples"), e);
    var nothing = new EstimatorFake().regression(asked -> null).client();
    e = fails(Code.INTERNAL, () -> nothing.regression(models.estimator.RegressionInput.of(person)));
    check(e.reason().equals("the fake's answer does not fit: it is null"), e);
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
}

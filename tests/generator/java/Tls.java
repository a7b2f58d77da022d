package program;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.grpc.HandlerRegistry;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCallHandler;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.ServingDefaultInput;
import models.tfs.Code;
import models.tfs.FloatTensor;
import models.tfs.ServingException;

/** Calls servers over TLS, whose certificate is in a key store. */
public final class Tls {
  private static final char[] PASSWORD = "changeit".toCharArray();

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] message) {
      return new ByteArrayInputStream(message);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Answers each call with an error that it can be known by. */
  private static final class Refusing extends HandlerRegistry {
    @Override
    public ServerMethodDefinition<?, ?> lookupMethod(String name, String authority) {
      ServerCallHandler<byte[], byte[]> refuse =
          (call, headers) -> {
            call.close(Status.ABORTED.withDescription("over TLS"), headers);
            return new io.grpc.ServerCall.Listener<>() {};
          };
      return ServerMethodDefinition.create(
          MethodDescriptor.newBuilder(new Bytes(), new Bytes())
              .setType(MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(name)
              .build(),
          refuse);
    }
  }

  public static void main(String[] args) {
    try {
      run(args[0]);
      System.exit(0);
    } catch (Exception | AssertionError e) {
      e.printStackTrace();
      System.exit(1); // the servers' threads would go on
    }
  }

  private static void run(String path) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream file = new FileInputStream(path)) {
      store.load(file, PASSWORD);
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
    keys.init(store, PASSWORD);
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);

    HttpsServer https = HttpsServer.create(new InetSocketAddress("localhost", 0), 0);
    https.setHttpsConfigurator(new HttpsConfigurator(context));
    https.createContext(
        "/",
        exchange -> {
          byte[] body = "{\"error\": \"over TLS\"}".getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(409, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    https.start();
    Server grpc =
        NettyServerBuilder.forAddress(new InetSocketAddress("localhost", 0))
            .sslContext(GrpcSslContexts.configure(SslContextBuilder.forServer(keys)).build())
            .fallbackHandlerRegistry(new Refusing())
            .build()
            .start();

    String rest = "https://localhost:" + https.getAddress().getPort();
    String secure = "localhost:" + grpc.getPort();
    check(call(rest, context), Code.ABORTED, "over TLS");
    check(call(secure, context), Code.ABORTED, "over TLS");
    check(call("grpcs://" + secure, context), Code.ABORTED, "over TLS");
    check(call(rest, null), Code.UNAVAILABLE, "certif");
    check(call("grpcs://" + secure, null), Code.UNAVAILABLE, "certif");
    check(call(secure, null), Code.UNAVAILABLE, "grpcs://" + secure);
  }

  private static ServingException call(String target, SSLContext context) {
    ServingDefaultInput input = ServingDefaultInput.of(FloatTensor.of(new float[1], 1, 1));
    try (HalfPlusTwoClient client =
        HalfPlusTwoClient.open(target, o -> o.sslContext(context).retries(0))) {
      client.servingDefault(input);
      throw new AssertionError("it did not fail");
    } catch (ServingException e) {
      return e;
    }
  }

  private static void check(ServingException e, Code code, String part) {
    if (e.code() != code || !e.reason().contains(part)) {
      throw new AssertionError(e.getMessage(), e);
    }
  }
}

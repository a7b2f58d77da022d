package program;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.nio.channels.ClosedChannelException;
import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.ServingDefaultInput;
import models.tfs.Code;
import models.tfs.FloatTensor;
import models.tfs.ServingException;

/** Loses connections, and gets them back. */
public final class Lost {
  private static final ServingDefaultInput TWO =
      ServingDefaultInput.of(FloatTensor.of(new float[] {2}, 1, 1));

  public static void main(String[] targets) throws Exception {
    for (String target : targets) {
      for (int i = 0; i < 5; i++) {
        dieAndReturn(target);
      }
    }
    failWith(Status.UNKNOWN.withCause(new ClosedChannelException()), Code.UNAVAILABLE);
    failWith(Status.UNKNOWN.withDescription("channel closed"), Code.UNKNOWN); // says a server
    System.exit(0);
  }

  private static void dieAndReturn(String target) throws Exception {
    int real = Integer.parseInt(target.substring(target.lastIndexOf(':') + 1));
    Forwarder server = new Forwarder(0, real);
    String address = target.replace(":" + real, ":" + server.port());
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(address, o -> o.version(1))) {
      answers(client);
      server.close();
      fails(client, Code.UNAVAILABLE);
      Forwarder again = new Forwarder(server.port(), real);
      client.waitUntilReady();
      answers(client);
      again.close();
    }
  }

  private static void failWith(Status status, Code code) {
    ManagedChannel channel =
        ManagedChannelBuilder.forTarget("localhost:1").intercept(new Failing(status)).build();
    try (HalfPlusTwoClient client =
        HalfPlusTwoClient.open("localhost:1", o -> o.channel(channel).retries(0))) {
      fails(client, code);
    }
    channel.shutdownNow();
  }

  private static void answers(HalfPlusTwoClient client) {
    float y = client.servingDefault(TWO).y().data()[0];
    if (y != 3) {
      throw new AssertionError(y);
    }
  }

  private static void fails(HalfPlusTwoClient client, Code code) {
    try {
      client.servingDefault(TWO);
    } catch (ServingException e) {
      if (e.code() != code) {
        throw new AssertionError(e);
      }
      return;
    }
    throw new AssertionError("it did not fail");
  }

  /** Ends calls with a status. */
  private static final class Failing implements ClientInterceptor {
    private final Status status;

    Failing(Status status) {
      this.status = status;
    }

    @Override
    public <A, B> ClientCall<A, B> interceptCall(
        MethodDescriptor<A, B> method, CallOptions options, Channel next) {
      return new ClientCall<A, B>() {
        @Override
        public void start(Listener<B> listener, Metadata headers) {
          listener.onClose(status, headers);
        }

        @Override
        public void request(int count) {}

        @Override
        public void cancel(String message, Throwable cause) {}

        @Override
        public void halfClose() {}

        @Override
        public void sendMessage(A message) {}
      };
    }
  }
}

package program;

import java.time.Duration;
import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.ServingDefaultInput;
import models.tfs.Code;
import models.tfs.FloatTensor;
import models.tfs.ServingException;

/** Calls targets of every kind where no server is, or another one than the target says. */
public final class Targets {
  private static final String NOT_TLS = "does not speak TLS, write ";

  public static void main(String[] real) {
    fails("[::1]:1", Code.UNAVAILABLE, "");
    fails("dns:///[::1]:1", Code.UNAVAILABLE, "");
    fails("DNS:///localhost:1", Code.UNAVAILABLE, "");
    fails("[::1%25lo]:1", Code.UNAVAILABLE, "");
    fails("no_such_host.invalid:1", Code.UNAVAILABLE, "no_such_host");
    fails("dns:///no_such_host.invalid:1", Code.UNAVAILABLE, "no_such_host");
    fails("b\u00fccher.invalid:1", Code.UNAVAILABLE, "xn--bcher-kva");
    fails("dns://", Code.INVALID_ARGUMENT, "names no server");
    if (System.getProperty("os.name").equals("Linux")) {
      fails("unix:/no/such/socket", Code.UNAVAILABLE, "FileNotFound");
    }
    fails("http://no-such-host.invalid:1", Code.UNAVAILABLE, "the host is unknown");
    fails("http://no_such_host:1", Code.INVALID_ARGUMENT, "use another name for it");
    fails("http://localhost:99999", Code.INVALID_ARGUMENT, "is not a base URL");
    String grpc = real[0];
    fails("grpcs://" + grpc, Code.UNAVAILABLE, NOT_TLS + grpc);
    fails(real[1].replace("http:", "https:"), Code.UNAVAILABLE, NOT_TLS + real[1]);
    System.exit(0);
  }

  private static void fails(String target, Code code, String words) {
    try (HalfPlusTwoClient client =
        HalfPlusTwoClient.open(target, o -> o.timeout(Duration.ofSeconds(30)).retries(0))) {
      client.servingDefault(ServingDefaultInput.of(FloatTensor.of(new float[] {1}, 1, 1)));
    } catch (ServingException e) {
      if (e.code() != code || !e.reason().contains(words) || !e.target().equals(target)) {
        throw new AssertionError(target, e);
      }
      return;
    }
    throw new AssertionError(target + " did not fail");
  }
}

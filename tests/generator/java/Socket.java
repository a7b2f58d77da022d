package program;

import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.ServingDefaultInput;
import models.tfs.FloatTensor;

/** Calls a server at a Unix socket. */
public final class Socket {
  public static void main(String[] targets) {
    ServingDefaultInput input = ServingDefaultInput.of(FloatTensor.of(new float[] {1}, 1, 1));
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(targets[0], o -> o.version(1))) {
      float y = client.servingDefault(input).y().data()[0];
      if (y != 2.5f) {
        throw new AssertionError(y);
      }
    }
    // No thread of the client keeps the program running.
  }
}

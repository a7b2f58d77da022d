package program;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.ServingDefaultInput;
import models.halfplustwo.ServingDefaultResult;
import models.tfs.FloatTensor;

/** Calls a server that has fewer threads than there are calls, from threads and all at once. */
public final class Busy {
  private static final Queue<Object> FAILED = new ConcurrentLinkedQueue<>();

  public static void main(String[] args) throws Exception {
    try (HalfPlusTwoClient client = HalfPlusTwoClient.open(args[0], o -> o.verify().retries(0))) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        float x = i;
        Thread thread = new Thread(() -> callTenTimes(client, x));
        thread.start();
        threads.add(thread);
      }
      for (Thread thread : threads) {
        thread.join();
      }
      List<CompletableFuture<ServingDefaultResult>> calls = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        calls.add(client.servingDefaultAsync(input(i)));
      }
      for (int i = 0; i < 200; i++) {
        check(calls.get(i).join().y().data()[0], i);
      }
    }
    System.out.print(FAILED.isEmpty() ? "" : FAILED.size() + " failed: " + FAILED.peek());
    System.exit(0);
  }

  private static void callTenTimes(HalfPlusTwoClient client, float x) {
    for (int i = 0; i < 10; i++) {
      try {
        check(client.servingDefault(input(x)).y().data()[0], x);
      } catch (RuntimeException e) {
        FAILED.add(e);
      }
    }
  }

  private static ServingDefaultInput input(float x) {
    return ServingDefaultInput.of(FloatTensor.of(new float[] {x}, 1, 1));
  }

  private static void check(float y, float x) {
    if (y != x / 2 + 3) {
      FAILED.add(y);
    }
  }
}

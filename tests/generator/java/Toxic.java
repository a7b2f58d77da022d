package program;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.ServingDefaultInput;
import models.tfs.FloatTensor;
import models.tfs.ServingException;

/** Calls servers that answer wrongly, slowly or not at all: a line of tabs tells of each. */
public final class Toxic {
  private static final Duration SHORT = Duration.ofMillis(1200);
  private static final Duration LONG = Duration.ofSeconds(60);

  public static void main(String[] args) throws Exception {
    List<CompletableFuture<String>> found = new ArrayList<>();
    var threads = Executors.newCachedThreadPool();
    for (String line : Files.readAllLines(Path.of(args[0]))) {
      String[] server = line.split("\t");
      found.add(CompletableFuture.supplyAsync(() -> call(server), threads));
    }
    String failed = "";
    for (CompletableFuture<String> each : found) {
      failed += each.join();
    }
    threads.shutdown();
    System.out.print(failed);
    found.clear();
    // Threads of clients end with them: of the REST clients once nobody refers to those.
    long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (left() > 0 && System.nanoTime() < until) {
      System.gc();
      Thread.sleep(100);
    }
    System.out.print(left() > 0 ? left() + " threads are left\n" : "");
    System.exit(0);
  }

  private static long left() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(
            name ->
                name.startsWith("HttpClient")
                    || name.startsWith("tfs-")
                    || name.startsWith("grpc-nio"))
        .count();
  }

  private static String call(String[] server) {
    String name = server[0];
    boolean large = name.equals("reads slowly");
    int rows = large ? 2_500_000 : 1;
    ServingDefaultInput input = ServingDefaultInput.of(FloatTensor.of(new float[rows], rows, 1));
    Duration timeout = server[2].equals("DEADLINE_EXCEEDED") ? SHORT : LONG;
    try (HalfPlusTwoClient client =
        HalfPlusTwoClient.open(server[1], o -> o.timeout(timeout).retries(0))) {
      long started = System.nanoTime();
      String came;
      try {
        client.servingDefault(input);
        came = "an answer";
      } catch (ServingException e) {
        boolean right = List.of(server[2].split(" ")).contains(e.code().name());
        came = right && e.getMessage().contains(server[1]) ? "" : e.getMessage();
      }
      Duration took = Duration.ofNanos(System.nanoTime() - started);
      if (took.compareTo(LONG) > 0 && !large) {
        came += " after " + took;
      }
      try {
        client.status();
        client.metadata();
      } catch (ServingException e) {
        // the same
      }
      return came.isEmpty() ? "" : name + ": " + came + ", not " + server[2] + "\n";
    }
  }
}

package program;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.stream.Collectors;
import models.tfs.ByteTensor;
import models.tfs.Fit;
import models.tfs.Pictures;
import models.tfs.ServingException;

/** Prints the pixels of pictures: each a line with a file, a way to fit it, and a shape. */
public final class Seen {
  public static void main(String[] args) throws Exception {
    for (String line : Files.readAllLines(Path.of(args[0]))) {
      String[] words = line.split(" ");
      int[] shape = Arrays.stream(words).skip(2).mapToInt(Integer::parseInt).toArray();
      byte[] file = Base64.getDecoder().decode(words[0]);
      ByteTensor found;
      try {
        found = Pictures.of(shape).fit(Fit.valueOf(words[1])).bytes(file);
      } catch (ServingException e) {
        System.out.println(e.reason());
        continue;
      }
      String sizes =
          Arrays.stream(found.shape()).mapToObj(Long::toString).collect(Collectors.joining(" "));
      System.out.println(Base64.getEncoder().encodeToString(found.data()) + " " + sizes);
    }
  }
}

package program;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import models.meant.MeantClient;
import models.meant.Rank2Input;
import models.meant.Rank2Result;
import models.meant.Rank3Input;
import models.meant.Rank4Input;
import models.tfs.Code;
import models.tfs.Fit;
import models.tfs.FloatTensor;
import models.tfs.Pictures;
import models.tfs.ScoredClass;
import models.tfs.ServingException;

/** Calls a model of which is told what its tensors stand for, and prints what comes of it. */
public final class Meant {
  public static void main(String[] args) throws Exception {
    byte[] grey = Files.readAllBytes(Path.of(args[1]));
    byte[] rgb = Files.readAllBytes(Path.of(args[2]));
    try (MeantClient client = MeantClient.open(args[0], options -> options.model("ranks"))) {
      Rank3Input one = Rank3Input.builder().readX(grey).build();
      System.out.println(Arrays.toString(client.rank3(one).y().data()));
      Rank4Input other = Rank4Input.builder().readX(rgb).build();
      System.out.println(Arrays.toString(client.rank4(other).y().data()));
      Rank2Input scores =
          Rank2Input.of(FloatTensor.of(new float[] {1, 7, 2, 5, Float.NaN, 5}, 2, 3));
      Rank2Result result = client.rank2(scores);
      for (List<ScoredClass> row : result.topY(9)) {
        System.out.println(row.stream().map(ScoredClass::label).collect(Collectors.toList()));
      }
      ScoredClass first = result.topY(1).get(0).get(0);
      check(first.label().equals("one") && first.score() == 8, first);
      refused("0 is not a number of classes", () -> result.topY(0));
      FloatTensor two = FloatTensor.of(new float[2], 1, 2);
      refused("are not for 3 labels", () -> Rank2Result.builder().y(two).build().topY(1));
      refused("there are no scores", () -> Rank2Result.builder().build().topY(1));
    }
    ordered(rgb);
    pictures(rgb);
    System.exit(0);
  }

  private static void ordered(byte[] rgb) {
    Pictures kept = Pictures.of(2, 3, 3);
    byte[] last = kept.bytes(rgb).data();
    byte[] first = kept.channelsFirst().bytes(rgb, rgb).data();
    check(first[6] == last[1] && first[18 + 13] == last[5], Arrays.toString(first));
    check(kept.bgr().bytes(rgb).data()[0] == last[2], "blue is not first");
    FloatTensor grey = Pictures.of(2, 3, 1).channelsFirst().mean(1).std(2).floats(rgb);
    check(Arrays.equals(grey.shape(), new long[] {1, 1, 2, 3}), grey);
    float value = Pictures.of(2, 3, 1).bytes(rgb).data()[1];
    check(grey.data()[1] == (value - 1) / 2, grey);
    FloatTensor scaled = kept.channelsFirst().mean(0, 1, 2).floats(rgb);
    check(scaled.data()[6] == last[1] - 1, scaled);
    check(Pictures.of(6, 3).fit(Fit.PAD).bytes(rgb).data()[2] == 0, "no border");
    check(Pictures.of(4, 4).bytes().size() == 0, "no picture");
  }

  private static void pictures(byte[] rgb) throws Exception {
    refused("[1, 1, 2] is not a shape of pictures", () -> Pictures.of(1, 1, 2));
    refused("[0, 1] is not a shape of pictures", () -> Pictures.of(0, 1));
    refused("2 numbers are not for 3 channels", () -> Pictures.of(1, 1, 3).mean(1, 2));
    refused("are for an input of float32", () -> Pictures.of(1, 1).range(0, 1).bytes(rgb));
    Pictures any = Pictures.of(-1, -1, 3);
    refused("picture 0: it is not a PNG, JPEG or GIF file", () -> any.bytes(new byte[] {'B'}));
    byte[] half = Arrays.copyOf(rgb, rgb.length / 2);
    refused("picture 1: it cannot be decoded: ", () -> any.bytes(rgb, half));
    byte[] high = drawn("png", 3, 4);
    refused("picture 1 is 4 pixels high and 3 wide, unlike", () -> any.bytes(rgb, high));
    byte[] huge = rgb.clone();
    huge[16] = huge[20] = 0x7f; // the upper bytes of width and height
    refused("; at most 50000000 pixels are decoded", () -> any.bytes(huge));
    byte[] jpeg = drawn("jpeg", 64, 64);
    check(any.bytes(jpeg).size() == 3 * 64 * 64, "a JPEG");
    refused("it ends too early", () -> any.bytes(Arrays.copyOf(jpeg, jpeg.length / 2)));
  }

  private static byte[] drawn(String format, int width, int height) throws Exception {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    ImageIO.write(new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB), format, file);
    return file.toByteArray();
  }

  private static void check(boolean isTrue, Object shown) {
    if (!isTrue) {
      throw new AssertionError(String.valueOf(shown));
    }
  }

  private static void refused(String reason, Runnable call) {
    try {
      call.run();
    } catch (ServingException e) {
      check(e.code() == Code.INVALID_ARGUMENT && e.isNotSent(), e);
      check(e.reason().contains(reason), e);
      return;
    }
    throw new AssertionError("it was not refused: " + reason);
  }
}

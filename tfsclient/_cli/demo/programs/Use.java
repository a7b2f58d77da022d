import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import models.digits.DigitsClient;
import models.digits.ServingDefaultInput;
import models.tfs.FloatTensor;

/** Reads a batch of images as JSON and prints the digit that the first one shows. */
final class Use {
  public static void main(String[] args) throws IOException {
    String json = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
    double[] numbers =
        Pattern.compile("[0-9.eE+-]+")
            .matcher(json)
            .results()
            .mapToDouble(found -> Double.parseDouble(found.group()))
            .toArray();
    float[] pixels = new float[numbers.length];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) numbers[i];
    }
    FloatTensor images = FloatTensor.of(pixels, pixels.length / 64, 8, 8);
    try (DigitsClient client = DigitsClient.open(args[0])) {
      System.out.println(client.servingDefault(ServingDefaultInput.of(images)).digit().data()[0]);
    }
  }
}

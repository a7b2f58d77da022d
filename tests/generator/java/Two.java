import java.util.Arrays;
import models.estimator.ClassificationExample;
import models.estimator.ClassificationInput;
import models.estimator.EstimatorClient;
import models.halfplustwo.HalfPlusTwoClient;
import models.halfplustwo.ServingDefaultInput;
import models.tfs.Connection;
import models.tfs.FloatTensor;
import models.tfs.ServingException;

/** Calls two models on a connection, over each of the transports that it is given. */
final class Two {
  public static void main(String[] targets) {
    FloatTensor wrong = FloatTensor.of(1f, 2f);
    ClassificationExample person = ClassificationExample.builder().a("x").b(1f).build();
    for (String target : targets) {
      try (Connection connection = Connection.open(target)) {
        HalfPlusTwoClient half = HalfPlusTwoClient.on(connection, client -> client.version(1));
        ServingDefaultInput input =
            ServingDefaultInput.of(FloatTensor.of(new float[] {2, 5}, 2, 1));
        System.out.println(Arrays.toString(half.servingDefault(input).y().data()));
        System.out.println(half.servingDefaultAsync(input).join().version());
        try {
          half.servingDefault(ServingDefaultInput.of(wrong));
        } catch (ServingException e) {
          System.out.println(e.code());
        }
        EstimatorClient estimator = EstimatorClient.on(connection);
        System.out.println(estimator.classification(ClassificationInput.of(person)));
      }
    }
  }
}

import java.time.Duration
import models.halfplustwo.HalfPlusTwoClient
import models.halfplustwo.HalfPlusTwoFake
import models.halfplustwo.ServingDefaultInput
import models.halfplustwo.ServingDefaultResult
import models.tfs.Code
import models.tfs.FloatTensor
import models.tfs.ServingException

fun main(args: Array<String>) {
    val input = ServingDefaultInput.of(FloatTensor.of(floatArrayOf(2f), 1, 1))
    for (target in args) {
        HalfPlusTwoClient.open(target) { it.timeout(Duration.ofMinutes(1)) }.use { client ->
            val result = client.servingDefault(input) { it.version(1) }
            println(result.y().data().first())
            try {
                client.servingDefault(input) { it.version(9) }
            } catch (e: ServingException) {
                check(e.code() == Code.NOT_FOUND)
            }
        }
    }
    val fake = HalfPlusTwoFake().servingDefault { asked ->
        ServingDefaultResult.builder().y(asked.x()).build()
    }
    println(fake.client().servingDefault(input).y().data().first())
}

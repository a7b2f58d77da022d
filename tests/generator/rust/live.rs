//! Calls models of a server, and a fake.

use models::estimator::{self, RegressionExample, RegressionInput};
use models::half_plus_two::{Client, Fake, ServingDefaultInput, ServingDefaultOutput};
use models::tfs::{CallOptions, Code, Connection, Error, Example, Tensor};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let target = std::env::args().nth(1).unwrap_or_default();
    let connection = Connection::open(target)?;
    let client = Client::on(&connection);
    let ready = client.wait_until_ready().await?;
    let count = client.status().await?.len();
    let input = ServingDefaultInput {
        x: Tensor::new([1, 1], vec![2.0])?,
    };
    let first = client.with(CallOptions::new().version(1));
    let output = first.serving_default(input.clone()).await?;
    println!("{:?} of {count}, {}", output.y.data(), ready.version);

    let missing = client.with(CallOptions::new().version(9));
    let error = missing.serving_default(input.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);

    let example = RegressionExample {
        a: vec!["a".into()],
        b: vec![1.0],
    };
    let shared = RegressionExample {
        a: Vec::new(), // the context has it
        b: vec![1.0],
    };
    let input_of_two = RegressionInput {
        examples: vec![example, shared],
        context: Some(Example::new().bytes("a", ["a"])),
    };
    let values = estimator::Client::on(&connection)
        .regression(input_of_two)
        .await?;
    assert_eq!(values[0], values[1]);

    let fake = Fake::new().serving_default(|input: ServingDefaultInput| async move {
        Ok(ServingDefaultOutput {
            y: input.x,
            ..Default::default()
        })
    });
    let output = fake.client().serving_default(input).await?;
    assert_eq!(output.y.data(), [2.0]);
    Ok(())
}

//! Calls a model, and asks the server about it.

use models::half_plus_two::{Client, ServingDefaultInput};
use models::tfs::{Error, Tensor};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let target = std::env::args().nth(1).unwrap_or_default();
    let client = Client::open(&target)?;
    let ready = client.wait_until_ready().await?;
    let input = ServingDefaultInput {
        x: Tensor::new([1, 1], vec![2.0])?,
    };
    let output = client.serving_default(input).await?;
    let count = client.status().await?.len();
    println!("{:?} by {} of {count}", output.y.data()[0], ready.version);
    Ok(())
}

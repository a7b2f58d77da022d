//! Prints the pixels of pictures, or why there are none: each a line with a way to fit it, a shape, and a
//! file.

use models::tfs::{Error, Fit, Pictures, Tensor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_default();
    for line in std::fs::read_to_string(path)?.lines() {
        let words: Vec<&str> = line.splitn(3, '\t').collect();
        let fit = match words[0] {
            "crop" => Fit::Crop,
            "pad" => Fit::Pad,
            _ => Fit::Stretch,
        };
        let shape: Result<Vec<i64>, _> = words[1].split(' ').map(str::parse).collect();
        let found: Result<Tensor<u8>, Error> = Pictures::new(shape?).fit(fit).read([words[2]]);
        match found {
            Ok(found) => println!("{:?}\t{:?}", found.shape(), found.data()),
            Err(error) => println!("{}: {}", error.code(), error.message()),
        }
    }
    Ok(())
}

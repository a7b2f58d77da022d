//! Calls a model of which is told what its tensors stand for, and refuses files that are no pictures.

use models::ranks::{Client, Rank2Input, Rank3Input, Rank4Input};
use models::tfs::{CallOptions, Class, Code, Error, Fit, Pictures, Tensor};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [target, grey, rgb] = &args[..] else {
        return Err("give a target and two files".into());
    };
    let client = Client::open(target)?.with(CallOptions::new().model("ranks"));
    let x = Rank3Input::read_x([grey])?;
    println!("{:?}", client.rank3(Rank3Input { x }).await?.y.data());
    let rgb = std::fs::read(rgb)?;
    let x = Rank4Input::x_from_bytes([&rgb])?;
    println!("{:?}", client.rank4(Rank4Input { x }).await?.y.data());
    let x = Tensor::new([2, 3], [1.0, 7.0, 2.0, 5.0, f32::NAN, 5.0])?;
    let top = client.rank2(Rank2Input { x }).await?.top_y(9)?;
    for row in top {
        let labels: Vec<_> = row.iter().map(Class::label).collect();
        println!("{labels:?}");
    }
    orders(&rgb)?;
    refuses(&rgb);
    Ok(())
}

fn orders(rgb: &[u8]) -> Result<(), Error> {
    let kept = Pictures::new([2, 3, 3]);
    let last: Tensor<u8> = kept.decode([rgb])?;
    let first: Tensor<u8> = kept.clone().channels_first().decode([rgb, rgb])?;
    assert_eq!(first.shape(), [2, 3, 2, 3]);
    assert_eq!(
        (first.data()[6], first.data()[18 + 13]),
        (last.data()[1], last.data()[5])
    );
    let blue_first: Tensor<u8> = kept.clone().bgr().decode([rgb])?;
    assert_eq!(blue_first.data()[0], last.data()[2]);
    let scaled: Tensor<f32> = kept
        .channels_first()
        .mean([0.0, 1.0, 2.0])
        .std([2.0])
        .decode([rgb])?;
    assert_eq!(scaled.data()[6], (f32::from(last.data()[1]) - 1.0) / 2.0);
    let padded: Tensor<u8> = Pictures::new([6, 3]).fit(Fit::Pad).decode([rgb])?;
    assert_eq!((padded.shape(), padded.data()[2]), (&[1, 6, 3][..], 0));
    let none: Tensor<u8> = Pictures::new([4, 4, 3]).decode([[0; 0]; 0])?;
    assert_eq!(none.shape(), [0, 4, 4, 3]);
    Ok(())
}

fn refuses(rgb: &[u8]) {
    let any = Pictures::new([-1, -1]);
    for (wanted, found) in [
        ("image 0: it is not a PNG, JPEG", any.decode([b"BM"])),
        ("image 0: it is not a PNG, JPEG", any.decode([b""])),
        (
            "image 1: it cannot be decoded",
            any.decode([rgb, &rgb[..50]]),
        ),
        ("image 0, nowhere.png: ", any.read(["nowhere.png"])),
        ("image 0, .: ", any.read(["."])),
        ("[1, 1, 2] is not a shape", bytes([1, 1, 2], rgb)),
        ("[0, 1] is not a shape", bytes([0, 1], rgb)),
        ("[9223372036854775807, 1] is not", bytes([i64::MAX, 1], rgb)),
        (
            "at most 50000000 pixels",
            bytes([50_000_000, 50_000_000], rgb),
        ),
        ("at most 50000000 pixels", bytes([-1, 50_000_000], rgb)),
        (
            "2 numbers are not for 1",
            any.clone().mean([1.0, 2.0]).decode([rgb]),
        ),
        ("std divides, so it", any.clone().std([0.0]).decode([rgb])),
        (
            "that a u8 cannot hold",
            any.clone().range(0.0, 1.0).decode([rgb]),
        ),
    ] {
        let error = found.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(
            error.is_not_sent() && error.message().contains(wanted),
            "{error}"
        );
    }
}

fn bytes(shape: impl Into<Vec<i64>>, file: &[u8]) -> Result<Tensor<u8>, Error> {
    Pictures::new(shape).decode([file])
}

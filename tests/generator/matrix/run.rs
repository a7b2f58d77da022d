//! Makes the calls that it is told, of generated clients, and prints what came of each.

use std::io::{BufRead, Write};

use models::tfs::{self, Class, Complex32, Complex64, Element, Error, Tensor};

/// What a call is told: each argument is a text.
struct Told<'a>(std::str::Split<'a, char>);

impl Told<'_> {
    fn next<T: Given>(&mut self) -> T {
        T::given(self.0.next().unwrap())
    }

    fn examples<E>(&mut self, example: impl Fn(&mut Self) -> E) -> Vec<E> {
        let count: i64 = self.next();
        (0..count).map(|_| example(self)).collect()
    }
}

trait Given {
    fn given(text: &str) -> Self;
}

impl<T: Given> Given for Option<T> {
    fn given(text: &str) -> Self {
        (text != "-").then(|| T::given(text))
    }
}

impl Given for f32 {
    fn given(text: &str) -> Self {
        text.parse().unwrap()
    }
}

impl Given for i64 {
    fn given(text: &str) -> Self {
        text.parse().unwrap()
    }
}

impl Given for Vec<u8> {
    fn given(text: &str) -> Self {
        bytes(text)
    }
}

fn bytes(text: &str) -> Vec<u8> {
    let byte = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The shape of a tensor, and the rest of its text.
fn shaped(text: &str) -> (Vec<usize>, &str) {
    let (shape, rest) = text.split_once(':').unwrap();
    let sizes = shape.split(',').filter(|size| !size.is_empty());
    (sizes.map(|size| size.parse().unwrap()).collect(), rest)
}

fn items<T: Given>(text: &str) -> (Vec<usize>, Vec<T>) {
    let (shape, rest) = shaped(text);
    let count = shape.iter().product();
    let items: Vec<T> = rest.split(',').map(T::given).take(count).collect();
    (shape, items)
}

impl Given for Vec<f32> {
    fn given(text: &str) -> Self {
        items(text).1
    }
}

impl Given for Vec<i64> {
    fn given(text: &str) -> Self {
        items(text).1
    }
}

impl Given for Vec<Vec<u8>> {
    fn given(text: &str) -> Self {
        items(text).1
    }
}

/// An element by its little-endian bytes.
trait Raw: Element {
    const SIZE: usize;
    fn read(bytes: &[u8]) -> Self;
    fn write(&self) -> Vec<u8>;
}

macro_rules! raw {
    ($($element:ty)*) => {$(
        impl Raw for $element {
            const SIZE: usize = size_of::<$element>();

            fn read(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().unwrap())
            }

            fn write(&self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
        }
    )*};
}

raw!(f32 f64 tfs::f16 tfs::bf16 i8 i16 i32 i64 u8 u16 u32 u64);

impl Raw for bool {
    const SIZE: usize = 1;

    fn read(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }

    fn write(&self) -> Vec<u8> {
        vec![u8::from(*self)]
    }
}

macro_rules! complex {
    ($($complex:ident of $part:ty;)*) => {$(
        impl Raw for $complex {
            const SIZE: usize = 2 * size_of::<$part>();

            fn read(bytes: &[u8]) -> Self {
                let (re, im) = bytes.split_at(Self::SIZE / 2);
                let (re, im) = (<$part>::read(re), <$part>::read(im));
                $complex { re, im }
            }

            fn write(&self) -> Vec<u8> {
                [self.re.write(), self.im.write()].concat()
            }
        }
    )*};
}

complex! {
    Complex32 of f32;
    Complex64 of f64;
}

impl<T: Raw> Given for Tensor<T> {
    fn given(text: &str) -> Self {
        let (shape, rest) = shaped(text);
        let data: Vec<T> = bytes(rest).chunks(T::SIZE).map(T::read).collect();
        Tensor::new(shape, data).unwrap()
    }
}

impl Given for Tensor<Vec<u8>> {
    fn given(text: &str) -> Self {
        let (shape, data) = items::<Vec<u8>>(text);
        Tensor::new(shape, data).unwrap()
    }
}

/// What an output is told as.
trait Shown {
    fn shown(&self) -> String;
}

fn told(shape: &[usize], data: String) -> String {
    let sizes: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!("{}:{data}", sizes.join(","))
}

impl<T: Raw> Shown for Tensor<T> {
    fn shown(&self) -> String {
        let bytes: Vec<u8> = self.data().iter().flat_map(T::write).collect();
        told(self.shape(), hex(&bytes))
    }
}

impl Shown for Tensor<Vec<u8>> {
    fn shown(&self) -> String {
        let strings: Vec<_> = self.data().iter().map(|bytes| hex(bytes)).collect();
        told(self.shape(), strings.join(","))
    }
}

type Outputs = Vec<(&'static str, String)>;

fn classes(answer: Vec<Vec<Class>>) -> Outputs {
    let all = answer.concat();
    let labels: Vec<_> = all.iter().map(|c| c.label_bytes().to_vec()).collect();
    let scores: Vec<_> = all.iter().map(Class::score).collect();
    vec![
        ("label", Tensor::from_vec(labels).shown()),
        ("score", Tensor::from_vec(scores).shown()),
    ]
}

fn values(answer: Vec<f32>) -> Outputs {
    vec![("value", Tensor::from_vec(answer).shown())]
}

#[tokio::main]
async fn main() {
    let target = std::env::args().nth(1).unwrap();
    let connection = tfs::Connection::open(target).unwrap();
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut told = Told(line.split('\t'));
        let call = told.0.next().unwrap();
        let line = match calls::make(call, &connection, &mut told).await {
            Ok(outputs) => {
                let fields = outputs
                    .iter()
                    .map(|(name, text)| format!("\t{name}={text}"));
                fields.collect::<String>()
            }
            Err(error) => format!("{}\t{error:?}", error.code()),
        };
        writeln!(out, "{line}").unwrap();
    }
}

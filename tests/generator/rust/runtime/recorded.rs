//! Reads answers that others have read before, and prints what it finds in them.

use std::fmt::Display;

use super::any::each;
use super::call::Record;
use super::{base64, grpc_examples, grpc_predict, rest_examples, rest_predict};
use super::{AnyTensor, Class, DType, Error, Kind, Signature, TensorSpec};

/// A line has the transport, what was called, the answer in base64, and the outputs: names in base64,
/// dtypes and shapes.
#[test]
fn recorded() {
    let Ok(path) = std::env::var("TFSCLIENT_RECORDED") else {
        return;
    };
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let mut words = line.split('\t');
        let mut next = || words.next().unwrap_or("");
        let (transport, kind, answer) = (next(), next(), next());
        let answer = base64::decode(answer.as_bytes()).unwrap();
        let outputs: Vec<_> = words.map(spec).collect();
        let found = found(transport, kind, &answer, outputs).unwrap();
        println!("found [{}]", found.join(","));
    }
}

fn spec(text: &str) -> TensorSpec {
    let words: Vec<_> = text.split(' ').collect();
    let name = base64::decode(words[0].as_bytes()).unwrap();
    let dtype = (0..64)
        .map(DType::by_number)
        .find(|d| d.to_string() == words[1]);
    let sizes = words[2].split(',').filter(|size| !size.is_empty());
    let shape: Vec<i64> = sizes.map(|size| size.parse().unwrap_or(-2)).collect();
    TensorSpec {
        name: String::from_utf8(name).unwrap().into(),
        dtype: dtype.unwrap(),
        shape: (shape != [-2]).then(|| shape.into()),
        optional: false,
    }
}

fn found(
    transport: &str,
    kind: &str,
    answer: &[u8],
    outputs: Vec<TensorSpec>,
) -> Result<Vec<String>, Error> {
    let record = &Record::default();
    let signature = Signature {
        name: "s".into(),
        kind: Kind::Predict,
        inputs: [].as_slice().into(),
        outputs: outputs.into(),
        features: None,
        asks_by_name: false,
        grpc_only: None,
    };
    let wanted = vec![true; signature.outputs.len()];
    let tensors = match (kind, transport) {
        ("classify", "grpc") => {
            return grpc_examples::read_classifications(answer, record).map(classes)
        }
        ("classify", _) => return rest_examples::read_classifications(answer).map(classes),
        ("regress", "grpc") => return grpc_examples::read_regressions(answer, record).map(values),
        ("regress", _) => return rest_examples::read_regressions(answer).map(values),
        (_, "grpc") => grpc_predict::read(answer, record, &signature, &wanted)?,
        _ => rest_predict::read(answer, &signature, &wanted)?,
    };
    Ok(tensors.into_iter().flatten().map(tensor).collect())
}

fn shown(shape: &[usize], values: Vec<String>) -> String {
    format!("{{\"Shape\":{shape:?},\"Values\":{values:?}}}")
}

fn classes(all: Vec<Vec<Class>>) -> Vec<String> {
    let pair = |class: &Class| {
        [
            base64::encode(class.label_bytes()),
            class.score().to_string(),
        ]
    };
    let each = all
        .iter()
        .map(|classes| classes.iter().flat_map(pair).collect());
    each.map(|values: Vec<_>| shown(&[values.len()], values))
        .collect()
}

fn values(all: Vec<f32>) -> Vec<String> {
    let each = all.iter().map(ToString::to_string);
    each.map(|value| shown(&[1], vec![value])).collect()
}

fn tensor(tensor: AnyTensor) -> String {
    fn texts<T: Display>(data: &[T]) -> Vec<String> {
        data.iter().map(ToString::to_string).collect()
    }
    let values = match &tensor {
        AnyTensor::Complex32(t) => t
            .data()
            .iter()
            .map(|c| format!("({}{:+}i)", c.re, c.im))
            .collect(),
        AnyTensor::Complex64(t) => t
            .data()
            .iter()
            .map(|c| format!("({}{:+}i)", c.re, c.im))
            .collect(),
        AnyTensor::Bytes(t) => t.data().iter().map(|bytes| base64::encode(bytes)).collect(),
        AnyTensor::F32(t) => texts(t.data()),
        AnyTensor::F64(t) => texts(t.data()),
        AnyTensor::F16(t) => texts(t.data()),
        AnyTensor::BF16(t) => texts(t.data()),
        AnyTensor::I8(t) => texts(t.data()),
        AnyTensor::I16(t) => texts(t.data()),
        AnyTensor::I32(t) => texts(t.data()),
        AnyTensor::I64(t) => texts(t.data()),
        AnyTensor::U8(t) => texts(t.data()),
        AnyTensor::U16(t) => texts(t.data()),
        AnyTensor::U32(t) => texts(t.data()),
        AnyTensor::U64(t) => texts(t.data()),
        AnyTensor::Bool(t) => texts(t.data()),
    };
    shown(each!(&tensor, t => t.shape()), values)
}

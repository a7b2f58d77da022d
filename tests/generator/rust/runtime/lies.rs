//! Answers that lie end in an error: without a panic, and without more memory than came.

use reqwest::header::{HeaderMap, HeaderValue};

use super::call::Record;
use super::error::redacted;
use super::grpc_tensor::{tensor_head, TensorProto};
use super::headers::Header;
use super::json_reader::JsonReader;
use super::json_tensor::write_tensor;
use super::rest_answers::decoded;
use super::wire::Write;
use super::{base64, grpc_examples, grpc_metadata, grpc_predict, gzip, rest_metadata, rest_predict};
use super::{Code, DType, Error, Kind, Signature, Tensor, TensorSpec};

fn signature(dtype: DType) -> Signature {
    let spec = |name: &'static str| TensorSpec {
        name: name.into(),
        dtype,
        shape: None,
        optional: false,
    };
    Signature {
        name: "s".into(),
        kind: Kind::Predict,
        inputs: vec![].into(),
        outputs: vec![spec("y")].into(),
        features: None,
        asks_by_name: false,
        grpc_only: None,
    }
}

fn tensor(dtype: DType, shape: &[usize], number: u32, values: &[u8]) -> Result<(), Error> {
    let mut message = tensor_head(dtype, shape);
    message.chunk(number, values);
    TensorProto::read(&message)?.tensor().map(drop)
}

#[test]
fn tensors_that_lie_about_their_size() {
    for (dtype, shape, number, values) in [
        (DType::Float32, &[1 << 40][..], 5, &[0; 4][..]),
        (DType::Float32, &[1 << 62, 1 << 62], 4, &[0; 4]),
        (DType::Float32, &[1 << 62], 5, &[]),
        (DType::Int64, &[1 << 40], 10, &[1]),
        (DType::Float32, &[2], 4, &[0; 4]),
        (DType::Float32, &[], 5, &[0; 8]),
        (DType::Float32, &[2], 5, &[0; 6]),
        (DType::Float64, &[2], 6, &[0; 12]),
        (DType::Bool, &[1], 4, &[2]),
        (DType::Int32, &[1], 7, &[0xff]),
        (DType::String, &[3], 4, &[1, 1, 9, b'a', b'b']),
        (DType::String, &[1], 4, &[1, b'a', b'b']),
        (DType::String, &[1 << 40], 8, b"a"),
        (DType::String, &[1 << 15], 8, &[b'a'; 1 << 15]),
        (DType::Variant, &[1], 4, &[0]),
        (DType::Float32, &[1; 255], 4, &[0; 4]),
    ] {
        let error = tensor(dtype, shape, number, values).unwrap_err();
        assert!(error.is_bad_answer(), "{error}");
        assert_eq!(error.code(), Code::Internal);
    }
    tensor(DType::Float32, &[1000], 5, &[0; 4]).unwrap(); // the last value stands for the rest
}

/// Every prefix of a message, and every message with a byte that is another, ends in order.
#[test]
fn messages_that_are_cut_or_changed() {
    let mut output = Vec::new();
    output.chunk(1, b"y");
    let mut value = tensor_head(DType::String, &[2]);
    value.chunk(8, b"a");
    value.chunk(8, b"\xff");
    output.chunk(2, &value);
    let mut message = Vec::new();
    message.chunk(1, &output);
    let signature = signature(DType::String);
    let read = |message: &[u8]| {
        let record = &Record::default();
        let _ = grpc_predict::read(message, record, &signature, &[true]);
        let _ = grpc_examples::read_classifications(message, record);
        let _ = grpc_examples::read_regressions(message, record);
        let _ = grpc_examples::read_inferences(message, record);
        let _ = grpc_metadata::read_metadata(message, record);
        let _ = grpc_metadata::read_status(message);
    };
    for end in 0..message.len() {
        read(&message[..end]);
        for byte in [0, 1, 0x0a, 0x12, 0x7f, 0x80, 0xff] {
            let mut changed = message.clone();
            changed[end] = byte;
            read(&changed);
        }
    }
    let json = "{\"outputs\": {\"y\": [[\"a\", \"\\ud83d\\ude00\"], [{\"b64\": \"/w==\"}, \"\"]]}}";
    for end in 0..json.len() {
        let _ = rest_predict::read(&json.as_bytes()[..end], &signature, &[true]);
        for byte in b"\"\\{}[],:x0" {
            let mut changed = json.as_bytes().to_vec();
            changed[end] = *byte;
            let _ = rest_predict::read(&changed, &signature, &[true]);
            let _ = rest_metadata::read_metadata(&changed, &Record::default());
            let _ = rest_metadata::read_status(&changed);
        }
    }
}

#[test]
fn groups_are_passed_over() {
    let group = [0x93, 0x0f, 0x08, 1, 0x13, 0x14, 0x94, 0x0f];
    let mut message = group.to_vec();
    message.extend(tensor_head(DType::Float32, &[1]));
    message.extend(group);
    assert!(TensorProto::read(&message).unwrap().tensor().is_ok());
    for broken in [&group[..6], &[0x13, 0x1c], &[0x14], &[0x13; 200]] {
        assert!(TensorProto::read(broken).is_err());
    }
}

#[test]
fn a_shape_that_is_not_told_is_that_of_no_scalar() {
    let mut message = tensor_head(DType::Float32, &[]);
    message.chunk(2, &[0x18, 1]);
    let error = TensorProto::read(&message).err().unwrap();
    assert!(error.message().contains("its rank is unknown"), "{error}");
}

#[test]
fn numbers_are_those_of_json() {
    for word in ["0", "-0", "10", "-1.50", "1e2", "0E+00", "1.0e-05"] {
        assert!(JsonReader::new(word.as_bytes()).word().is_ok(), "{word}");
    }
    for word in [
        "", "-", "+1", "01", "-00", "1.", ".5", "1.e5", "1e", "1e+", "1e+-2", "0x1p3",
    ] {
        assert!(JsonReader::new(word.as_bytes()).word().is_err(), "{word}");
    }
}

fn read(dtype: DType, answer: &str) -> Result<Tensor<f32>, Error> {
    let signature = signature(dtype);
    let outputs = rest_predict::read(answer.as_bytes(), &signature, &[true])?;
    outputs.into_iter().flatten().next().unwrap().try_into()
}

#[test]
fn json_of_all_kinds() {
    let read = |answer| read(DType::Float32, answer);
    let tensor = read("{\"outputs\": [[NaN, Infinity], [-Infinity, 1e-3]]}").unwrap();
    assert_eq!(tensor.shape(), [2, 2]);
    assert!(
        tensor.data()[0].is_nan() && tensor.data()[1..] == [f32::INFINITY, f32::NEG_INFINITY, 1e-3]
    );
    assert_eq!(read("{\"outputs\": [[], []]}").unwrap().shape(), [2, 0]);
    assert_eq!(read("{\"outputs\": 1}").unwrap().shape(), [0usize; 0]);
    for (answer, text) in [
        ("", "the answer is empty"),
        ("{}", "the answer has no \"outputs\": {}"),
        (
            "{\"outputs\": [1, [2]]}",
            "the answer is malformed: output \"y\": expected an element at byte 16",
        ),
        (
            "{\"outputs\": [[1], [2, 3]]}",
            "lists at the same level have 1 and 2 elements",
        ),
        (
            "{\"outputs\": [[1], 2]}",
            "expected a list nested as deeply as those before it",
        ),
        ("{\"outputs\": [1e99]}", "\"1e99\" is not a float32"),
        (
            "{\"outputs\": [inf]}",
            "expected a value at byte 13, found \"inf]}\"",
        ),
        (
            "{\"outputs\": 1, \"x\": [01]}",
            "expected a value at byte 21",
        ),
        (
            "{\"outputs\": {\"z\": 1}}",
            "the answer lacks output \"y\"; it holds output \"z\"",
        ),
        ("{\"outputs\": 1} x", "expected the end at byte 15"),
        (
            "{\"outputs\": 1",
            "it ends at byte 13, where a comma was expected",
        ),
    ] {
        let error = read(answer).unwrap_err();
        assert!(
            error.is_bad_answer() && error.message().contains(text),
            "{error}"
        );
    }
    let long = format!("{{\"outputs\": [{}]}}", "1".repeat(1_000_000));
    assert!(read(&long).unwrap_err().message().len() < 1000);
    let deep = format!("{{\"outputs\": {}", "[".repeat(1_000_000));
    assert!(read(&deep).is_err());
    assert!(JsonReader::new("[".repeat(1_000_000).as_bytes())
        .skip()
        .is_err());
}

#[test]
fn lists_without_elements_are_written() {
    for (shape, text) in [
        (&[0][..], "[]"),
        (&[3, 0], "[[],[],[]]"),
        (&[1, 2, 0], "[[[],[]]]"),
    ] {
        let mut body = Vec::new();
        let tensor = Tensor::<f32>::new(shape, []).unwrap();
        write_tensor(&tensor.into(), &mut body).unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), text);
    }
}

#[test]
fn answers_that_were_compressed_on_the_way() {
    let zipped = gzip::zip(b"plain", Vec::new()).unwrap();
    let read = |encoding, body: &[u8]| {
        let headers = HeaderMap::from_iter([(
            reqwest::header::CONTENT_ENCODING,
            HeaderValue::from_static(encoding),
        )]);
        decoded(&headers, body.to_vec())
    };
    for encoding in ["gzip", "GZIP", "x-gzip"] {
        assert_eq!(read(encoding, &zipped).unwrap(), b"plain");
    }
    assert_eq!(read("identity", b"plain").unwrap(), b"plain");
    let error = read("br", b"x").unwrap_err();
    assert_eq!(
        error.message(),
        "the answer is encoded as \"br\", which was not asked for"
    );
    assert_eq!(gzip::unzip(&zipped, 5).unwrap(), b"plain");
    let error = gzip::unzip(&zipped, 4).unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
}

#[test]
fn headers_of_bytes() {
    let header = Header::new("Trace-Bin", b"\xff\0");
    header.check().unwrap();
    assert_eq!(header.wire_value(), b"/wA=");
    assert!(Header::new("trace", b"\xff").check().is_err());
}

#[test]
fn base64_both_ways() {
    for bytes in [&b""[..], b"a", b"ab", b"abc", b"\xff\xfe\xfd\xfc"] {
        assert_eq!(
            base64::decode(base64::encode(bytes).as_bytes()).unwrap(),
            bytes
        );
    }
    for text in ["a", "a===", "====", "ab=c", "a b=", "YQ==YQ=="] {
        assert_eq!(base64::decode(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn errors_show_no_password() {
    for (target, shown) in [
        ("http://user:pw@host:1/x", "http://...@host:1/x"),
        ("http://user:p/w@host", "http://...@host"),
        ("http://host/a@b", "http://host/a@b"),
        ("user:pw@host:1", "...@host:1"),
        ("host:1", "host:1"),
    ] {
        assert_eq!(redacted(target), shown);
    }
}

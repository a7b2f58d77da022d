//! Signatures of the zoo, and what the programs share.
#![allow(dead_code)] // not every program needs all of it

use std::borrow::Cow;
use std::future::Future;

use models::tfs::{
    AnyTensor, DType, Element, Error, FeatureSpec, Kind, Model, Prediction, Signature, Tensor,
    TensorSpec,
};

pub const fn spec(name: &'static str, dtype: DType, shape: &'static [i64]) -> TensorSpec {
    TensorSpec {
        name: Cow::Borrowed(name),
        dtype,
        shape: Some(Cow::Borrowed(shape)),
        optional: false,
    }
}

pub const fn optional(name: &'static str, dtype: DType) -> TensorSpec {
    let mut spec = spec(name, dtype, &[]);
    spec.optional = true;
    spec
}

pub const fn signature(
    name: &'static str,
    kind: Kind,
    inputs: &'static [TensorSpec],
    outputs: &'static [TensorSpec],
    features: Option<&'static [FeatureSpec]>,
) -> Signature {
    Signature {
        name: Cow::Borrowed(name),
        kind,
        inputs: Cow::Borrowed(inputs),
        outputs: Cow::Borrowed(outputs),
        features: match features {
            Some(features) => Some(Cow::Borrowed(features)),
            None => None,
        },
        asks_by_name: false,
        grpc_only: None,
    }
}

const fn feature(name: &'static str, dtype: DType) -> FeatureSpec {
    FeatureSpec {
        name: Cow::Borrowed(name),
        dtype,
        shape: Some(Cow::Borrowed(&[1])),
        required: true,
    }
}

use DType::{Float32, Int32, String as Text};

macro_rules! signatures {
    ($($id:ident $name:literal $kind:ident $features:expr; [$($input:expr),*] [$($output:expr),*];)*) => {$(
        pub static $id: Signature = {
            static INPUTS: &[TensorSpec] = &[$($input),*];
            static OUTPUTS: &[TensorSpec] = &[$($output),*];
            signature($name, Kind::$kind, INPUTS, OUTPUTS, $features)
        };
    )*};
}

static FEATURES: &[FeatureSpec] = &[feature("a", Text), feature("b", Float32)];

signatures! {
    HALF "serving_default" Predict None;
        [spec("x", Float32, &[-1, 1])]
        [spec("y", Float32, &[-1, 1])];
    UNEVEN "uneven" Predict None;
        [spec("x", Float32, &[-1, 2])]
        [spec("columns", Float32, &[2]), spec("rows", Float32, &[-1, 2]), spec("sum", Float32, &[])];
    SCALARS "two_scalars" Predict None;
        [spec("n", Int32, &[]), spec("x", Float32, &[])]
        [spec("y", Float32, &[]), spec("z", Text, &[])];
    DEFAULTS "serving_default" Predict None;
        [optional("k", Float32), optional("tag", Text), spec("x", Float32, &[-1])]
        [spec("tag", Text, &[]), spec("y", Float32, &[-1])];
    CLASSIFICATION "classification" Classify Some(FEATURES);
        [spec("inputs", Text, &[-1])]
        [spec("classes", Text, &[-1, 2]), spec("scores", Float32, &[-1, 2])];
    REGRESSION "regression" Regress Some(FEATURES);
        [spec("inputs", Text, &[-1])]
        [spec("outputs", Float32, &[-1, 1])];
}

pub static HALVES: &[&Signature] = &[&HALF];
pub static RANKS: &[&Signature] = &[&UNEVEN, &SCALARS];
pub static WITH_DEFAULTS: &[&Signature] = &[&DEFAULTS];
pub static ESTIMATOR: &[&Signature] = &[&CLASSIFICATION, &REGRESSION];

/// A signature of the model dtypes that gives what it is given.
pub fn identity(dtype: DType) -> &'static Signature {
    Box::leak(Box::new(Signature {
        name: format!("id_{dtype}").into(),
        kind: Kind::Predict,
        inputs: vec![spec("x", dtype, &[-1])].into(),
        outputs: vec![spec("y", dtype, &[-1])].into(),
        features: None,
        asks_by_name: false,
        grpc_only: None,
    }))
}

/// Gives a setting from the environment.
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// Gives the gRPC and the REST target of the server.
pub fn targets() -> [String; 2] {
    [setting("TFSCLIENT_GRPC"), setting("TFSCLIENT_REST")]
}

pub fn open(target: &str, model: &str, signatures: &'static [&'static Signature]) -> Model {
    Model::open(target, model, signatures).expect("the target is well formed")
}

pub fn column(values: &[f32]) -> AnyTensor {
    Tensor::new([values.len(), 1], values)
        .expect("it fits")
        .into()
}

/// Asks for half of a number plus two.
pub async fn half(model: &Model, x: f32) -> Result<f32, Error> {
    let mut answer = model.predict(&HALF, vec![Some(column(&[x]))]).await?;
    Ok(answer.take::<f32>(0)?.data()[0])
}

pub async fn predict(
    model: &Model,
    signature: &'static Signature,
    inputs: Vec<AnyTensor>,
) -> Result<Prediction, Error> {
    let inputs = inputs.into_iter().map(Some).collect();
    model.predict(signature, inputs).await
}

pub fn take<T: Element>(answer: &mut Prediction, index: usize) -> Tensor<T> {
    answer
        .take(index)
        .expect("it has the type of the signature")
}

/// Runs a test on several threads.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime starts").block_on(test);
}

//! Calls of a real server.

mod specs;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use models::tfs::{
    bf16, f16, CallInfo, CallOptions, Code, Complex32, Complex64, Connection, DType, Element,
    Error, Example, Inference, Model, MultiInferenceInput, State, Tensor,
};
use specs::{column, half, open, predict, run, take, targets};

fn people() -> Vec<Example> {
    vec![
        Example::new().bytes("a", ["x"]).floats("b", [1.0]),
        Example::new().bytes("a", ["\n中"]).floats("b", [-0.5]),
    ]
}

#[test]
fn versions_labels_and_errors() {
    run(async {
        for target in targets() {
            let model = open(&target, "half_plus_two", specs::HALVES);
            let stable = model.with(CallOptions::new().label("stable"));
            assert_eq!(half(&stable, 2.0).await.unwrap(), 3.0);
            let second = CallOptions::new().version(2).header("x-a", "b");
            assert_eq!(half(&stable.with(second), 2.0).await.unwrap(), 4.0);
            for options in [
                CallOptions::new().version(9),
                CallOptions::new().model("a/b?"),
            ] {
                let error = half(&model.with(options), 2.0).await.unwrap_err();
                assert_eq!(error.code(), Code::NotFound, "{error}");
                let status = target.starts_with("http").then_some(404);
                assert_eq!(error.http_status(), status);
                assert!(!error.is_not_sent() && error.target() == target, "{error}");
            }
            let up = model.with(CallOptions::new().label(".."));
            let code = up.metadata().await.unwrap_err().code(); // not the answer to another URL
            assert!(matches!(code, Code::InvalidArgument | Code::Unimplemented));
            let both = model.with(CallOptions::new().version(1).label("stable"));
            let error = half(&both, 2.0).await.unwrap_err();
            assert!(error.is_not_sent() && error.message().contains("cannot be combined"));
        }
    });
}

async fn comes_back<T: Element>(model: &Model, dtype: DType, values: Vec<T>) {
    let sent = Tensor::from_vec(values);
    let inputs = vec![sent.clone().into()];
    let mut answer = predict(model, specs::identity(dtype), inputs)
        .await
        .unwrap();
    assert_eq!(take::<T>(&mut answer, 0), sent, "{dtype}");
}

#[test]
fn every_dtype_comes_back() {
    run(async {
        for target in targets() {
            let model = &open(&target, "dtypes", &[]);
            comes_back(model, DType::Bool, vec![true, false]).await;
            comes_back(
                model,
                DType::Float32,
                vec![f32::NEG_INFINITY, -0.0, 1e16, 0.1],
            )
            .await;
            comes_back(model, DType::Float64, vec![f64::MAX, 0.1]).await;
            comes_back(model, DType::Int8, vec![i8::MIN, i8::MAX]).await;
            comes_back(model, DType::Int16, vec![i16::MIN, i16::MAX]).await;
            comes_back(model, DType::Int32, vec![i32::MIN, i32::MAX]).await;
            comes_back(model, DType::Int64, vec![i64::MIN, i64::MAX]).await;
            comes_back(model, DType::Uint8, vec![0, u8::MAX]).await;
            comes_back(model, DType::Uint32, vec![0, u32::MAX]).await;
            comes_back(model, DType::Uint64, vec![0, u64::MAX]).await;
            let strings = vec![b"".to_vec(), b"\xff\x00\"\\".to_vec(), "é\u{1f600}".into()];
            if target.starts_with("http") {
                continue;
            }
            comes_back(model, DType::String, strings).await;
            comes_back(model, DType::Float16, vec![f16::from_f32(-1.5), f16::MAX]).await;
            comes_back(
                model,
                DType::Bfloat16,
                vec![bf16::from_f32(-1.5), bf16::INFINITY],
            )
            .await;
            comes_back(model, DType::Uint16, vec![0, u16::MAX]).await;
            comes_back(
                model,
                DType::Complex64,
                vec![Complex32 { re: 1.0, im: -2.0 }],
            )
            .await;
            comes_back(
                model,
                DType::Complex128,
                vec![Complex64 { re: 1.0, im: -2.0 }],
            )
            .await;
            comes_back(model, DType::Qint8, vec![i8::MIN]).await;
            comes_back(model, DType::Quint8, vec![u8::MAX]).await;
            comes_back(model, DType::Qint16, vec![i16::MIN]).await;
            comes_back(model, DType::Quint16, vec![u16::MAX]).await;
            comes_back(model, DType::Qint32, vec![-5]).await;
            comes_back(model, DType::Int4, vec![-8i8, 7]).await;
            comes_back(model, DType::Uint4, vec![15u8]).await;
            comes_back(model, DType::Float8E5m2, vec![0x3cu8, 0xff]).await;
            comes_back(model, DType::Float8E4m3fn, vec![0x38u8]).await;
            comes_back::<f32>(model, DType::Float32, vec![]).await;
            let large: Vec<f32> = (0u16..50_000).map(f32::from).collect();
            comes_back(model, DType::Float32, large).await;
            let nan = Tensor::from_vec([f32::NAN]).into();
            let signature = specs::identity(DType::Float32);
            let mut answer = predict(model, signature, vec![nan]).await.unwrap();
            assert!(take::<f32>(&mut answer, 0).data()[0].is_nan());
        }
    });
}

#[test]
fn scalars_and_defaults() {
    run(async {
        for target in targets() {
            let model = open(&target, "ranks", specs::RANKS);
            let inputs = vec![Tensor::scalar(3).into(), Tensor::scalar(0.5f32).into()];
            let mut answer = predict(&model, &specs::SCALARS, inputs).await.unwrap();
            assert_eq!(take::<f32>(&mut answer, 0).shape(), [0usize; 0]);
            let model = open(&target, "defaults", specs::WITH_DEFAULTS);
            let x = Tensor::from_vec([1f32, 2.0]);
            let answer = model
                .predict(&specs::DEFAULTS, vec![None, None, Some(x.into())])
                .await;
            if target.starts_with("http") {
                let error = answer.unwrap_err();
                assert_eq!(error.code(), Code::Unimplemented);
                assert!(
                    error.message().contains("input \"k\" has a default"),
                    "{error}"
                );
            } else {
                assert_eq!(take::<f32>(&mut answer.unwrap(), 1).shape(), [2]);
            }
        }
    });
}

#[test]
fn bad_arguments_are_refused_before_they_are_sent() {
    run(async {
        for target in targets() {
            let model = open(&target, "half_plus_two", specs::HALVES);
            let wide = Tensor::new([1, 2], [1f32, 2.0]).unwrap().into();
            let error = predict(&model, &specs::HALF, vec![wide]).await.unwrap_err();
            let text = format!(
                "{target}: model \"half_plus_two\", signature \"serving_default\": INVALID_ARGUMENT: \
                 input \"x\": shape [1, 2] does not fit the signature's [-1, 1]"
            );
            assert_eq!(error.to_string(), text);
            let doubles = Tensor::new([1, 1], [1f64]).unwrap().into();
            let error = predict(&model, &specs::HALF, vec![doubles])
                .await
                .unwrap_err();
            assert!(
                error.is_not_sent() && error.message().contains("it holds f64"),
                "{error}"
            );
            let secret = model.with(CallOptions::new().header("authorization", "s3cret\n"));
            let error = half(&secret, 1.0).await.unwrap_err();
            assert!(error.is_not_sent() && !format!("{error:?}").contains("s3cret"));
        }
    });
}

#[test]
fn outputs_that_are_asked_for() {
    run(async {
        for target in targets() {
            let model = open(&target, "ranks", specs::RANKS);
            let x = Tensor::new([2, 2], [1f32, 2.0, 3.0, 4.0]).unwrap();
            let some = model.with(CallOptions::new().outputs(["sum", "rows"]));
            let mut answer = predict(&some, &specs::UNEVEN, vec![x.clone().into()])
                .await
                .unwrap();
            assert_eq!(answer.outputs[0], None);
            assert_eq!(take::<f32>(&mut answer, 0), Tensor::default());
            assert_eq!(take::<f32>(&mut answer, 1).shape(), [2, 2]);
            let other = model.with(CallOptions::new().outputs(["total"]));
            let error = predict(&other, &specs::UNEVEN, vec![x.into()])
                .await
                .unwrap_err();
            let text = "no output \"total\"; it has outputs \"columns\" \"rows\" \"sum\"";
            assert!(
                error.is_not_sent() && error.message().contains(text),
                "{error}"
            );
        }
    });
}

#[test]
fn examples() {
    run(async {
        let mut answers = Vec::new();
        for target in targets() {
            let model = open(&target, "estimator", specs::ESTIMATOR);
            let parts = model.with(CallOptions::new().batches(1, 4));
            let classes = model
                .classify(&specs::CLASSIFICATION, people(), None)
                .await
                .unwrap();
            let again = parts
                .classify(&specs::CLASSIFICATION, people(), None)
                .await
                .unwrap();
            assert_eq!(classes, again);
            assert!(classes.len() == 2 && classes[0].len() == 2 && classes[0][0].score() > 0.0);
            let values = model
                .regress(&specs::REGRESSION, people(), None)
                .await
                .unwrap();
            assert_eq!(
                values,
                parts
                    .regress(&specs::REGRESSION, people(), None)
                    .await
                    .unwrap()
            );
            let context = Example::new().bytes("a", ["x"]);
            let own = vec![Example::new().floats("b", [1.0])];
            let shared = model
                .regress(&specs::REGRESSION, own, Some(context))
                .await
                .unwrap();
            assert_eq!(shared[0], values[0]);
            let wrong = vec![Example::new().floats("a", [1.0])];
            let error = model
                .regress(&specs::REGRESSION, wrong, None)
                .await
                .unwrap_err();
            let text = "example 0: feature \"a\": it holds float32, but the model expects string";
            assert_eq!((error.message(), error.is_not_sent()), (text, true));
            answers.push((classes, values));

            let input = MultiInferenceInput {
                signatures: vec!["regression".into(), "classification".into()],
                examples: people(),
                context: None,
            };
            for model in [&model, &parts] {
                let found = model.multi_inference(input.clone()).await;
                if target.starts_with("http") {
                    assert_eq!(found.unwrap_err().code(), Code::Unimplemented);
                    continue;
                }
                let found = found.unwrap();
                let (classes, values) = answers[0].clone();
                assert_eq!(found["classification"], Inference::Classify(classes));
                assert_eq!(found["regression"], Inference::Regress(values));
            }
        }
        assert_eq!(answers[0].1, answers[1].1);
    });
}

#[test]
fn status_metadata_and_waiting() {
    run(async {
        for target in targets() {
            let model = open(&target, "half_plus_two", specs::HALVES);
            let versions = model.status().await.unwrap();
            assert!(versions.len() > 1 && versions[0].version > versions[1].version);
            let metadata = model.metadata().await.unwrap();
            let live = &metadata.signatures["serving_default"];
            assert_eq!(
                (&live.inputs, &live.outputs),
                (&specs::HALF.inputs, &specs::HALF.outputs)
            );
            assert!(metadata.version.is_some() && metadata.model == "half_plus_two");
            assert_eq!(
                model.wait_until_ready().await.unwrap().state,
                State::Available
            );
            let stable = model.with(CallOptions::new().label("stable"));
            assert_eq!(stable.wait_until_ready().await.unwrap().version, 1);
            assert_eq!(stable.status().await.unwrap().len(), 1);
            let timeout = CallOptions::new().timeout(Duration::from_millis(600));
            for nobody in [
                CallOptions::new().model("nobody"),
                CallOptions::new().label("nobody"),
            ] {
                let error = model
                    .with(timeout.clone())
                    .with(nobody)
                    .wait_until_ready()
                    .await
                    .unwrap_err();
                assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
                assert!(error.message().contains("not ready after"), "{error}");
            }
            let error = model
                .with(CallOptions::new().model("nobody"))
                .status()
                .await
                .unwrap_err();
            assert_eq!(error.code(), Code::NotFound);
            let verified = model.with(CallOptions::new().verify());
            assert_eq!(
                half(&verified, 2.0).await.unwrap(),
                half(&verified, 2.0).await.unwrap()
            );
            let other =
                open(&target, "half_plus_two", specs::RANKS).with(CallOptions::new().verify());
            let error = half(&other, 2.0).await.unwrap_err();
            assert_eq!(error.code(), Code::FailedPrecondition);
            assert!(
                error.message().contains("signature \"uneven\" is gone"),
                "{error}"
            );
        }
    });
}

#[test]
fn calls_are_told_of() {
    run(async {
        for target in targets() {
            let told: Arc<Mutex<Vec<CallInfo>>> = Arc::default();
            let list = told.clone();
            let options = CallOptions::new()
                .version(1)
                .on_call(move |info| list.lock().unwrap().push(info.clone()));
            let model = open(&target, "half_plus_two", specs::HALVES).with(options);
            half(&model, 2.0).await.unwrap();
            let failed = half(&model.with(CallOptions::new().version(99)), 2.0)
                .await
                .unwrap_err();
            model.status().await.unwrap();
            let told = told.lock().unwrap();
            assert_eq!(told.len(), 3);
            let first = &told[0];
            assert_eq!(
                (first.method, first.signature.as_str()),
                ("Predict", "serving_default")
            );
            assert_eq!((first.version, first.code()), (Some(1), None));
            assert!(first.request_bytes > 0 && first.response_bytes > 0 && first.target == target);
            let error = told[1].error.as_ref().map(ToString::to_string);
            assert_eq!((told[1].version, error), (None, Some(failed.to_string())));
            assert_eq!(
                (told[2].method, told[2].signature.as_str()),
                ("GetModelStatus", "")
            );
        }
    });
}

#[test]
fn batches() {
    run(async {
        let values: Vec<f32> = (0u8..10).map(f32::from).collect();
        for target in targets() {
            let told = Arc::new(Mutex::new(0));
            let count = told.clone();
            let options = CallOptions::new()
                .batches(3, 2)
                .on_call(move |_| *count.lock().unwrap() += 1);
            let model = open(&target, "half_plus_two", specs::HALVES);
            let whole = predict(&model, &specs::HALF, vec![column(&values)])
                .await
                .unwrap();
            let parts = predict(
                &model.with(options.clone()),
                &specs::HALF,
                vec![column(&values)],
            )
            .await
            .unwrap();
            assert_eq!(whole, parts);
            assert_eq!(*told.lock().unwrap(), 4);
            let uneven = open(&target, "ranks", specs::RANKS)
                .with(CallOptions::new().batches(1, 1).outputs(["sum"]));
            let x = Tensor::new([2, 2], [1f32, 2.0, 3.0, 4.0]).unwrap().into();
            let error = predict(&uneven, &specs::UNEVEN, vec![x]).await.unwrap_err();
            assert!(
                error
                    .message()
                    .contains("output \"sum\" has shape [] for a batch of 1"),
                "{error}"
            );
        }
    });
}

#[test]
fn compression() {
    run(async {
        for target in targets() {
            let connection = Connection::builder(target)
                .compression(true)
                .open()
                .unwrap();
            let model = connection.model("half_plus_two", specs::HALVES);
            let mut answer = predict(&model, &specs::HALF, vec![column(&[2.0; 10_000])])
                .await
                .unwrap();
            assert_eq!(take::<f32>(&mut answer, 0).data().len(), 10_000);
        }
    });
}

#[test]
fn swapped_ports() {
    run(async {
        let [grpc, rest] = targets();
        let bare = rest.trim_start_matches("http://");
        for (target, hint) in [
            (
                bare.to_owned(),
                format!("write http://{bare} as the target"),
            ),
            (
                format!("http://{grpc}"),
                format!("write {grpc} without http://"),
            ),
            (
                format!("https://{bare}"),
                format!("does not seem to use TLS: write {rest} as the target"),
            ),
            (
                format!("grpcs://{grpc}"),
                format!("does not seem to use TLS: write {grpc} as the target"),
            ),
        ] {
            let model = open(&target, "half_plus_two", specs::HALVES);
            let error = half(&model.with(CallOptions::new().retries(0)), 1.0)
                .await
                .unwrap_err();
            assert_eq!(error.code(), Code::Unavailable, "{error}");
            assert!(error.message().contains(&hint), "{error}");
        }
    });
}

#[test]
fn tokens() {
    run(async {
        for target in targets() {
            let model = open(&target, "half_plus_two", specs::HALVES);
            let good = model
                .with(CallOptions::new().token(|| async { Ok::<_, Error>("s3cret".to_owned()) }));
            half(&good, 2.0).await.unwrap();
            let bad =
                CallOptions::new().token(|| async { Err::<String, _>("the vault is closed") });
            let error = half(&model.with(bad), 2.0).await.unwrap_err();
            assert_eq!(
                (error.code(), error.is_not_sent()),
                (Code::Unauthenticated, true)
            );
            assert_eq!(error.message(), "there is no token: the vault is closed");
            let empty = CallOptions::new().token(|| async { Ok::<_, Error>(String::new()) });
            let error = half(&model.with(empty), 2.0).await.unwrap_err();
            assert_eq!(error.message(), "the token is empty");
            let never = CallOptions::new()
                .token(std::future::pending::<Result<String, Error>>)
                .timeout(Duration::from_millis(50));
            let error = half(&model.with(never), 2.0).await.unwrap_err();
            assert_eq!(error.code(), Code::DeadlineExceeded);
        }
    });
}

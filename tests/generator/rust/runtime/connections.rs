//! Servers that go and come back, calls that are dropped, and many at once.

mod specs;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use models::tfs::{top, CallOptions, Code, Connection, Error, FakeModel, Prediction, Tensor};
use specs::{column, half, open, predict, run, targets};
use tokio::io::{copy_bidirectional, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes connections on to a server, until it is told to die.
struct Forwarder {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Forwarder {
    async fn start(address: &str, server: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, server) = (listener.local_addr().unwrap(), server.to_owned());
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new(); // dropped, it ends them
            while let Ok((mut client, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let mut server = TcpStream::connect(&server).await.unwrap();
                open.spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            }
        });
        Forwarder {
            address,
            accepted,
            task,
        }
    }

    async fn die(self) -> String {
        self.task.abort();
        let _ = self.task.await;
        self.address.to_string()
    }
}

/// The server's address, and what to put before the addresses of others.
fn schemes() -> Vec<(&'static str, String)> {
    let [grpc, rest] = targets();
    vec![
        ("", grpc),
        ("http://", rest.trim_start_matches("http://").to_owned()),
    ]
}

#[test]
fn a_server_that_dies_and_returns() {
    run(async {
        for (scheme, server) in schemes() {
            let forwarder = Forwarder::start("127.0.0.1:0", &server).await;
            let target = format!("{scheme}{}", forwarder.address);
            let model = open(&target, "half_plus_two", specs::HALVES);
            half(&model, 2.0).await.unwrap();
            let address = forwarder.die().await;
            for _ in 0..3 {
                let error = half(&model, 2.0).await.unwrap_err();
                assert_eq!(error.code(), Code::Unavailable, "{error}");
            }
            let forwarder = Forwarder::start(&address, &server).await;
            half(&model, 2.0).await.unwrap(); // at once
                                              // Idle connections that are gone are not noticed by calls.
            let address = forwarder.die().await;
            let forwarder = Forwarder::start(&address, &server).await;
            half(&model, 2.0).await.unwrap();
            forwarder.die().await;
        }
    });
}

#[test]
fn replicas_take_turns_and_one_may_be_down() {
    run(async {
        let (_, server) = schemes().remove(0);
        let first = Forwarder::start("127.0.0.1:0", &server).await;
        let second = Forwarder::start("127.0.0.1:0", &server).await;
        let target = format!("{}, {}", first.address, second.address);
        let model = open(&target, "half_plus_two", specs::HALVES);
        let model = model.with(CallOptions::new().retries(0));
        while first.accepted.load(SeqCst) == 0 || second.accepted.load(SeqCst) == 0 {
            half(&model, 2.0).await.unwrap();
        }
        for _ in 0..20 {
            half(&model, 2.0).await.unwrap();
        }
        let address = first.die().await;
        let retrying = model.with(CallOptions::new().retries(2));
        for _ in 0..20 {
            half(&retrying, 2.0).await.unwrap();
        }
        let first = Forwarder::start(&address, &server).await;
        while first.accepted.load(SeqCst) == 0 {
            half(&model, 2.0).await.unwrap(); // it is taken up again
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Nobody listens at the second address from the start.
        let target = format!("{},127.0.0.1:1", first.address);
        let model = open(&target, "half_plus_two", specs::HALVES);
        for _ in 0..10 {
            half(&model.with(CallOptions::new().retries(0)), 2.0)
                .await
                .unwrap();
        }
    });
}

#[test]
fn forty_tasks_share_a_client() {
    run(async {
        for target in targets() {
            let model = open(&target, "half_plus_two", specs::HALVES);
            let mut tasks = tokio::task::JoinSet::new();
            for i in 0..40u8 {
                let model = model.clone();
                tasks.spawn(async move {
                    for _ in 0..25 {
                        let x = f32::from(i);
                        assert_eq!(half(&model, x).await.unwrap(), x / 2.0 + 3.0);
                    }
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        }
    });
}

/// Reads a connection until the other side ends the call; `seen` says when a call has begun.
async fn until_the_end(mut connection: TcpStream, http2: bool, seen: Arc<AtomicBool>) {
    if http2 {
        connection.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap(); // SETTINGS
    }
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => {
                assert!(!http2, "the connection ended, not the call");
                return;
            }
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
        seen.fetch_or(read.len() > 150, SeqCst); // more than a connection begins with
                                                 // RST_STREAM with CANCEL.
        let is_end = |w: &[u8]| w.starts_with(b"\0\0\x04\x03\0") && w.ends_with(b"\0\0\0\x08");
        if http2 && read.windows(13).any(is_end) {
            return;
        }
    }
}

#[test]
fn dropped_calls_are_cancelled_on_the_wire() {
    run(async {
        for scheme in ["", "http://"] {
            for (rows, dropped) in [(1, true), (1, false), (4_000_000, true)] {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let target = format!("{scheme}{}", listener.local_addr().unwrap());
                let seen = Arc::new(AtomicBool::new(false));
                let flag = seen.clone();
                let server = tokio::spawn(async move {
                    let (connection, _) = listener.accept().await.unwrap();
                    until_the_end(connection, scheme.is_empty(), flag).await;
                });
                let codes: Arc<Mutex<Vec<Option<Code>>>> = Arc::default();
                let told = codes.clone();
                let options = CallOptions::new()
                    .timeout(Duration::from_millis(if dropped { 60_000 } else { 300 }))
                    .on_call(move |info| told.lock().unwrap().push(info.code()));
                let model = open(&target, "half_plus_two", specs::HALVES).with(options);
                let values = vec![0.0; rows];
                let mut wanted = Code::Cancelled;
                if dropped {
                    let call = predict(&model, &specs::HALF, vec![column(&values)]);
                    let begun = async {
                        while !seen.load(SeqCst) {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    };
                    tokio::select! {
                        answer = call => panic!("{answer:?}"),
                        () = begun => {}
                    }
                } else {
                    wanted = Code::DeadlineExceeded;
                    while !seen.load(SeqCst) {
                        let error = half(&model, 1.0).await.unwrap_err();
                        assert_eq!(error.code(), wanted, "{error}");
                    }
                }
                let codes = codes.lock().unwrap().clone();
                assert!(!codes.is_empty() && codes.iter().all(|code| *code == Some(wanted)));
                // The client lives on: it is the call that ends.
                let ended = tokio::time::timeout(Duration::from_secs(60), server).await;
                ended.expect("the call ends on the wire").unwrap();
                drop(model);
            }
        }
    });
}

#[test]
fn a_client_outlives_its_runtime() {
    for target in targets() {
        let model = open(&target, "half_plus_two", specs::HALVES);
        for _ in 0..3 {
            run(async { assert_eq!(half(&model, 2.0).await.unwrap(), 4.0) });
        }
    }
}

#[test]
fn malformed_targets_are_refused() {
    for (target, text) in [
        (
            "",
            "\"\" is not host:port: a server is host:8500 for gRPC, http://host:8501 for REST",
        ),
        (
            "::1:8500",
            "an IPv6 address needs brackets, as in [::1]:8500",
        ),
        ("user:pw@host:1", "a gRPC target has no user and password"),
        ("ftp://host:1", "ftp:// is not a scheme of gRPC"),
        ("host:70000", "is not host:port"),
        ("host:+1", "is not host:port"),
        ("http://", "is not a base URL; write it as http://host:8501"),
        ("http://a:1,b:2", "a list of servers works over gRPC only"),
        ("http://a:1?x=1", "is not a base URL"),
    ] {
        let error = Connection::open(target).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().contains(text), "{error}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
    let error = Connection::builder("http://host:1")
        .ca("x")
        .open()
        .unwrap_err();
    assert!(error.message().contains("https://"), "{error}");
    Connection::open("dns:host:1").unwrap();
}

#[test]
fn settings_of_tls_are_checked_at_once() {
    const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for target in ["grpcs://host:1", "https://host:1"] {
        let made = || Connection::builder(target);
        for (builder, text) in [
            (made().ca("nonsense"), "ca: there is no certificate in PEM"),
            (made().ca(BROKEN), "ca: invalid peer certificate"),
            (
                made().client_identity("x", "y"),
                "client_identity: there is no certificate in PEM",
            ),
            (
                made().server_name("a b"),
                "server_name: \"a b\" is not the name of a server",
            ),
        ] {
            let error = builder.open().unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
            assert!(error.message().contains(text), "{error}");
        }
    }
}

#[test]
fn fakes_answer() {
    run(async {
        let mut fake = FakeModel::new("half_plus_two");
        fake.predict(&specs::HALF, |mut inputs| async move {
            let x: Tensor<f32> = inputs.take(0)?;
            if x.data()[0] < 0.0 {
                return Err(Error::new(Code::InvalidArgument, "it is negative"));
            }
            Ok(Prediction {
                outputs: vec![Some(x.into())],
                version: None,
            })
        });
        let model = Connection::fakes([fake]).model("half_plus_two", specs::HALVES);
        assert_eq!(half(&model, 7.0).await.unwrap(), 7.0);
        let error = half(&model, -1.0).await.unwrap_err();
        assert_eq!(
            (error.code(), error.model()),
            (Code::InvalidArgument, "half_plus_two")
        );
        let versioned = model.with(CallOptions::new().version(5));
        let answer = predict(&versioned, &specs::HALF, vec![column(&[1.0])])
            .await
            .unwrap();
        assert_eq!(answer.version, Some(5));
        assert_eq!(model.wait_until_ready().await.unwrap().version, 1);
        assert_eq!(
            model.metadata().await.unwrap().signatures["serving_default"],
            specs::HALF
        );
        let error = model
            .classify(&specs::CLASSIFICATION, vec![Default::default()], None)
            .await;
        assert!(error
            .unwrap_err()
            .message()
            .contains("feature \"a\" is missing"));
    });
}

#[test]
fn the_likeliest_classes() {
    let scores = Tensor::new([2, 3], [0.1, f32::NAN, 0.7, 0.2, 0.2, 0.1]).unwrap();
    let found = top(&scores, &["a", "b", "c"], 2).unwrap();
    assert_eq!(
        format!("{found:?}"),
        "[[\"c\": 0.7, \"a\": 0.1], [\"a\": 0.2, \"b\": 0.2]]"
    );
    assert!(top(&scores, &["a"], 1).unwrap_err().is_not_sent());
}

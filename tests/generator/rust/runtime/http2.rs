//! Calls a server that speaks HTTP/2, but not quite gRPC.

mod specs;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::Reason;
use http::{HeaderMap, Response};
use models::tfs::{CallOptions, Code};
use specs::{half, open, run};
use tokio::net::TcpListener;

/// What the server answers a call.
enum Answer {
    /// Headers without an answer.
    Alone(&'static [(&'static str, &'static str)]),
    /// Bytes, and trailers if there are any.
    Body(&'static [u8], &'static [(&'static str, &'static str)]),
    /// Bytes, and nothing more.
    Silence(&'static [u8]),
    /// Half an answer, and the end of the stream.
    Reset(Reason),
    /// The end of the stream before an answer.
    Gone,
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn answer(mut send: SendResponse<Bytes>, answer: &Answer) {
    let mut response = Response::new(());
    let fill = |headers: &mut HeaderMap, values: &[(&'static str, &'static str)]| {
        for (name, value) in values {
            headers.insert(*name, value.parse().unwrap());
        }
    };
    match answer {
        Answer::Alone(headers) => {
            fill(response.headers_mut(), headers);
            if let Some(status) = response.headers_mut().remove("status") {
                *response.status_mut() = status.to_str().unwrap().parse().unwrap();
            }
            send.send_response(response, true).unwrap();
        }
        Answer::Body(bytes, trailers) => {
            fill(response.headers_mut(), &[GRPC]);
            let mut body = send.send_response(response, false).unwrap();
            body.send_data(Bytes::from_static(bytes), trailers.is_empty())
                .unwrap();
            if !trailers.is_empty() {
                let mut headers = HeaderMap::new();
                fill(&mut headers, trailers);
                body.send_trailers(headers).unwrap();
            }
        }
        Answer::Silence(bytes) => {
            fill(response.headers_mut(), &[GRPC]);
            let mut body = send.send_response(response, false).unwrap();
            body.send_data(Bytes::from_static(bytes), false).unwrap();
            std::mem::forget(body); // dropped, it would end the stream
        }
        Answer::Reset(reason) => {
            fill(response.headers_mut(), &[GRPC]);
            let mut body = send.send_response(response, false).unwrap();
            body.send_data(Bytes::from_static(b"\0\0\0"), false)
                .unwrap();
            body.send_reset(*reason);
        }
        Answer::Gone => send.send_reset(Reason::NO_ERROR),
    }
}

#[test]
fn answers_that_are_not_grpc() {
    use Answer::{Alone, Body, Gone, Reset, Silence};
    const OK: &[(&str, &str)] = &[("grpc-status", "0")];
    let cases = [
        (
            Alone(&[("status", "404"), ("content-type", "text/html")]),
            Code::Unimplemented,
            "the answer is not gRPC's: HTTP 404",
        ),
        (Alone(&[("status", "503")]), Code::Unavailable, "HTTP 503"),
        (
            Alone(&[("content-type", "text/html")]),
            Code::Unknown,
            "content type \"text/html\"",
        ),
        (
            Alone(&[
                GRPC,
                ("grpc-status", "5"),
                ("grpc-message", "a%20b%zz%+a%C3%A9%ff"),
            ]),
            Code::NotFound,
            "a b%zz%+a\u{e9}\u{fffd}",
        ),
        (Alone(&[GRPC, ("grpc-status", "99")]), Code::Unknown, ""),
        (Alone(&[GRPC, ("grpc-status", "x")]), Code::Unknown, ""),
        (
            Alone(&[
                GRPC,
                ("grpc-status", "13"),
                ("grpc-status-details-bin", "!"),
            ]),
            Code::Internal,
            "",
        ),
        (
            Alone(&[GRPC, ("grpc-status", "0")]),
            Code::Internal,
            "without a status",
        ),
        (Body(b"", OK), Code::Internal, "there is no answer"),
        (
            Body(b"\0\0\0\0\x02a", &[]),
            Code::Internal,
            "closed the stream without a status",
        ),
        (
            Body(b"\0\xff\xff\xff\xffabc", OK),
            Code::Internal,
            "should have 4294967295 bytes, but has 3",
        ),
        (
            Body(b"\0\0\0\0\x01a\0\0\0\0\x01a", OK),
            Code::Internal,
            "should have 1 bytes, but has 7",
        ),
        (
            Body(b"\x01\0\0\0\x01a", OK),
            Code::Internal,
            "compressed in a way that is not known",
        ),
        (
            Body(
                b"\0\0\0\0\0",
                &[("grpc-status", "8"), ("grpc-message", "OOM")],
            ),
            Code::ResourceExhausted,
            "OOM",
        ),
        (
            Silence(b"\0\0\0\0\x01abc"),
            Code::Internal,
            "should have 1 bytes, but has 3",
        ),
        (Reset(Reason::CANCEL), Code::Cancelled, ""),
        (Reset(Reason::REFUSED_STREAM), Code::Unavailable, ""),
        (Reset(Reason::INTERNAL_ERROR), Code::Internal, ""),
        (Gone, Code::Internal, ""),
    ];
    run(async {
        for (case, code, text) in cases {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let target = listener.local_addr().unwrap().to_string();
            let server = tokio::spawn(async move {
                let (socket, _) = listener.accept().await.unwrap();
                let mut connection = h2::server::handshake(socket).await.unwrap();
                while let Some(Ok((_, send))) = connection.accept().await {
                    answer(send, &case);
                }
            });
            let model = open(&target, "half_plus_two", specs::HALVES);
            let error = half(&model.with(CallOptions::new().retries(0)), 1.0)
                .await
                .unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.message().contains(text), "{error}, not {text}");
            drop(model);
            server.await.unwrap();
        }
    });
}

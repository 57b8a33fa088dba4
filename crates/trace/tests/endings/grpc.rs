//! With a status of gRPC, or without one.

use super::*;

#[test]
fn the_status_of_grpc_is_in_the_head_or_in_the_trailers_and_unknown_where_there_is_none() {
    let grpc = || kit::request(&[("content-type", "application/grpc")]);
    let answer = |head: &[(&'static str, &'static str)], steps: Vec<Step>| {
        let mut answer = Response::new(script(steps));
        answer.body_mut().tells_end = true;
        let kind = http::HeaderValue::from_static("application/grpc");
        answer.headers_mut().insert("content-type", kind);
        answer.headers_mut().extend(headers(head));
        answer
    };
    for (what, answer, status) in [
        ("trailers only", answer(&[("grpc-status", "7")], vec![]), 7),
        (
            "good",
            answer(
                &[],
                vec![Step::Data("m"), Step::Trailers(&[("grpc-status", "0")])],
            ),
            0,
        ),
        (
            "an error after messages",
            answer(
                &[],
                vec![
                    Step::Data("m"),
                    Step::Data("m"),
                    Step::Trailers(&[("grpc-status", "13")]),
                ],
            ),
            13,
        ),
        (
            "a length that is known before the trailers",
            answer(
                &[("content-length", "1")],
                vec![Step::Data("m"), Step::Trailers(&[("grpc-status", "13")])],
            ),
            13,
        ),
        ("no trailers", answer(&[], vec![Step::Data("m")]), 2),
        (
            "no status in them",
            answer(&[], vec![Step::Trailers(&[("x", "1")])]),
            2,
        ),
        (
            "a status that is none",
            answer(&[("grpc-status", "a")], vec![]),
            2,
        ),
        ("reset", answer(&[], vec![Step::Data("m"), Step::Fail]), 2),
    ] {
        let server = Server::new();
        let mut answer = server.answer(grpc(), answer);
        server.read(&mut answer);
        let over = server.recorder.only();
        assert_eq!(over.grpc, Some(GrpcStatus::from_code(status)), "{what}");
    }
    let server = Server::new();
    drop(server.answer(grpc(), answer(&[], vec![Step::Wait])));
    assert_eq!(server.recorder.only().grpc, Some(GrpcStatus::CANCELLED));
    let server = Server::new();
    server.answer(get(), answer(&[("grpc-status", "7")], vec![]));
    assert_eq!(server.recorder.only().grpc, None, "it speaks HTTP");
    // Who says that it speaks gRPC to a service of HTTP is answered by HTTP.
    let server = Server::new();
    let mut missing = Response::builder().status(404).body(script([])).unwrap();
    missing.body_mut().tells_end = true;
    server.answer(grpc(), missing);
    let over = server.recorder.only();
    assert_eq!((over.grpc, over.status), (None, Some(404)));
}

//! With the last of its answer.

use super::*;

#[test]
fn a_request_ends_with_the_last_frame_of_its_answer() {
    let server = Server::new();
    let body = script([Step::Data("a"), Step::Data("b")]);
    let mut answer = server.answer(get(), Response::new(body));
    server.clock.advance_sync(Duration::from_millis(5));
    assert!(next(&mut answer).is_ready() && next(&mut answer).is_ready());
    assert!(
        server.recorder.ended().is_empty(),
        "who knows whether more comes"
    );
    server.clock.advance_sync(Duration::from_millis(5));
    assert!(matches!(next(&mut answer), Poll::Ready(None)));
    let over = server.recorder.only();
    drop(answer);
    assert_eq!(server.recorder.only().end, Ending::Complete);
    assert_eq!(
        (over.side, over.method, over.status),
        (Side::Server, "GET", Some(200))
    );
    assert_eq!(over.took, Duration::from_millis(10));
    assert_eq!(over.head_after, Some(Duration::ZERO));
}

#[test]
fn it_ends_with_the_frame_after_which_the_body_says_that_it_is_over() {
    let server = Server::new();
    let mut body = script([Step::Data("a"), Step::Data("b")]);
    body.tells_end = true;
    let mut answer = server.answer(get(), Response::new(body));
    assert!(next(&mut answer).is_ready());
    assert!(server.recorder.ended().is_empty());
    assert!(next(&mut answer).is_ready());
    assert_eq!(server.recorder.only().end, Ending::Complete);
}

#[test]
fn it_ends_with_as_many_bytes_as_the_head_announced_for_nobody_asks_again() {
    let server = Server::new();
    let body = script([Step::Data("abc"), Step::Data("de")]);
    let answer = Response::builder().header("content-length", "5").body(body);
    let mut answer = server.answer(get(), answer.unwrap());
    assert!(next(&mut answer).is_ready());
    assert!(server.recorder.ended().is_empty());
    assert!(next(&mut answer).is_ready());
    drop(answer);
    assert_eq!(server.recorder.only().end, Ending::Complete);
}

#[test]
fn it_ends_with_its_trailers() {
    let server = Server::new();
    let body = script([Step::Data("a"), Step::Trailers(&[("x", "1")])]);
    let mut answer = server.answer(get(), Response::new(body));
    assert!(next(&mut answer).is_ready() && next(&mut answer).is_ready());
    drop(answer);
    assert_eq!(server.recorder.only().end, Ending::Complete);
}

#[test]
fn it_ends_with_its_head_where_no_body_follows() {
    let body = || script([Step::Data("never asked for")]);
    let status = |code: u16| Response::builder().status(code).body(body()).unwrap();
    let asked = |method: Method| {
        let mut request = get();
        *request.method_mut() = method;
        request
    };
    let mut empty = script([]);
    empty.tells_end = true;
    let announced = Response::builder()
        .header("content-length", "0")
        .body(body());
    for (what, request, answer) in [
        ("HEAD", asked(Method::HEAD), status(200)),
        ("101", get(), status(101)),
        ("204", get(), status(204)),
        ("304", get(), status(304)),
        ("a tunnel", asked(Method::CONNECT), status(200)),
        ("an empty body", get(), Response::new(empty)),
        ("no bytes announced", get(), announced.unwrap()),
    ] {
        let server = Server::new();
        let answer = server.answer(request, answer);
        assert_eq!(server.recorder.only().end, Ending::Complete, "{what}");
        // Dropped unread, which is no cancellation.
        drop(answer);
        assert_eq!(server.recorder.only().end, Ending::Complete, "{what}");
    }
}

#[test]
fn a_tunnel_that_was_not_granted_has_a_body() {
    let server = Server::new();
    let mut request = get();
    *request.method_mut() = Method::CONNECT;
    let answer = Response::builder()
        .status(403)
        .body(script([Step::Data("no")]));
    let mut answer = server.answer(request, answer.unwrap());
    assert!(server.recorder.ended().is_empty());
    assert_eq!(server.read(&mut answer).unwrap().end, Ending::Complete);
}

#[test]
fn a_body_that_is_polled_after_its_end_changes_nothing() {
    let server = Server::new();
    let mut answer = server.answer(get(), Response::new(script([])));
    for _ in 0..3 {
        assert!(matches!(next(&mut answer), Poll::Ready(None)));
    }
    assert_eq!(server.recorder.only().end, Ending::Complete);
}

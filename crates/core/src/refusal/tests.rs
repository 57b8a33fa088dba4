use bytes::Bytes;
use http_body::Body as _;

use super::*;

fn unauthenticated() -> Refusal {
    Refusal::builder(RefusalKind::Unauthenticated, "expired")
        .detail("The token expired: 100 % over.")
        .challenge(HeaderValue::from_static("Bearer error=\"invalid_token\""))
        .build()
}

fn body(response: Response<ResponseBody<()>>) -> String {
    format!("{:?}", response.into_body())
}

#[test]
fn http_gets_a_problem_a_challenge_and_no_store() {
    let response = unauthenticated().response::<http_body_util::Empty<Bytes>>(Protocol::Http);
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        "Bearer error=\"invalid_token\""
    );
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert!(response.body().size_hint().exact() > Some(0));
    let text = body(unauthenticated().response(Protocol::Http));
    assert!(text.contains(r#"\"reason\":\"expired\""#), "{text}");
}

#[test]
fn grpc_gets_trailers_only_with_the_challenge_as_metadata() {
    let response = unauthenticated().response::<http_body_util::Empty<Bytes>>(Protocol::Grpc);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(
        response.headers()["grpc-message"],
        "The token expired: 100 %25 over."
    );
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        "Bearer error=\"invalid_token\""
    );
    assert!(response.body().is_end_stream());
}

#[test]
fn grpc_web_is_answered_in_its_own_content_type() {
    let response = unauthenticated().response::<()>(Protocol::GrpcWebText);
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/grpc-web-text+proto"
    );
}

#[test]
fn trouble_of_ours_never_carries_a_challenge() {
    let refusal = Refusal::builder(RefusalKind::Unavailable, "key_unavailable")
        .challenge(HeaderValue::from_static("Bearer"))
        .build();
    for protocol in [Protocol::Http, Protocol::Grpc] {
        assert!(
            !refusal
                .response::<()>(protocol)
                .headers()
                .contains_key(WWW_AUTHENTICATE)
        );
    }
}

#[test]
fn retry_after_is_rounded_up_and_never_zero() {
    for (millis, seconds) in [
        (0, "1"),
        (1, "1"),
        (1_000, "1"),
        (1_001, "2"),
        (30_000, "30"),
    ] {
        let refusal = unauthenticated().retry_after(Duration::from_millis(millis));
        assert_eq!(
            refusal.response::<()>(Protocol::Http).headers()[RETRY_AFTER],
            seconds
        );
        let pushback = refusal.response::<()>(Protocol::Grpc);
        assert_eq!(
            pushback.headers()["grpc-retry-pushback-ms"],
            millis.to_string()
        );
    }
    let forever = unauthenticated().retry_after(Duration::MAX);
    assert!(
        forever
            .response::<()>(Protocol::Http)
            .headers()
            .contains_key(RETRY_AFTER)
    );
}

#[test]
fn style_changes_type_and_body_but_neither_status_nor_challenge() {
    struct Ours;
    impl RefusalStyle for Ours {
        fn problem_type(&self, problem: &Problem<'_>) -> Option<String> {
            Some(format!("https://docs.example.com/{}", problem.reason))
        }
    }
    struct Html;
    impl RefusalStyle for Html {
        fn body(&self, _: &Problem<'_>) -> Option<(HeaderValue, Bytes)> {
            Some((
                HeaderValue::from_static("text/html"),
                Bytes::from_static(b"<p>no</p>"),
            ))
        }
    }
    let build = |style| {
        Refusal::builder(RefusalKind::Unauthenticated, "expired")
            .challenge(HeaderValue::from_static("Bearer"))
            .style(style)
            .build()
            .response::<()>(Protocol::Http)
    };
    let html = build(&Html);
    assert_eq!(html.status(), 401);
    assert_eq!(html.headers()[CONTENT_TYPE], "text/html");
    assert_eq!(html.headers()[WWW_AUTHENTICATE], "Bearer");
    assert!(body(build(&Ours)).contains("https://docs.example.com/expired"));
}

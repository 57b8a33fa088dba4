//! Row 17: a token in the query.

use http::{Method, Request, request};
use portcullis_auth::{Bearer, QueryToken, Reason};
use portcullis_testing::forge;

use crate::stand::Stand;
use crate::words::Expected;

fn get(target: &str) -> request::Builder {
    Request::get(format!("https://api.example.com{target}"))
}

#[tokio::test]
async fn row_17_a_token_in_the_query_is_ignored_unless_it_is_asked_for() {
    let stand = Stand::new();
    let token = stand.token().sign(&stand.key);
    let target = format!("/?access_token={token}");
    let request = || get(&target).body(()).expect("a request");
    stand.answers(request, Expected::Missing).await;
}

#[tokio::test]
async fn row_17_where_it_is_asked_for_only_get_may_carry_it() {
    let stand = Stand::new()
        .with_layer(|layer| layer.with_extractor((Bearer::new(), QueryToken::new("access_token"))));
    let token = stand.token().sign(&stand.key);
    let target = format!("/orders?x=1&access_token={token}&y=2");
    let with = |method: Method, target: &str| {
        let request = get(target).method(method);
        request.body(()).expect("a request")
    };
    stand.send(with(Method::GET, &target)).await.assert_passed();
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ] {
        let request = || with(method.clone(), &target);
        stand.answers(request, Expected::Missing).await;
    }
    let bad = format!("/?access_token={}", forge::bad_signature(&token));
    let request = || with(Method::GET, &bad);
    stand
        .answers(request, Expected::Refused(Reason::Signature))
        .await;
    // Only that name, and only as it is.
    for other in [
        "Access_token",
        "access_token2",
        "xaccess_token",
        "access%5Ftoken",
    ] {
        let target = format!("/?{other}={token}");
        stand
            .answers(|| with(Method::GET, &target), Expected::Missing)
            .await;
    }
    let empty = || with(Method::GET, "/?access_token=");
    stand
        .answers(empty, Expected::Refused(Reason::MalformedCredential))
        .await;
}

#[tokio::test]
async fn row_17_an_answer_to_a_token_in_the_query_is_private() {
    let stand = Stand::new()
        .with_layer(|layer| layer.with_extractor((Bearer::new(), QueryToken::new("access_token"))));
    let token = stand.token().sign(&stand.key);
    let asked = |policy: Option<&str>, in_query: bool| {
        let target = if in_query {
            format!("/?access_token={token}")
        } else {
            "/?x=1".into()
        };
        let mut request = get(&target);
        if !in_query {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(policy) = policy {
            request = request.header("x-inner-cache-control", policy);
        }
        request.body(()).expect("a request")
    };
    for (policy, kept) in [
        (None, "private"),
        (Some("public, max-age=60"), "private"),
        (Some("max-age=60"), "private"),
        (Some("no-store"), "no-store"),
        (Some("max-age=60, Private"), "max-age=60, Private"),
    ] {
        let answer = stand.send(asked(policy, true)).await;
        answer.assert_passed();
        assert_eq!(answer.all("cache-control"), [kept]);
        // With the token in the header it is the business of the service.
        let answer = stand.send(asked(policy, false)).await;
        answer.assert_passed();
        let own: Vec<&str> = policy.into_iter().collect();
        assert_eq!(answer.all("cache-control"), own);
    }
}

#[tokio::test]
async fn row_17_a_dropped_token_is_taken_out_of_the_query() {
    let stand = Stand::new().with_layer(|layer| {
        let extractor = (Bearer::new(), QueryToken::new("access_token"));
        layer.with_extractor(extractor).with_token_dropped()
    });
    let token = stand.token().sign(&stand.key);
    for (query, left) in [
        ("?access_token=TOKEN", ""),
        ("?a=1&access_token=TOKEN&b=2", "?a=1&b=2"),
        ("?access_token=TOKEN&a", "?a"),
        (
            "?a=access_token=TOKEN&access_token=TOKEN",
            "?a=access_token=TOKEN",
        ),
    ] {
        let target = format!("/orders{}", query.replace("TOKEN", &token));
        let answer = stand.send(get(&target).body(()).expect("a request")).await;
        answer.assert_passed();
        assert!(answer.identity.is_some());
        let left = format!(
            "https://api.example.com/orders{}",
            left.replace("TOKEN", &token)
        );
        assert_eq!(answer.target.expect("a target").to_string(), left);
    }
}

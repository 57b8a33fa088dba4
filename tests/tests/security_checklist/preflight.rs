//! Row 36: CORS preflights.

use http::{Method, Request, request};
use portcullis_auth::AuthLayer;
use portcullis_testing::forge;

use crate::stand::Stand;
use crate::words::Expected;

/// A CORS preflight (Fetch standard) less some of its signs.
fn preflight(method: Method, origin: bool, asks: bool) -> request::Builder {
    let mut request = Request::get("https://api.example.com/orders").method(method);
    if origin {
        request = request.header("origin", "https://app.example.com");
    }
    if asks {
        request = request.header("access-control-request-method", "PUT");
    }
    request
}

#[tokio::test]
async fn row_36_a_preflight_passes_unauthenticated_where_it_is_switched_on() {
    let on = Stand::new().with_layer(AuthLayer::with_preflight);
    let real = || {
        preflight(Method::OPTIONS, true, true)
            .body(())
            .expect("a request")
    };
    let answer = on.send(real()).await;
    answer.assert_passed();
    assert!(answer.identity.is_none(), "never authenticated");
    // Not even by a token, good or bad.
    let bad = forge::bad_signature(&on.token().sign(&on.key));
    for token in [on.token().sign(&on.key), bad, "junk junk".to_owned()] {
        let request = preflight(Method::OPTIONS, true, true);
        let request = request.header("authorization", format!("Bearer {token}"));
        let answer = on.send(request.body(()).expect("a request")).await;
        answer.assert_passed();
        assert!(answer.identity.is_none());
    }
    let off = Stand::new();
    off.answers(real, Expected::Missing).await;
}

#[tokio::test]
async fn row_36_what_only_looks_like_a_preflight_is_authenticated() {
    let stand = Stand::new().with_layer(AuthLayer::with_preflight);
    for (method, origin, asks) in [
        (Method::OPTIONS, false, true),
        (Method::OPTIONS, true, false),
        (Method::OPTIONS, false, false),
        (Method::GET, true, true),
        (Method::POST, true, true),
    ] {
        let request = || {
            preflight(method.clone(), origin, asks)
                .body(())
                .expect("a request")
        };
        stand.answers(request, Expected::Missing).await;
    }
    let request = preflight(Method::OPTIONS, false, false);
    let token = stand.token().sign(&stand.key);
    let request = request.header("authorization", format!("Bearer {token}"));
    let answer = stand.send(request.body(()).expect("a request")).await;
    answer.assert_passed();
    assert!(answer.identity.is_some());
}

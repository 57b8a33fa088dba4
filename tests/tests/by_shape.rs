//! Two verifiers behind one layer: each token is judged by one of them only.

use portcullis_auth::{Attempt, ByShape, Gate, Presented, Reason, Verdict, Verifier as _};
use portcullis_core::Head;
use portcullis_testing::{StubVerifier, identity};

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.e30.AA";
const OPAQUE: &str = "app-0123456789";

#[test]
fn a_token_is_never_tried_on_the_other_verifier() {
    let jwts = StubVerifier::new().invalid(JWT, Reason::Signature);
    let opaque = StubVerifier::new()
        .valid(OPAQUE, identity("app").build())
        // Were it asked about the JWT, it would let it pass.
        .valid(JWT, identity("intruder").build());
    let both = ByShape::new(jwts.clone(), opaque.clone());
    let request = http::Request::new(());
    let gate = Gate::new(Head::of(&request), None);
    let ask = |token: &str| both.try_verify(Presented::new(token.as_bytes()), &gate);
    assert!(matches!(
        ask(JWT),
        Attempt::Done(Verdict::Invalid(Reason::Signature))
    ));
    assert!(matches!(ask(OPAQUE), Attempt::Done(Verdict::Valid(_))));
    assert_eq!((jwts.calls(), opaque.calls()), (1, 1));
}

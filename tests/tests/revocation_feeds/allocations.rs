//! What a look at a session that is known allocates, counted: nothing.

use allocation_counter::measure;
use futures_util::FutureExt as _;
use http::Request;
use portcullis_auth::{
    Attempt, Gate, Issuer, JwtVerifier, Presented, SessionGuard, Verdict, Verifier,
};
use portcullis_core::{Head, Secret};
use portcullis_revocation::sessions::{MemorySessions, SessionFacts, SessionKeys};
use portcullis_testing::FakeIssuer;
use portcullis_tests::api::fixed;

#[test]
fn a_session_that_is_known_costs_no_allocation() {
    let issuer = FakeIssuer::builder().without_sockets();
    let trusted = Issuer::new(issuer.issuer(), fixed(&[&issuer.key()]))
        .audience(issuer.audience())
        .access_tokens_only();
    let verifier = JwtVerifier::builder().issuer(trusted).build().unwrap();
    for keys in [
        SessionKeys::hashed("s:", &Secret::new(vec![9; 32])).unwrap(),
        SessionKeys::foreign_with_raw_token("s:{session}:{token}").unwrap(),
    ] {
        let token = issuer.token().session("s").issue();
        let mut facts = SessionFacts::new(issuer.issuer(), token.as_bytes());
        facts.session = Some("s");
        let sessions = MemorySessions::new(10);
        sessions.open(&keys.key(&facts).unwrap(), None).unwrap();
        let guard = SessionGuard::new(verifier.clone(), sessions, keys);
        // A directory that answers at once needs no runtime but for its deadline.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let first = guard.clone().verify(Secret::from(&*token)).now_or_never();
        assert!(matches!(first, Some(Verdict::Valid(_))), "{first:?}");
        let request = Request::new(());
        let gate = Gate::new(Head::of(&request), None);
        let look = || guard.try_verify(Presented::new(token.as_bytes()), &gate);
        assert!(matches!(look(), Attempt::Done(Verdict::Valid(_))));
        let counted = measure(|| {
            for _ in 0..100 {
                assert!(matches!(look(), Attempt::Done(Verdict::Valid(_))));
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}

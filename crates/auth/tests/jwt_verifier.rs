//! The JWT verifier with real signatures: what it accepts, caches, and re-checks at every hit.

use std::time::Duration;

use portcullis_auth::key::{KeySpec, VerifyingKey};
use portcullis_auth::{Attempt, Issuer, JwtVerifier, Keys, Reason, Verdict};
use portcullis_core::{Clock as _, Identity, Provenance};
use portcullis_testing::{SigningKey, TestClock, TokenBuilder};

const ISSUER: &str = "https://idp.example.com";
const AUDIENCE: &str = "https://api.example.com";

fn fixed(keys: &[&SigningKey]) -> Keys<TestClock> {
    let load = |key: &&SigningKey| {
        VerifyingKey::from_jwk(&key.jwk().to_string(), &KeySpec::new()).expect("a good key")
    };
    Keys::fixed(keys.iter().map(load)).expect("distinct ids")
}

fn issuer(keys: &[&SigningKey]) -> Issuer<TestClock> {
    Issuer::new(ISSUER, fixed(keys))
        .audience(AUDIENCE)
        .dangerously_any_token()
}

fn verifier(clock: &TestClock, issuer: Issuer<TestClock>) -> JwtVerifier<TestClock> {
    JwtVerifier::builder_with_clock(clock.clone())
        .issuer(issuer)
        .build()
        .expect("a good configuration")
}

fn token(clock: &TestClock) -> TokenBuilder {
    TokenBuilder::at(clock.wall())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

fn valid(attempt: Attempt) -> Identity {
    match attempt {
        Attempt::Done(Verdict::Valid(identity)) => identity,
        other => panic!("not valid: {other:?}"),
    }
}

fn invalid(attempt: Attempt) -> Reason {
    match attempt {
        Attempt::Done(Verdict::Invalid(reason)) => reason,
        other => panic!("not invalid: {other:?}"),
    }
}

#[test]
fn a_good_token_is_fresh_first_and_cached_afterwards() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let verifier = verifier(&clock, issuer(&[&key]));
    let token = token(&clock)
        .scope("api:read")
        .claim("tenant", "blue")
        .sign(&key);
    let first = valid(verifier.explain(&token));
    assert_eq!(first.provenance(), Provenance::Fresh);
    assert_eq!((first.issuer(), first.subject()), (ISSUER, Some("alice")));
    assert!(first.has_scope("api:read"));
    let again = valid(verifier.explain(&token));
    assert_eq!(again.provenance(), Provenance::Cached);
    assert_eq!(verifier.cache().len(), 1);
}

#[test]
fn a_cached_token_is_refused_from_the_second_it_expires() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let verifier = verifier(&clock, issuer(&[&key]).leeway(Duration::from_secs(10)));
    let token = token(&clock).expires_in(Duration::from_secs(60)).sign(&key);
    valid(verifier.explain(&token));
    clock.advance_sync(Duration::from_secs(69));
    assert_eq!(
        valid(verifier.explain(&token)).provenance(),
        Provenance::Cached
    );
    clock.advance_sync(Duration::from_secs(1));
    assert_eq!(invalid(verifier.explain(&token)), Reason::Expired);
}

#[test]
fn a_verdict_is_made_anew_after_its_lifetime() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let verifier = verifier(&clock, issuer(&[&key]));
    let token = token(&clock)
        .expires_in(Duration::from_secs(3_600))
        .sign(&key);
    valid(verifier.explain(&token));
    clock.advance_sync(Duration::from_secs(269));
    assert_eq!(
        valid(verifier.explain(&token)).provenance(),
        Provenance::Cached
    );
    clock.advance_sync(Duration::from_secs(31));
    assert_eq!(
        valid(verifier.explain(&token)).provenance(),
        Provenance::Fresh
    );
    assert_eq!(
        valid(verifier.explain(&token)).provenance(),
        Provenance::Cached
    );
}

#[test]
fn tokens_that_differ_in_one_bit_share_no_verdict() {
    let (clock, key) = (TestClock::new(), SigningKey::ed25519());
    let verifier = verifier(&clock, issuer(&[&key]));
    let token = token(&clock).sign(&key);
    valid(verifier.explain(&token));
    for position in 0..token.len() {
        let mut forged = token.clone().into_bytes();
        forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("ASCII");
        if forged != token {
            assert!(
                matches!(
                    verifier.explain(&forged),
                    Attempt::Done(Verdict::Invalid(_))
                ),
                "{position}"
            );
        }
    }
    assert_eq!(verifier.cache().len(), 1);
}

#[test]
fn verifiers_of_different_configuration_share_a_cache_and_no_verdict() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let first = verifier(&clock, issuer(&[&key]));
    let same = JwtVerifier::builder_with_clock(clock.clone())
        .issuer(issuer(&[&key]))
        .cache(first.cache().clone())
        .build()
        .expect("a good configuration");
    let strict = JwtVerifier::builder_with_clock(clock.clone())
        .issuer(
            Issuer::new(ISSUER, fixed(&[&key]))
                .audience("https://other")
                .dangerously_any_token(),
        )
        .cache(first.cache().clone())
        .build()
        .expect("a good configuration");
    let token = token(&clock).sign(&key);
    valid(first.explain(&token));
    assert_eq!(valid(same.explain(&token)).provenance(), Provenance::Cached);
    assert_eq!(invalid(strict.explain(&token)), Reason::Audience);
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let clock = TestClock::new();
    let (key, secret) = (SigningKey::es256(), [7_u8; 32]);
    let ring = portcullis_auth::key::HmacRing::new(portcullis_auth::key::Algorithm::HS256, &secret)
        .expect("long enough");
    let error = JwtVerifier::builder_with_clock(clock)
        .issuer(Issuer::new(ISSUER, fixed(&[&key])).leeway(Duration::from_secs(301)))
        .issuer(
            Issuer::new(ISSUER, ring)
                .audience("")
                .algorithms([])
                .roles_at("a..b"),
        )
        .issuer(
            Issuer::new("https://none", Keys::fixed([]).unwrap())
                .audience("a")
                .scope_required(),
        )
        .issuer(
            Issuer::new("https://other", fixed(&[&key]))
                .audience("a")
                .scope_required()
                .algorithms([portcullis_auth::key::Algorithm::RS256]),
        )
        .max_token_bytes(16_385)
        .cache_lifetime(Duration::from_secs(301))
        .patience(Duration::ZERO)
        .build()
        .expect_err("bad")
        .to_string();
    for path in [
        "issuer[0].audience",
        "issuer[0].token_type",
        "issuer[0].leeway",
        "issuer[1].name",
        "issuer[1].audience",
        "issuer[1].token_type",
        "issuer[1].algorithms",
        "issuer[1].roles_at",
        "issuer[2].keys",
        "issuer[3].algorithms",
        "max_token_bytes",
        "cache_lifetime",
        "patience",
        "mixes shared secrets and public keys",
    ] {
        assert!(error.contains(path), "{path} is not in:\n{error}");
    }
}

#[test]
fn a_token_judged_bad_a_moment_ago_is_not_checked_again_until_ten_seconds_later() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let verifier = verifier(&clock, issuer(&[&key]));
    let forged = portcullis_testing::forge::bad_signature(&token(&clock).sign(&key));
    assert_eq!(invalid(verifier.explain(&forged)), Reason::Signature);
    let work = std::sync::Arc::new(CountWork::default());
    let ask = |verifier: &JwtVerifier<TestClock>| {
        use portcullis_auth::{Gate, Presented, Verifier as _};
        let request = http::Request::new(());
        let gate = Gate::new(portcullis_core::Head::of(&request), Some(&*work));
        invalid(verifier.try_verify(Presented::new(forged.as_bytes()), &gate))
    };
    assert_eq!(ask(&verifier), Reason::Signature);
    assert_eq!(work.count(), 0, "remembered");
    clock.advance_sync(Duration::from_secs(10));
    assert_eq!(ask(&verifier), Reason::Signature);
    assert_eq!(work.count(), 1, "forgotten");
}

#[test]
fn a_cached_token_becomes_too_old_in_the_same_second_as_a_new_one() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let young = || {
        issuer(&[&key])
            .max_token_age(Duration::from_secs(60))
            .leeway(Duration::ZERO)
    };
    let (first, second) = (verifier(&clock, young()), verifier(&clock, young()));
    let token = token(&clock)
        .expires_in(Duration::from_secs(3_600))
        .sign(&key);
    valid(first.explain(&token));
    for age in 1..70 {
        clock.advance_sync(Duration::from_secs(1));
        // One knows the token; the other is asked with an empty cache each time.
        let anew = JwtVerifier::builder_with_clock(clock.clone())
            .issuer(young())
            .build()
            .unwrap();
        let (cached, fresh) = (first.explain(&token), anew.explain(&token));
        let is_valid = |attempt: &Attempt| matches!(attempt, Attempt::Done(Verdict::Valid(_)));
        assert_eq!(is_valid(&cached), is_valid(&fresh), "{age}");
        assert_eq!(is_valid(&fresh), age <= 60, "{age}");
    }
    assert_eq!(invalid(second.explain(&token)), Reason::TooOld);
}

#[test]
fn a_clock_that_is_set_back_makes_no_verdict_fresh_for_longer() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let verifier = verifier(&clock, issuer(&[&key]));
    let start = clock.wall();
    let token = token(&clock)
        .not_before(start)
        .expires_in(Duration::from_secs(9_000))
        .sign(&key);
    valid(verifier.explain(&token));
    clock.jump_wall(start - Duration::from_secs(3_600));
    assert_eq!(invalid(verifier.explain(&token)), Reason::NotYetValid);
}

#[test]
fn clients_that_stand_in_for_the_audience_refuse_a_token_that_names_one() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let verifier = verifier(&clock, Issuer::new(ISSUER, fixed(&[&key])).clients(["web"]));
    let token = || token(&clock).client("web").typ("JWT");
    valid(verifier.explain(&token().without("aud").sign(&key)));
    assert_eq!(
        invalid(verifier.explain(&token().audience("payroll").sign(&key))),
        Reason::Audience
    );
    assert_eq!(
        invalid(verifier.explain(&token().audience("web").sign(&key))),
        Reason::Audience
    );
    let both = Issuer::new(ISSUER, fixed(&[&key]))
        .clients(["web"])
        .audience("web");
    let both = self::verifier(&clock, both);
    assert_eq!(
        invalid(both.explain(&token().audience("web").sign(&key))),
        Reason::TokenType
    );
}

#[test]
fn claims_of_other_meaning_do_not_spoil_a_token() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let verifier = verifier(&clock, issuer(&[&key]));
    for (name, value) in [
        ("cid", serde_json::json!(42)),
        ("appid", serde_json::json!({"a": [1]})),
    ] {
        let token = token(&clock).client("web").claim(name, value).sign(&key);
        assert_eq!(
            valid(verifier.explain(&token)).client(),
            Some("web"),
            "{name}"
        );
    }
    let token = token(&clock)
        .claim("scope", "")
        .claim("scp", "api:read")
        .sign(&key);
    assert!(valid(verifier.explain(&token)).has_scope("api:read"));
}

#[test]
fn a_client_list_alone_refuses_what_only_an_id_token_has() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let by_client = Issuer::new(ISSUER, fixed(&[&key]))
        .clients(["web"])
        .audience(AUDIENCE);
    let verifier = verifier(&clock, by_client);
    let token = || token(&clock).client("web").typ("JWT");
    valid(verifier.explain(&token().sign(&key)));
    for claim in ["at_hash", "c_hash"] {
        let id_token = token().claim(claim, "x").sign(&key);
        assert_eq!(
            invalid(verifier.explain(&id_token)),
            Reason::TokenType,
            "{claim}"
        );
    }
    let stranger = token().client("other").sign(&key);
    assert_eq!(invalid(verifier.explain(&stranger)), Reason::Client);
}

#[derive(Default)]
struct CountWork(std::sync::atomic::AtomicUsize);

impl CountWork {
    fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl portcullis_core::Admission for CountWork {
    fn admit(
        &self,
        _: &portcullis_core::Head<'_>,
        _: portcullis_core::Work,
    ) -> Result<(), portcullis_core::Refusal> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }
}

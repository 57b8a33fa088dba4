//! Several issuers in one verifier: a token is judged by the one that it names, and by no other.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::time::Duration;

use portcullis_auth::key::Algorithm;
use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, Reason};
use portcullis_core::Clock as _;
use portcullis_testing::{Endpoint, FakeIssuer, Mode, SigningKey, TestClock, TokenBuilder};
use portcullis_tests::api::{ask, bearer, fixed, published, trusting};
use portcullis_tests::outage::until;

const NAMES: [&str; 3] = [
    "https://login.example.com/realms/blue",
    "https://accounts.example.org/",
    "https://idp.example.net",
];
const AUDIENCES: [&str; 3] = ["https://api.example.com", "orders", "urn:example:api"];
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES384, Algorithm::EdDSA];

/// Within this an issuer in memory has answered.
const SOON: Duration = Duration::from_secs(5);

struct Stand {
    clock: TestClock,
    keys: [SigningKey; 3],
    layer: AuthLayer<JwtVerifier<TestClock>>,
}

impl Stand {
    /// An algorithm each.
    fn new() -> Self {
        let keys = [
            SigningKey::rsa("several"),
            SigningKey::es384(),
            SigningKey::ed25519(),
        ];
        Self::of(keys, ALGORITHMS)
    }

    fn of(keys: [SigningKey; 3], algorithms: [Algorithm; 3]) -> Self {
        let clock = TestClock::new();
        let issuers = (0..3).map(|which| {
            Issuer::new(NAMES[which], fixed(&[&keys[which]]))
                .audience(AUDIENCES[which])
                .algorithms([algorithms[which]])
                .access_tokens_only()
        });
        let layer = trusting(&clock, issuers);
        Self { clock, keys, layer }
    }

    /// A token in the making, with the name and the audience of one issuer.
    fn token(&self, which: usize) -> TokenBuilder {
        TokenBuilder::at(self.clock.wall())
            .issuer(NAMES[which])
            .audience(AUDIENCES[which])
    }

    async fn refuses(&self, token: &str, reason: Reason) {
        ask(&self.layer, bearer(token)).await.assert_bad(reason);
    }
}

/// Each issuer with each other one.
fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..3)
        .flat_map(|one| (0..3).map(move |other| (one, other)))
        .filter(|(one, other)| one != other)
}

#[tokio::test]
async fn each_token_is_judged_by_the_issuer_that_it_names() {
    let stand = Stand::new();
    for (which, name) in NAMES.into_iter().enumerate() {
        let token = stand.token(which).sign(&stand.keys[which]);
        for _ in 0..2 {
            let answer = ask(&stand.layer, bearer(&token)).await;
            assert_eq!(answer.caller().issuer(), name);
        }
    }
}

#[tokio::test]
async fn a_token_signed_with_the_key_of_another_issuer_is_refused() {
    let stand = Stand::new();
    for (named, other) in pairs() {
        let token = stand.token(named).sign(&stand.keys[other]);
        stand.refuses(&token, Reason::Algorithm).await;
    }
}

#[tokio::test]
async fn issuers_of_one_algorithm_do_not_share_keys() {
    let keys = [(); 3].map(|()| SigningKey::es256());
    let stand = Stand::of(keys, [Algorithm::ES256; 3]);
    for (named, other) in pairs() {
        // The key of the other issuer by its own id, and by that of a key of the named one.
        let honest = stand.token(named).sign(&stand.keys[other]);
        stand.refuses(&honest, Reason::UnknownKey).await;
        let kid = stand.keys[named].kid().unwrap();
        let forged = stand
            .token(named)
            .header("kid", kid)
            .sign(&stand.keys[other]);
        stand.refuses(&forged, Reason::Signature).await;
    }
}

#[tokio::test]
async fn issuers_that_call_their_keys_alike_are_told_apart() {
    let keys = [(); 3].map(|()| SigningKey::es256().with_kid("1"));
    let stand = Stand::of(keys, [Algorithm::ES256; 3]);
    for (named, other) in pairs() {
        let good = stand.token(named).sign(&stand.keys[named]);
        let answer = ask(&stand.layer, bearer(&good)).await;
        assert_eq!(answer.caller().issuer(), NAMES[named]);
        let forged = stand.token(named).sign(&stand.keys[other]);
        stand.refuses(&forged, Reason::Signature).await;
    }
}

#[tokio::test]
async fn the_audience_of_another_issuer_does_not_count() {
    let stand = Stand::new();
    for (named, other) in pairs() {
        let token = stand
            .token(named)
            .audience(AUDIENCES[other])
            .sign(&stand.keys[named]);
        stand.refuses(&token, Reason::Audience).await;
    }
}

#[tokio::test]
async fn a_name_that_differs_by_a_slash_or_a_letter_is_not_trusted() {
    let stand = Stand::new();
    for (which, name) in NAMES.into_iter().enumerate() {
        let slash = match name.strip_suffix('/') {
            Some(without) => without.to_owned(),
            None => format!("{name}/"),
        };
        let near = [
            slash,
            name.to_uppercase(),
            name.replacen("https", "http", 1),
            name.replacen("example.", "example%2E", 1),
            format!("{name} "),
            String::new(),
        ];
        for near in &near {
            let token = stand.token(which).issuer(near).sign(&stand.keys[which]);
            stand.refuses(&token, Reason::Issuer).await;
        }
    }
}

/// Issuers that publish their keys, the second of them in this mode from the start.
struct Published {
    issuers: [FakeIssuer; 3],
    layer: AuthLayer<JwtVerifier<TestClock>>,
}

impl Published {
    async fn with_second(mode: Mode) -> Self {
        let clock = TestClock::following_tokio();
        let issuers = NAMES.map(|name| {
            FakeIssuer::builder()
                .algorithm(portcullis_testing::Algorithm::Es256)
                .known_as(name)
                .path(name.parse::<http::Uri>().unwrap().path())
                .clock(clock.clone())
                .without_sockets()
        });
        issuers[1].mode(mode);
        let keys = issuers.each_ref().map(|one| published(one, &clock));
        let trusted = keys.each_ref().map(|keys| {
            Issuer::published(keys.clone())
                .audience(portcullis_testing::AUDIENCE)
                .access_tokens_only()
        });
        let layer = trusting(&clock, trusted);
        for healthy in [0, 2] {
            let warm = || (!keys[healthy].load().is_cold()).then_some(());
            until("keys", SOON, warm).await;
        }
        Self { issuers, layer }
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_does_not_touch_the_others() {
    for mode in [Mode::Refuse, Mode::Hang, Mode::Error500, Mode::Garbage] {
        let stand = Published::with_second(mode.clone()).await;
        let fetches = |which: usize| stand.issuers[which].requests(Endpoint::Jwks);
        let before = [fetches(0), fetches(2)];
        let start = tokio::time::Instant::now();
        for _ in 0..20 {
            for which in [0, 2] {
                let token = stand.issuers[which].token().issue();
                let answer = ask(&stand.layer, bearer(&token)).await;
                assert_eq!(answer.caller().issuer(), NAMES[which], "{mode:?}");
            }
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "{mode:?}: nobody waited");

        let token = stand.issuers[1].token().issue();
        let answer = ask(&stand.layer, bearer(&token)).await;
        answer.assert_unavailable();
        assert_eq!([fetches(0), fetches(2)], before, "nobody else was asked");

        // A bad token of a healthy issuer is still bad, and nothing else.
        let stranger = stand.issuers[0].token().audience("somebody").issue();
        let answer = ask(&stand.layer, bearer(&stranger)).await;
        answer.assert_bad(Reason::Audience);
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_comes_back_is_trusted_again() {
    let stand = Published::with_second(Mode::Error500).await;
    let token = stand.issuers[1]
        .token()
        .expires_in(Duration::from_secs(3_600))
        .issue();
    let answer = ask(&stand.layer, bearer(&token)).await;
    answer.assert_unavailable();

    stand.issuers[1].mode(Mode::Ok);
    let start = tokio::time::Instant::now();
    loop {
        let answer = ask(&stand.layer, bearer(&token)).await;
        if answer.reached.is_some() {
            assert_eq!(answer.caller().issuer(), NAMES[1]);
            break;
        }
        answer.assert_unavailable();
        // Half a minute between attempts at most, and one on either side.
        assert!(start.elapsed() < Duration::from_secs(60), "{answer:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

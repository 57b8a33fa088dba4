//! Rows 5, 9, 10, 11 and 31, as an issuer publishes such keys.

use portcullis_auth::Reason;
use portcullis_auth::jwks::FetchError;
use portcullis_testing::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::keys::{e_of_one, off_curve};
use crate::published::Published;
use crate::stand::bearer;
use crate::words::Expected;

/// Publishes `jwk` beside a good key: the good one works, the bad one is left out, and a token that
/// `signer` signed under its id is refused after a look for it.
async fn dropped(jwk: Value, signer: &SigningKey) {
    let published = Published::prepared(|issuer| issuer.publish_jwk(jwk.clone()));
    let stand = &published.stand;
    stand.admits(&published.token().issue()).await;
    let status = published.jwks.status();
    assert_eq!((status.keys, status.dropped), (1, 1), "{jwk}");
    assert_eq!(status.last_error, None);
    let signer = signer.clone().with_kid(jwk["kid"].as_str().expect("a kid"));
    let token = published.token().sign(&signer);
    stand.refuses(&token, Reason::UnknownKey).await;
    stand.admits(&published.token().issue()).await;
}

/// The JWK of `key` under the id `bad`, with some members changed.
fn changed(key: &SigningKey, members: Value) -> Value {
    let mut jwk = key.clone().with_kid("bad").jwk();
    for (name, value) in members.as_object().expect("members") {
        jwk[name] = value.clone();
    }
    jwk
}

#[tokio::test(start_paused = true)]
async fn row_05_a_set_with_one_kid_twice_is_refused_and_the_old_one_kept() {
    let published = Published::new();
    let stand = &published.stand;
    let good = published.token().issue();
    stand.admits(&good).await;
    let kid = published.issuer.key().kid().expect("a kid").to_owned();
    let twin = SigningKey::es256().with_kid(kid);
    published.issuer.publish(&twin);
    published.rest().await;
    // A look for a key that is unknown reads the new set.
    let unavailable = Expected::Unavailable("key_unavailable");
    let unknown = published.token().header("kid", "new").issue();
    stand.answers(|| bearer(&unknown), unavailable).await;
    let status = published.jwks.status();
    assert_eq!(status.last_error, Some(FetchError::DuplicateKid));
    assert_eq!(status.keys, 1);
    stand.admits(&good).await;
    stand.admits(&published.token().issue()).await;
    stand
        .refuses(&published.token().sign(&twin), Reason::Signature)
        .await;
}

#[tokio::test(start_paused = true)]
async fn row_05_a_first_set_with_one_kid_twice_is_no_set() {
    let (first, second) = (SigningKey::es256(), SigningKey::es256());
    let published = Published::prepared(|issuer| {
        issuer.publish(&first.clone().with_kid("same"));
        issuer.publish(&second.clone().with_kid("same"));
    });
    let unavailable = Expected::Unavailable("key_unavailable");
    for token in [
        published.token().issue(),
        published.token().sign(&first.with_kid("same")),
    ] {
        published
            .stand
            .answers(|| bearer(&token), unavailable)
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_05_one_kid_for_keys_of_different_algorithms_is_no_duplicate() {
    let other = SigningKey::ed25519().with_kid("same");
    let same = SigningKey::es256().with_kid("same");
    let published = Published::prepared(|issuer| {
        issuer.publish(&other);
        issuer.publish(&same);
    });
    for key in [&other, &same] {
        published.stand.admits(&published.token().sign(key)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_09_a_key_that_is_not_for_verifying_is_left_out_alone() {
    let key = SigningKey::es256();
    for members in [
        json!({"use": "enc"}),
        json!({"use": "SIG"}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": []}),
        json!({"key_ops": ["encrypt", "wrapKey"]}),
        json!({"alg": "RS256"}),
        json!({"alg": "ES384"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": "ECDH-ES"}),
        json!({"alg": "HS256"}),
        json!({"alg": "none"}),
        json!({"crv": "P-384"}),
        json!({"kty": "OKP"}),
        json!({"kty": "RSA"}),
        // The private part is not for anybody to publish.
        json!({"d": key.jwk()["x"]}),
    ] {
        dropped(changed(&key, members), &key).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_09_a_point_off_the_curve_or_of_another_length_is_left_out_alone() {
    let key = SigningKey::es256();
    let text = |name: &str| key.jwk()[name].as_str().expect("a coordinate").to_owned();
    let (x, y) = (text("x"), text("y"));
    dropped(changed(&key, off_curve(&key.jwk())), &key).await;
    for members in [
        // One byte more in front, one less behind, none, another alphabet, padding.
        json!({"x": format!("AAAA{x}")}),
        json!({"y": &y[..y.len() - 3]}),
        json!({"x": ""}),
        json!({"y": null}),
        json!({"x": format!("{x}=")}),
        json!({"x": y, "y": x}),
        json!({"x": "A".repeat(43), "y": "A".repeat(43)}),
    ] {
        dropped(changed(&key, members), &key).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_10_an_rsa_key_of_unsafe_size_or_exponent_is_left_out_alone() {
    let weak = SigningKey::weak_rsa(1024);
    dropped(weak.clone().with_kid("bad").jwk(), &weak).await;
    // Whoever has e = 1 signs without a private key.
    let rsa = SigningKey::rsa("row 10");
    let open = e_of_one(&rsa.jwk());
    dropped(open.clone().with_kid("bad").jwk(), &open).await;
    for members in [
        json!({"e": "Ag"}),      // 2
        json!({"e": "AQAA"}),    // 65 536
        json!({"e": "AgAAAAE"}), // 2^33 + 1
        json!({"e": ""}),
        json!({"n": "_".repeat(1_400)}), // 8 400 bits
        json!({"n": "AQAB"}),
    ] {
        dropped(changed(&rsa, members), &rsa).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_11_an_okp_key_of_another_length_or_curve_is_left_out_and_nothing_panics() {
    let key = SigningKey::ed25519();
    let x = key.jwk()["x"].as_str().expect("a point").to_owned();
    for members in [
        json!({"x": "AA"}),
        json!({"x": &x[..x.len() - 3]}),
        json!({"x": format!("AAAA{x}")}),
        json!({"x": ""}),
        json!({"x": 7}),
        json!({"crv": "X25519"}),
        json!({"crv": "Ed448"}),
        json!({"crv": "P-256"}),
        json!({"crv": null}),
        // Small order: a signature of zeros would do for many messages.
        json!({"x": format!("AQ{}", "A".repeat(41))}),
    ] {
        dropped(changed(&key, members), &key).await;
    }
    let published = Published::of(Algorithm::EdDsa, |_| {});
    published.stand.admits(&published.token().issue()).await;
}

#[tokio::test(start_paused = true)]
async fn row_31_a_cached_token_whose_key_left_the_set_is_refused_on_its_next_request() {
    let published = Published::new();
    let stand = &published.stand;
    let good = published.token().issue();
    for _ in 0..3 {
        stand.admits(&good).await;
    }
    published.rest().await;
    published.issuer.rotate_and_drop_old();
    // A token of the new key makes the new set known.
    stand.admits(&published.token().issue()).await;
    let before = published.fetches();
    stand.refuses(&good, Reason::UnknownKey).await;
    assert!(published.fetches() <= before + 1, "one look to confirm it");
    stand.admits(&published.token().issue()).await;
}

#[tokio::test(start_paused = true)]
async fn row_31_a_cached_token_is_refused_when_another_key_takes_the_kid() {
    let published = Published::new();
    let stand = &published.stand;
    let good = published.token().issue();
    stand.admits(&good).await;
    published.rest().await;
    let kid = published.issuer.key().kid().expect("a kid").to_owned();
    let successor = SigningKey::es256().with_kid(kid.clone());
    assert!(published.issuer.withdraw(&kid));
    published.issuer.publish(&successor);
    published.issuer.rotate_keeping_old();
    stand.admits(&published.token().issue()).await;
    stand.refuses(&good, Reason::Signature).await;
    stand.admits(&published.token().sign(&successor)).await;
}

#[tokio::test(start_paused = true)]
async fn row_31_while_it_cannot_be_confirmed_a_lost_key_is_unavailable_and_not_refused() {
    let published = Published::new();
    let stand = &published.stand;
    // The keys are there before the first token: its kid was never missing.
    published.rest().await;
    let good = published.token().issue();
    stand.admits(&good).await;
    published.rest().await;
    let old = published.issuer.jwks()["keys"][0].clone();
    published.issuer.rotate_and_drop_old();
    stand.admits(&published.token().issue()).await;
    // The issuer fails before the loss is confirmed.
    published.issuer.mode(portcullis_testing::Mode::Error500);
    stand.clock.advance(std::time::Duration::from_secs(1)).await;
    let unavailable = Expected::Unavailable("key_unavailable");
    stand.answers(|| bearer(&good), unavailable).await;
    // It was a lagging replica: the key is there again, and so is the session.
    published.issuer.mode(portcullis_testing::Mode::Ok);
    published.issuer.publish_jwk(old);
    published.rest().await;
    stand.admits(&good).await;
}

//! Rows 1, 2, 6, 7, 8: what the header may ask for.

use portcullis_auth::key::{Algorithm, HmacRing};
use portcullis_auth::{JwtVerifier, Reason};
use portcullis_testing::{SigningKey, forge};
use serde_json::json;

use crate::published::Published;
use crate::stand::{Stand, bearer, fixed, lenient};
use crate::words::Expected;

#[tokio::test]
async fn row_01_a_public_key_is_never_a_shared_secret() {
    for key in [
        SigningKey::es256(),
        SigningKey::rsa("row 1"),
        SigningKey::ed25519(),
    ] {
        let stand = Stand::of(key.clone());
        let good = stand.token().sign(&key);
        stand.admits(&good).await;
        let forged = forge::hmac_with_public_key(&good, &key);
        stand.refuses(&forged, Reason::Algorithm).await;
        // Whatever spelling of the key the forger takes for the secret.
        let jwk = key.jwk();
        let spellings = [
            key.public_der(),
            key.public_pem().trim_end().into(),
            jwk.to_string().into_bytes(),
            jwk["x"].as_str().unwrap_or_default().into(),
            jwk["n"].as_str().unwrap_or_default().into(),
        ];
        for secret in spellings {
            let secret = SigningKey::hmac(secret);
            for alg in ["HS256", "HS384", "HS512", "hs256"] {
                let forged = stand
                    .token()
                    .header("alg", alg)
                    .header("kid", key.kid())
                    .sign(&secret);
                stand.refuses(&forged, Reason::Algorithm).await;
            }
        }
    }
}

#[tokio::test]
async fn row_01_the_algorithm_is_one_of_the_key_and_of_the_allowlist() {
    let rsa = SigningKey::rsa("row 1");
    let stand = Stand::of(rsa.clone());
    // The key says RS256; the same key could check PS256 and RS512.
    for other in ["Ps256", "Rs512"] {
        let other = match other {
            "Ps256" => portcullis_testing::Algorithm::Ps256,
            _ => portcullis_testing::Algorithm::Rs512,
        };
        let token = stand.token().sign(&rsa.clone().with_algorithm(other));
        stand.refuses(&token, Reason::Algorithm).await;
    }
    // The token says ES256 and names the RSA key.
    let mislabelled = stand.token().header("alg", "ES256").sign(&rsa);
    stand.refuses(&mislabelled, Reason::Algorithm).await;
    let other = SigningKey::es256();
    let narrow = lenient(fixed(&[&rsa, &other])).algorithms([Algorithm::ES256]);
    let stand = Stand::trusting(rsa.clone(), narrow);
    let token = stand.token().sign(&rsa);
    stand.refuses(&token, Reason::Algorithm).await;
}

#[tokio::test]
async fn row_01_a_verifier_of_shared_secrets_takes_nothing_else() {
    let secret = SigningKey::hmac([7; 32]);
    let ring = HmacRing::new(Algorithm::HS256, &[7; 32]).expect("long enough");
    let stand = Stand::trusting(secret.clone(), lenient(ring));
    stand.admits(&stand.token().sign(&secret)).await;
    let token = stand.token().sign(&SigningKey::es256());
    stand.refuses(&token, Reason::Algorithm).await;
    // The right secret with an algorithm that the ring is not for.
    let other = secret.with_algorithm(portcullis_testing::Algorithm::Hs512);
    stand
        .refuses(&stand.token().sign(&other), Reason::Algorithm)
        .await;
    let stranger = SigningKey::hmac([8; 32]);
    stand
        .refuses(&stand.token().sign(&stranger), Reason::Signature)
        .await;
}

#[test]
fn row_01_shared_secrets_and_public_keys_share_no_verifier() {
    let ring = HmacRing::new(Algorithm::HS256, &[7; 32]).expect("long enough");
    let mixed = JwtVerifier::builder_with_clock(portcullis_testing::TestClock::new())
        .issuer(lenient(fixed(&[&SigningKey::es256()])))
        .issuer(
            portcullis_auth::Issuer::new("https://other.example.com", ring)
                .audience("api")
                .dangerously_any_token(),
        )
        .build()
        .expect_err("mixed");
    assert!(
        mixed
            .to_string()
            .contains("mixes shared secrets and public keys"),
        "{mixed}"
    );
    let confused = JwtVerifier::builder_with_clock(portcullis_testing::TestClock::new())
        .issuer(lenient(fixed(&[&SigningKey::es256()])).algorithms([Algorithm::HS256]))
        .build()
        .expect_err("HS256 with a public key");
    assert!(
        confused.to_string().contains("issuer[0].algorithms"),
        "{confused}"
    );
}

#[tokio::test(start_paused = true)]
async fn row_01_a_key_set_with_a_shared_secret_is_refused_as_a_whole() {
    let secret = SigningKey::hmac([7; 32]).with_kid("secret");
    let published = Published::prepared(|issuer| issuer.publish(&secret));
    let good = published.token().issue();
    let unavailable = Expected::Unavailable("key_unavailable");
    published.stand.answers(|| bearer(&good), unavailable).await;
    let forged = published.token().sign(&secret);
    published.stand.refuses(&forged, Reason::Algorithm).await;
    let error = published.jwks.status().last_error;
    assert_eq!(error, Some(portcullis_auth::jwks::FetchError::SymmetricKey));
}

#[tokio::test(start_paused = true)]
async fn row_02_none_is_refused_in_every_spelling_and_fetches_nothing() {
    let published = Published::new();
    let stand = &published.stand;
    let good = published.token().issue();
    stand.admits(&good).await;
    let before = published.fetches();
    for none in ["none", "None", "NONE", "nOnE", "", " none", "null"] {
        stand
            .refuses(&forge::unsigned(&good, none), Reason::Malformed)
            .await;
        let signed = published.token().header("alg", none).issue();
        stand.refuses(&signed, Reason::Algorithm).await;
        let unknown_kid = published
            .token()
            .header("alg", none)
            .header("kid", "x")
            .issue();
        stand.refuses(&unknown_kid, Reason::Algorithm).await;
    }
    let missing = published.token().without_header("alg").issue();
    stand.refuses(&missing, Reason::Algorithm).await;
    for not_a_name in [
        json!(null),
        json!(["RS256"]),
        json!(0),
        json!({}),
        json!(true),
    ] {
        let token = published.token().header("alg", not_a_name).issue();
        stand.refuses(&token, Reason::Malformed).await;
    }
    assert_eq!(published.fetches(), before);
}

#[tokio::test]
async fn row_06_crit_is_refused_whatever_its_value() {
    let stand = Stand::new();
    for crit in [
        json!(["exp"]),
        json!(["b64"]),
        json!(["unheard-of"]),
        json!([]),
        json!(null),
        json!("exp"),
        json!(false),
        json!({}),
    ] {
        let token = stand
            .token()
            .header("crit", &crit)
            .header("exp", 1)
            .sign(&stand.key);
        stand.refuses(&token, Reason::UnsupportedHeader).await;
    }
    // An escape does not hide the name.
    let header = format!(
        r#"{{"alg":"ES256","kid":"{}","\u0063rit":[]}}"#,
        stand.key.kid().expect("a kid")
    );
    let token = stand.key.sign_raw(
        header.as_bytes(),
        stand.token().claims().to_string().as_bytes(),
    );
    stand.refuses(&token, Reason::UnsupportedHeader).await;
}

#[tokio::test(start_paused = true)]
async fn row_07_keys_in_the_header_choose_nothing_and_fetch_nothing() {
    let published = Published::new();
    let (stand, attacker) = (&published.stand, SigningKey::es256());
    let carried = [
        ("jku", json!("https://evil.example.com/jwks")),
        ("x5u", json!("https://evil.example.com/cert")),
        ("jwk", attacker.jwk()),
        ("x5c", json!(["MIIB"])),
        ("x5t#S256", json!("AAAA")),
    ];
    stand.admits(&published.token().issue()).await;
    for (name, value) in carried {
        let good = published.token().header(name, &value).issue();
        stand.admits(&good).await;
        // The attacker's key is in the header, the issuer's is named.
        let kid = published.issuer.key().kid().map(str::to_owned);
        let forged = published
            .token()
            .header(name, &value)
            .header("kid", kid)
            .sign(&attacker);
        stand.refuses(&forged, Reason::Signature).await;
    }
    assert!(published.record().iter().all(|head| !head.contains("evil")));
}

#[tokio::test]
async fn row_08_what_is_no_plain_signed_token_is_refused() {
    let stand = Stand::new();
    for (name, value) in [
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("cty", json!("JWT")),
        ("cty", json!("jwt")),
    ] {
        let token = stand.token().header(name, value).sign(&stand.key);
        stand.refuses(&token, Reason::UnsupportedHeader).await;
    }
    // Another content type says nothing about the form.
    stand
        .admits(&stand.token().header("cty", "json").sign(&stand.key))
        .await;

    let good = stand.token().sign(&stand.key);
    let encrypted = format!("{good}.AAAA.AAAA");
    stand.refuses(&encrypted, Reason::Malformed).await;
    let parts: Vec<&str> = good.split('.').collect();
    let flattened = json!({
        "protected": parts[0], "payload": parts[1], "signature": parts[2],
    });
    let general = json!({
        "payload": parts[1],
        "signatures": [{ "protected": parts[0], "signature": parts[2] }],
    });
    for serialization in [flattened, general] {
        // Braces are in no b64token (RFC 6750 section 2.1): the request is at fault, not the token.
        stand
            .refuses(&serialization.to_string(), Reason::MalformedCredential)
            .await;
    }
    // A whole token as the payload of another.
    let nested = stand.key.sign_raw(
        json!({"alg": "ES256", "kid": stand.key.kid()})
            .to_string()
            .as_bytes(),
        good.as_bytes(),
    );
    stand.refuses(&nested, Reason::Malformed).await;
}

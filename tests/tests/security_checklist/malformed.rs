//! Malformed tokens by the thousand, in the manner of the Wycheproof vectors for JWS, made from good ones.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_testing::{SigningKey, forge};
use serde_json::json;

use crate::stand::{Answer, Stand, bearer};

/// A token that is no token, and what is wrong with it.
type Vector = (&'static str, String);

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Parts taken away, repeated, and put in another order.
fn shapes(good: &str) -> Vec<Vector> {
    let parts: Vec<&str> = good.split('.').collect();
    let [h, p, s] = parts[..] else {
        panic!("three parts")
    };
    let of = |what, parts: &[&str]| (what, parts.join("."));
    vec![
        of("one part", &[h]),
        of("no signature", &[h, p]),
        of("an empty signature", &[h, p, ""]),
        of("an empty payload", &[h, "", s]),
        of("an empty header", &["", p, s]),
        of("dots only", &["", "", ""]),
        of("a part in front", &["", h, p, s]),
        of("a part behind", &[h, p, s, ""]),
        of("the signature twice", &[h, p, s, s]),
        of("an encrypted form", &[h, "", s, p, s]),
        of("six parts", &[h, p, s, h, p, s]),
        of("header and payload swapped", &[p, h, s]),
        of("payload and signature swapped", &[h, s, p]),
        of("backwards", &[s, p, h]),
        of("the header for a payload", &[h, h, s]),
        of("the payload for a header", &[p, p, s]),
        of("the header for a signature", &[h, p, h]),
        of("the payload for a signature", &[h, p, p]),
    ]
}

/// Signatures that are real, over something else or by another key.
fn signatures(stand: &Stand, good: &str) -> Vec<Vector> {
    let key = &stand.key;
    let parts: Vec<&str> = good.split('.').collect();
    let [h, p, s] = parts[..] else {
        panic!("three parts")
    };
    let over = |message: &str| format!("{h}.{p}.{}", b64(key.signature(message.as_bytes())));
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let inside = [decoded(h), b".".to_vec(), decoded(p)].concat();
    let same_kid = SigningKey::es256().with_kid(key.kid().expect("a kid"));
    let other = stand.token().subject("mallory").sign(key);
    vec![
        ("over the header", over(h)),
        ("over the payload", over(p)),
        ("over both without the dot", over(&format!("{h}{p}"))),
        ("over both and a dot more", over(&format!("{h}.{p}."))),
        ("over both the wrong way round", over(&format!("{p}.{h}"))),
        ("over nothing", over("")),
        ("over the whole token", over(good)),
        ("over what is encoded", {
            format!("{h}.{p}.{}", b64(key.signature(&inside)))
        }),
        ("of another token", forge::with_signature_of(good, &other)),
        (
            "of another key with this kid",
            stand.token().sign(&same_kid),
        ),
        ("encoded twice", format!("{h}.{p}.{}", b64(s))),
        ("in hexadecimal", {
            let hex: String = decoded(s)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("{h}.{p}.{hex}")
        }),
        (
            "with a claim changed",
            forge::with_claim(good, "sub", "root"),
        ),
        (
            "with a member of the header changed",
            forge::with_header(good, "typ", "JWT"),
        ),
        ("with one bit turned", forge::bad_signature(good)),
    ]
}

/// Bytes that are no JSON object, signed as they are.
fn contents(stand: &Stand) -> Vec<Vector> {
    let header = json!({"alg": "ES256", "kid": stand.key.kid()}).to_string();
    let claims = stand.token().claims().to_string();
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut vectors = Vec::new();
    let mut spoil = |what, change: &dyn Fn(&str) -> Vec<u8>| {
        let sign = |header: &[u8], claims: &[u8]| stand.key.sign_raw(header, claims);
        vectors.push((what, sign(&change(&header), claims.as_bytes())));
        vectors.push((what, sign(header.as_bytes(), &change(&claims))));
    };
    spoil("a byte order mark", &|text| {
        format!("\u{feff}{text}").into()
    });
    spoil("UTF-16", &utf16);
    spoil("a NUL behind", &|text| format!("{text}\0").into());
    spoil("a NUL in front", &|text| format!("\0{text}").into());
    spoil("a form feed in front", &|text| {
        format!("\u{c}{text}").into()
    });
    spoil("a comment", &|text| format!("{text}/* */").into());
    spoil("an object behind", &|text| format!("{text}{text}").into());
    spoil("an array round it", &|text| format!("[{text}]").into());
    spoil("a string round it", &|text| json!(text).to_string().into());
    spoil("single quotes", &|text| text.replace('"', "'").into());
    spoil("a comma too many", &|text| text.replace('}', ",}").into());
    spoil("no closing brace", &|text| text[..text.len() - 1].into());
    spoil("encoded twice", &|text| b64(text).into());
    spoil("compressed, by its looks", &|text| {
        [b"\x78\x9c", text.as_bytes()].concat()
    });
    spoil("Latin-1", &|text| {
        let name = [b"{\"\xe9\":1,", &text.as_bytes()[1..]];
        name.concat()
    });
    spoil("nothing of it", &|_| b"{".to_vec());
    vectors
}

/// The token cut off anywhere, and with a byte put in, taken out or changed anywhere.
fn edits(good: &str) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for at in 0..good.len() {
        let (front, back) = good.split_at(at);
        let rest = &back[1..];
        let old = good.as_bytes()[at];
        vectors.push(("cut off", front.to_owned()));
        vectors.push(("a byte taken out", format!("{front}{rest}")));
        for new in ['A', 'B', '.', '_', '~', '='] {
            vectors.push(("a byte put in", format!("{front}{new}{back}")));
            if old != new as u8 {
                vectors.push(("a byte changed", format!("{front}{new}{rest}")));
            }
        }
        vectors.push(("turned round", format!("{back}{front}")));
    }
    vectors.retain(|(_, token)| token != good && !token.is_empty());
    vectors
}

async fn ask(stand: &Stand, (what, token): &Vector) -> Answer {
    let answer = stand.send(bearer(token)).await;
    assert!(!answer.passed, "{what}: {token}");
    let status = answer.status.as_u16();
    assert!(matches!(status, 400 | 401), "{what}: {status} for {token}");
    let challenge = answer.all("www-authenticate").join("");
    let error = if status == 400 {
        "invalid_request"
    } else {
        "invalid_token"
    };
    assert!(
        challenge.contains(&format!("error=\"{error}\"")),
        "{what}: {challenge}"
    );
    answer
}

#[tokio::test]
async fn no_malformed_token_passes_whatever_was_done_to_a_good_one() {
    let stand = Stand::of(SigningKey::es256().with_kid("k"));
    let good = stand.token().sign(&stand.key);
    stand.admits(&good).await;
    let mut vectors = shapes(&good);
    vectors.extend(signatures(&stand, &good));
    vectors.extend(contents(&stand));
    let mut reasons = BTreeMap::<String, usize>::new();
    for vector in &vectors {
        let answer = ask(&stand, vector).await;
        assert_eq!(answer.status, 401, "{vector:?}");
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let reason = problem["reason"].as_str().expect("a reason").to_owned();
        assert!(
            [
                "malformed_token",
                "bad_signature",
                "missing_claim",
                "algorithm_not_allowed"
            ]
            .contains(&&*reason),
            "{vector:?}: {reason}"
        );
        *reasons.entry(reason).or_default() += 1;
    }
    // Both kinds of vector got as far as they were meant to.
    assert!(
        reasons["bad_signature"] >= 12 && reasons["malformed_token"] >= 30,
        "{reasons:?}"
    );
    stand.admits(&good).await;
}

#[tokio::test]
async fn no_token_passes_that_differs_from_a_good_one_in_a_byte() {
    // Ed25519: every signature has one form only.
    let stand = Stand::of(SigningKey::ed25519().with_kid("k"));
    let good = stand.token().sign(&stand.key);
    stand.admits(&good).await;
    let vectors = edits(&good);
    assert!(vectors.len() > 4_000, "{}", vectors.len());
    for vector in &vectors {
        ask(&stand, vector).await;
    }
    stand.admits(&good).await;
}

//! Rows 12 to 14: signatures and their spelling.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use portcullis_auth::Reason;
use portcullis_testing::{SigningKey, forge};

use crate::stand::Stand;

/// The order of the P-256 group (SEC 2 section 2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn split(token: &str) -> (&str, Vec<u8>) {
    let (input, signature) = token.rsplit_once('.').expect("three parts");
    (input, URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
}

fn join(input: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A DER INTEGER (X.690 section 8.3): no zeros in front but the one that keeps it positive.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(number.len() - 1);
    let digits = &number[start..];
    let sign: &[u8] = if digits[0] & 0x80 == 0 { &[] } else { &[0] };
    let length = u8::try_from(sign.len() + digits.len()).expect("short");
    [&[2, length], sign, digits].concat()
}

fn der(signature: &[u8]) -> Vec<u8> {
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let length = u8::try_from(body.len()).expect("short");
    [&[0x30, length], &body[..]].concat()
}

#[tokio::test]
async fn row_12_an_es256_signature_in_der_or_of_another_length_is_refused() {
    let stand = Stand::new();
    let good = stand.token().sign(&stand.key);
    stand.admits(&good).await;
    let (input, signature) = split(&good);
    let short = &signature[..63];
    let long = [&signature[..], &[0]].concat();
    let padded = [&[0], &signature[..32], &[0], &signature[32..]].concat();
    let twice = [&signature[..], &signature[..]].concat();
    for wrong in [
        &der(&signature)[..],
        short,
        &long,
        &padded,
        &twice,
        &[0],
        &signature[..32],
    ] {
        stand.refuses(&join(input, wrong), Reason::Signature).await;
    }
    // No algorithm has a signature so long.
    stand
        .refuses(&join(input, [7; 1_025]), Reason::Malformed)
        .await;
    stand.refuses(&format!("{input}."), Reason::Malformed).await;
}

#[tokio::test]
async fn row_12_an_es256_signature_with_r_or_s_out_of_range_is_refused() {
    let stand = Stand::new();
    let good = stand.token().sign(&stand.key);
    let (input, signature) = split(&good);
    let (r, s) = signature.split_at(32);
    let zero = [0; 32];
    let mut beyond = ORDER;
    beyond[31] += 1;
    for (r, s) in [
        (&zero[..], &zero[..]),
        (&zero, s),
        (r, &zero),
        (&ORDER, s),
        (r, &ORDER),
        (&ORDER, &ORDER),
        (&beyond, s),
        (r, &beyond),
        (&[0xff; 32], &[0xff; 32]),
        (s, r),
    ] {
        stand
            .refuses(&join(input, [r, s].concat()), Reason::Signature)
            .await;
    }
}

#[tokio::test]
async fn row_12_no_bit_of_a_signature_may_be_wrong_whatever_the_algorithm() {
    for key in [
        SigningKey::es256(),
        SigningKey::es384(),
        SigningKey::ed25519(),
        SigningKey::rsa("row 12"),
        SigningKey::rsa("row 12").with_algorithm(portcullis_testing::Algorithm::Ps256),
    ] {
        let stand = Stand::of(key.clone());
        let good = stand.token().sign(&key);
        stand.admits(&good).await;
        let (input, signature) = split(&good);
        for position in [0, 1, signature.len() / 2, signature.len() - 1] {
            let mut wrong = signature.clone();
            wrong[position] ^= 1;
            stand.refuses(&join(input, wrong), Reason::Signature).await;
        }
        stand
            .refuses(&forge::tampered(&good), Reason::Signature)
            .await;
        let other = stand.token().subject("mallory").sign(&key);
        let swapped = forge::with_signature_of(&good, &other);
        stand.refuses(&swapped, Reason::Signature).await;
        stand.admits(&good).await;
    }
}

#[tokio::test]
async fn row_13_the_high_s_twin_is_the_same_valid_token() {
    let stand = Stand::new();
    let good = stand.token().token_id("the one").sign(&stand.key);
    let twin = forge::es256_high_s_twin(&good);
    assert_ne!(good, twin);
    let (first, second) = (stand.admits(&good).await, stand.admits(&twin).await);
    assert_eq!(first.parts().token_id, second.parts().token_id);
    assert_eq!(first.parts().payload, second.parts().payload);
    // One of the two has s in the upper half: both are good, whichever was signed.
    assert_eq!(forge::es256_high_s_twin(&twin), good);
}

/// Other spellings of one part that a lenient decoder would take for the same bytes.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let canonical = URL_SAFE_NO_PAD.encode(bytes);
    let mut spellings = vec![
        URL_SAFE.encode(bytes),
        STANDARD.encode(bytes),
        STANDARD_NO_PAD.encode(bytes),
        format!("{canonical}="),
        format!("{canonical}=="),
        format!("={canonical}"),
    ];
    for space in [' ', '\t', '+'] {
        spellings.push(format!("{canonical}{space}"));
        let (front, back) = canonical.split_at(canonical.len() / 2);
        spellings.push(format!("{front}{space}{back}"));
    }
    spellings.extend(stray_bits(&canonical));
    spellings.retain(|spelling| *spelling != canonical);
    spellings
}

/// The last letter with the bits that stand for nothing set (RFC 4648 section 3.5).
fn stray_bits(canonical: &str) -> Option<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let unused = match canonical.len() % 4 {
        2 => 4,
        3 => 2,
        _ => return None,
    };
    let last = canonical.chars().last()?;
    let value = ALPHABET.find(last)? | ((1 << unused) - 1);
    let stray = ALPHABET.get(value..=value)?;
    Some(format!("{}{stray}", &canonical[..canonical.len() - 1]))
}

#[tokio::test]
async fn row_14_every_other_spelling_of_base64url_is_refused() {
    let stand = Stand::new();
    let (mut malformed, mut credentials) = (0, 0);
    // Names of several lengths, so that every remainder of the length modulo three comes up.
    for padding in ["", "x", "xx"] {
        let token = stand.token().header("y", padding).claim("x", padding);
        let good = token.sign(&stand.key);
        stand.admits(&good).await;
        let parts: Vec<Vec<u8>> = good
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url"))
            .collect();
        for place in 0..3 {
            for spelling in spellings(&parts[place]) {
                let mut text: Vec<String> = parts
                    .iter()
                    .map(|part| URL_SAFE_NO_PAD.encode(part))
                    .collect();
                text[place] = spelling;
                if place < 2 {
                    // Signed as it is spelled, so only the spelling is wrong.
                    let input = format!("{}.{}", text[0], text[1]);
                    text[2] = URL_SAFE_NO_PAD.encode(stand.key.signature(input.as_bytes()));
                }
                let token = text.join(".");
                let answer = stand.send(crate::stand::bearer(&token)).await;
                assert!(!answer.passed, "{token}");
                // White space, and padding that is not at the end, are in no b64token.
                let body = token.trim_end_matches('=');
                let reason = if body.contains(['=', ' ', '\t']) {
                    credentials += 1;
                    Reason::MalformedCredential
                } else {
                    malformed += 1;
                    Reason::Malformed
                };
                stand.refuses(&token, reason).await;
            }
        }
    }
    assert!(
        malformed > 30 && credentials > 30,
        "{malformed} {credentials}"
    );
}

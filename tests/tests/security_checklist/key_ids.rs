//! Rows 3 and 4: how a token names its key.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_auth::Reason;
use portcullis_testing::{Endpoint, Mode, SigningKey};
use serde_json::{Value, json};

use crate::published::Published;
use crate::stand::{Stand, bearer, fixed, lenient};
use crate::words::Expected;

/// Key ids that somebody hopes will get out of a map: into a path, a query, a shell, a log line.
const HOSTILE: &[&str] = &[
    "../../../../etc/passwd-MARK",
    "MARK' OR '1'='1",
    "MARK; rm -rf /",
    "https://evil.example.com/MARK",
    "?kid=MARK&x=%0d%0a",
    "%2e%2e%2fMARK",
    "\u{202e}MARK",
    "${jndi:ldap://MARK}",
    "MARK{}{:?}",
];

/// Key ids that no set can hold.
fn impossible() -> Vec<Value> {
    vec![
        json!(null),
        json!(7),
        json!(-1.5),
        json!(true),
        json!("a\r\nMARK: injected"),
        json!("MARK\u{1b}[2J"),
        json!("MARK\u{7f}"),
        json!("MARK".repeat(65)),
        json!("MARK".repeat(512)),
    ]
}

#[tokio::test(start_paused = true)]
async fn row_03_an_impossible_kid_is_refused_at_once() {
    let published = Published::new();
    published.stand.admits(&published.token().issue()).await;
    let before = published.fetches();
    for kid in impossible() {
        let token = published.token().header("kid", kid).issue();
        published.stand.refuses(&token, Reason::UnknownKey).await;
    }
    for kid in [json!(["k"]), json!({"k": "v"})] {
        let token = published.token().header("kid", kid).issue();
        published.stand.refuses(&token, Reason::Malformed).await;
    }
    assert_eq!(published.fetches(), before);
}

#[tokio::test(start_paused = true)]
async fn row_03_a_10_kib_kid_is_larger_than_any_token() {
    let published = Published::new();
    published.stand.admits(&published.token().issue()).await;
    let token = published.token().header("kid", "k".repeat(10_240)).issue();
    published.stand.refuses(&token, Reason::TooLarge).await;
}

#[tokio::test(start_paused = true)]
async fn row_03_unknown_kids_are_refused_after_a_bounded_fetch_then_unavailable() {
    let published = Published::new();
    let stand = &published.stand;
    let good = published.token().issue();
    stand.admits(&good).await;
    published.rest().await;
    let before = published.fetches();
    let unknown = |kid: &str| published.token().header("kid", kid).issue();
    for (spent, kid) in ["first", "second"].into_iter().enumerate() {
        // Refused four times on the evidence of one fetch.
        stand.refuses(&unknown(kid), Reason::UnknownKey).await;
        assert_eq!(published.fetches(), before + spent + 1);
        // What begins in the instant in which a kid comes would be evidence about it.
        stand.clock.advance(Duration::from_secs(1)).await;
    }
    let unavailable = Expected::Unavailable("key_unavailable");
    for number in 0..50 {
        let token = unknown(&format!("later {number}"));
        stand.answers(|| bearer(&token), unavailable).await;
    }
    assert_eq!(published.fetches(), before + 2);
    // Those who hold a known key never notice.
    stand.admits(&good).await;
    stand.admits(&published.token().issue()).await;
    assert_eq!(published.fetches(), before + 2);
}

#[tokio::test(start_paused = true)]
async fn row_03_a_hostile_kid_reaches_neither_url_nor_log() {
    let (log, _guard) = log();
    let published = Published::new();
    published.stand.admits(&published.token().issue()).await;
    for kid in HOSTILE {
        published.rest().await;
        let token = published.token().header("kid", kid).issue();
        published.stand.refuses(&token, Reason::UnknownKey).await;
    }
    for kid in impossible() {
        let token = published.token().header("kid", kid).issue();
        published.stand.send(bearer(&token)).await;
    }
    let record = published.record();
    assert!(
        record.len() > HOSTILE.len(),
        "a fetch for each: {record:#?}"
    );
    let jwks = published.issuer.jwks_url();
    let metadata = published.issuer.url_of(Endpoint::OpenIdConfiguration);
    for head in &record {
        let target = head.split(' ').nth(1).expect("a target");
        assert!(target == jwks || target == metadata, "{head}");
        assert!(!head.contains("MARK"), "{head}");
    }
    let log = log.text();
    assert!(log.contains("keys changed"), "the log is on: {log}");
    assert!(log.contains("unknown_key"), "the log is on: {log}");
    assert!(!log.contains("MARK"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn row_03_an_unknown_kid_while_the_issuer_is_down_is_unavailable() {
    let published = Published::new();
    let stand = &published.stand;
    let good = published.token().issue();
    stand.admits(&good).await;
    let unavailable = Expected::Unavailable("key_unavailable");
    for mode in [
        Mode::Error500,
        Mode::Garbage,
        Mode::EmptySet,
        Mode::Reset,
        Mode::Hang,
    ] {
        published.issuer.mode(mode);
        published.rest().await;
        let token = published.token().header("kid", "new").issue();
        stand.answers(|| bearer(&token), unavailable).await;
        // A key that is known goes on being good.
        stand.admits(&good).await;
        stand.admits(&published.token().issue()).await;
    }
    published.issuer.mode(Mode::Ok);
    published.rest().await;
    let rotated = published.issuer.rotate();
    stand.admits(&published.token().sign(&rotated)).await;
}

#[tokio::test]
async fn row_04_without_a_kid_exactly_one_key_must_fit() {
    let (first, second) = (SigningKey::es256(), SigningKey::es256());
    let other = SigningKey::ed25519();
    let stand = Stand::trusting(first.clone(), lenient(fixed(&[&first, &other])));
    for key in [&first, &other] {
        let token = stand.token().sign(&key.clone().without_kid());
        stand.admits(&token).await;
    }
    let none_fits = stand.token().sign(&SigningKey::es384().without_kid());
    stand.refuses(&none_fits, Reason::UnknownKey).await;

    // Nothing is tried: a token of either key is refused, its signature unseen.
    let stand = Stand::trusting(first.clone(), lenient(fixed(&[&first, &second])));
    for key in [&first, &second] {
        stand.admits(&stand.token().sign(key)).await;
        let token = stand.token().sign(&key.clone().without_kid());
        stand.refuses(&token, Reason::AmbiguousKey).await;
    }
    // An empty id is an id, of no key.
    let empty = stand.token().header("kid", "").sign(&first);
    stand.refuses(&empty, Reason::UnknownKey).await;
}

#[tokio::test(start_paused = true)]
async fn row_04_without_a_kid_the_one_published_key_is_used_until_there_are_two() {
    let published = Published::new();
    let stand = &published.stand;
    let token = published.token().without_header("kid").issue();
    stand.admits(&token).await;
    let second = published.issuer.rotate_keeping_old();
    stand.admits(&published.token().sign(&second)).await;
    let token = published.token().without_header("kid").issue();
    stand.refuses(&token, Reason::AmbiguousKey).await;
}

// === the log ===

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

/// Everything that is logged on this thread, down to the finest level.
fn log() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

// === impl Log ===

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

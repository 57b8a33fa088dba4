//! The page that states the bound, held to the code.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_auth::{Degrade, Revocations};
use portcullis_core::Secret;
use portcullis_revocation::{Horizon, MemoryLog, Revocation, RevocationBuilder, Secrets};

const PAGE: &str = include_str!("../../../docs/bounds.md");

fn defaults() -> BTreeMap<&'static str, &'static str> {
    let (_, after) = PAGE.split_once("### Defaults").unwrap();
    let rows = after.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split_once('|').unwrap())
        .map(|(what, value)| (what.trim(), value.trim()))
        .collect()
}

#[test]
fn the_table_of_defaults_is_that_of_the_code() {
    let seconds = |span: Duration| format!("{} s", span.as_secs());
    let millis = |span: Duration| format!("{} ms", span.as_millis());
    let horizon = Horizon::DEFAULT.max_token_lifetime();
    let expected = [
        (
            "P, the poll interval",
            millis(RevocationBuilder::POLL_EVERY),
        ),
        ("jitter of P", "± 20 %".to_owned()),
        (
            "deadline of a poll",
            millis(RevocationBuilder::POLL_DEADLINE),
        ),
        ("S, the freshness", seconds(Revocations::FRESHNESS)),
        (
            "least freshness of a route",
            millis(Revocations::FRESHNESS_MIN),
        ),
        (
            "greatest freshness of a route",
            seconds(Revocations::FRESHNESS_MAX),
        ),
        ("d, the grace", seconds(Duration::ZERO)),
        ("greatest grace", seconds(Degrade::GRACE_MAX)),
        ("longest life of a token", seconds(horizon)),
        (
            "what is added to it: the most leeway",
            seconds(Horizon::LEEWAY),
        ),
        ("what is added to it: for clocks", seconds(Horizon::MARGIN)),
        ("ids in a view", RevocationBuilder::CAPACITY.to_string()),
        ("changes in a page", RevocationBuilder::PAGE.to_string()),
    ];
    let expected: BTreeMap<_, _> = expected.into_iter().collect();
    let said: BTreeMap<_, _> = defaults()
        .into_iter()
        .map(|(what, value)| (what, value.to_owned()))
        .collect();
    assert_eq!(said, expected);
    assert_eq!(RevocationBuilder::MAX_AGE, Revocations::FRESHNESS);
}

#[tokio::test]
async fn one_process_with_the_defaults_has_the_bound_that_the_page_says() {
    let secrets = Secrets::new(&Secret::new(vec![7; 32])).unwrap();
    let revocation = Revocation::builder(secrets, MemoryLog::new())
        .start()
        .unwrap();
    assert_eq!(revocation.health().bound, None, "not known yet");
    while !revocation.health().synced {
        tokio::task::yield_now().await;
    }
    assert_eq!(revocation.health().bound, Some(Revocations::FRESHNESS));
    assert_eq!(revocation.health().capacity, RevocationBuilder::CAPACITY);
}

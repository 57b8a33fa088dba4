//! The table of `docs/degrade.md` is what a policy decides.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use portcullis_auth::{Decision, Degrade, Grace, Outage, Revocations};
use portcullis_core::{Identity, OutageCause, Provenance};
use portcullis_revocation::Target;
use portcullis_testing::{TestClock, identity};
use portcullis_tests::api::{Answer, ask, bearer};
use portcullis_tests::revocation::{Stand, SwitchedLog};

const GRACE: Duration = Duration::from_secs(60);

/// Cause, policy, and what happens with a safe and an unsafe method.
fn rows() -> Vec<[String; 4]> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(here.parent().unwrap().join("docs/degrade.md")).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            let cells: Vec<_> = cells
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect();
            cells.try_into().ok()
        })
        .collect()
}

fn policy(name: &str) -> Degrade {
    let allow = Degrade::allow_for(GRACE).unwrap();
    match name {
        "deny" => Degrade::deny(),
        "allow_for" => allow,
        "allow_for, unsafe" => allow.with_unsafe_methods(),
        "anonymous" => Degrade::anonymous(),
        other => panic!("{other} is no policy"),
    }
}

fn decided(policy: &Degrade, outage: &Outage, safe: bool) -> &'static str {
    match policy.decide(outage, safe) {
        Decision::Refuse => "503",
        Decision::Admit(_) => "degraded",
        Decision::Anonymous => "anonymous",
    }
}

#[test]
fn the_documented_table_is_what_is_decided() {
    let mut seen = BTreeSet::new();
    for [cause, name, safe, unsafe_] in rows() {
        let policy = policy(&name);
        let known = OutageCause::ALL
            .into_iter()
            .find(|known| known.as_str() == cause)
            .unwrap();
        let nobody = Outage::new(known);
        let held = |overdue| Outage::new(known).holding(identity("alice").build(), overdue);
        for (said, is_safe) in [(&safe, true), (&unsafe_, false)] {
            let cell = format!("{cause} {name} safe={is_safe}");
            assert_eq!(decided(&policy, &held(GRACE), is_safe), said, "{cell}");
            // The sentences below the table.
            let less = if said == "degraded" { "503" } else { said };
            let late = held(GRACE + Duration::from_nanos(1));
            assert_eq!(decided(&policy, &late, is_safe), less, "{cell}");
            assert_eq!(decided(&policy, &nobody, is_safe), less, "{cell}");
        }
        assert!(seen.insert((cause, name)), "a row is there twice");
    }
    assert_eq!(seen.len(), OutageCause::ALL.len() * 4, "every row is there");
}

/// What a real view can be in, and whether its caller is known well enough for the grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Synced,
    Revoked,
    RevokedAndStale,
    Unfit,
    /// Just too old, by the grace, and by more than that.
    Stale,
    StaleByTheGrace,
    StaleByMore,
    Full,
    ClocksApart,
    NeverSynced,
}

impl View {
    const ALL: [Self; 10] = [
        Self::Synced,
        Self::Revoked,
        Self::RevokedAndStale,
        Self::Unfit,
        Self::Stale,
        Self::StaleByTheGrace,
        Self::StaleByMore,
        Self::Full,
        Self::ClocksApart,
        Self::NeverSynced,
    ];

    /// A node whose view is so, and a token that was good before.
    async fn stand(self) -> (Stand, String) {
        let capacity = if self == Self::Full { 1 } else { 1_000 };
        let clock = TestClock::following_tokio();
        let logs = TestClock::following_tokio();
        if self == Self::ClocksApart {
            logs.advance_wall_only(Duration::from_secs(2 * 3_600));
        }
        let log = SwitchedLog::new(&logs);
        let stand = Stand::following(log, clock, |revocation| revocation.with_capacity(capacity));
        let token = stand.token();
        let token = match self {
            Self::Unfit => token.expires_in(Duration::from_secs(25 * 3_600)),
            _ => token,
        };
        let token = token.issue();
        if self == Self::NeverSynced {
            stand.log.switch(false);
            stand.clock.advance(GRACE).await;
            return (stand, token);
        }
        stand.until_synced().await;
        let issuer = stand.issuer.issuer();
        let fresh = Revocations::FRESHNESS;
        // The last poll was somewhat before it was cut off.
        let moment = Duration::from_secs(1);
        match self {
            Self::Synced | Self::Unfit | Self::ClocksApart | Self::NeverSynced => {}
            Self::Revoked => stand.revoke(Target::session(issuer, "session-1")).await,
            Self::RevokedAndStale => {
                stand.revoke(Target::session(issuer, "session-1")).await;
                stand.cut_off_for(fresh + moment).await;
            }
            Self::Stale => stand.cut_off_for(fresh + moment).await,
            Self::StaleByTheGrace => stand.cut_off_for(fresh + GRACE - moment).await,
            Self::StaleByMore => stand.cut_off_for(fresh + GRACE + moment).await,
            Self::Full => {
                for session in ["a", "b", "c"] {
                    stand.revoke(Target::session(issuer, session)).await;
                }
            }
        }
        (stand, token)
    }

    /// Why nothing is known for certain, and whether a grace may help.
    fn row(self) -> Option<(OutageCause, bool)> {
        use OutageCause::{NeverSynced, RevocationStale};
        match self {
            Self::Synced | Self::Revoked | Self::RevokedAndStale | Self::Unfit => None,
            Self::Stale | Self::StaleByTheGrace => Some((RevocationStale, true)),
            Self::StaleByMore | Self::Full | Self::ClocksApart => Some((RevocationStale, false)),
            Self::NeverSynced => Some((NeverSynced, true)),
        }
    }
}

fn became(answer: &Answer) -> String {
    match answer.status.as_u16() {
        200 => {
            let reached = answer.reached.as_ref().unwrap();
            match Identity::of(reached.extensions()).map(Identity::provenance) {
                None => "anonymous".to_owned(),
                Some(Provenance::Degraded(cause)) => format!("degraded {cause}"),
                Some(_) => "passed".to_owned(),
            }
        }
        status => {
            let unavailable = status == 503;
            assert_eq!(answer.headers.contains_key("retry-after"), unavailable);
            assert_eq!(
                answer.headers.contains_key("www-authenticate"),
                !unavailable
            );
            format!("{status} {}", answer.reason.as_ref().unwrap())
        }
    }
}

/// The two rows of revocations with a real view in every state, every policy and both kinds of methods.
#[tokio::test(start_paused = true)]
async fn a_real_view_in_every_state_gets_what_its_row_says() {
    let named = Degrade::deny()
        .on(OutageCause::NeverSynced, Grace::AllowFor(GRACE))
        .unwrap();
    let policies = ["deny", "allow_for", "allow_for, unsafe", "anonymous"];
    let policies: Vec<_> = policies
        .into_iter()
        .map(|name| (name, policy(name)))
        .chain([("named", named)])
        .collect();
    let mut cells = 0;
    for view in View::ALL {
        let (stand, token) = view.stand().await;
        for (name, policy) in &policies {
            for method in ["GET", "POST"] {
                let mut request = bearer(&token);
                *request.method_mut() = method.parse().unwrap();
                let layer = stand.layer().with_degrade(policy.clone());
                let answer = became(&ask(&layer, request).await);
                let safe = method == "GET";
                let expected = match (view, view.row()) {
                    (View::Synced, _) => "passed".to_owned(),
                    (View::Unfit, _) => "401 not_revocable".to_owned(),
                    (_, None) => "401 revoked".to_owned(),
                    (_, Some((cause, known))) => {
                        let allows = match *name {
                            "allow_for" => safe && cause == OutageCause::RevocationStale,
                            "allow_for, unsafe" => cause == OutageCause::RevocationStale,
                            "named" => safe && cause == OutageCause::NeverSynced,
                            _ => false,
                        };
                        match *name {
                            "anonymous" if safe => "anonymous".to_owned(),
                            _ if known && allows => format!("degraded {cause}"),
                            _ => format!("503 {cause}"),
                        }
                    }
                };
                assert_eq!(answer, expected, "{view:?} {name} {method}");
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 10 * 5 * 2);
}

use portcullis_core::{IdentityParts, Provenance};

use super::*;

fn identity() -> Identity {
    Identity::new(IdentityParts::new("https://idp"), Provenance::Cached)
}

/// The whole table: cause × policy × method × what is known, against the rules spelled out once more.
#[test]
fn the_degrade_table_holds_for_every_cause_policy_method_and_knowledge() {
    let minute = Duration::from_secs(60);
    let held = [
        None,
        Some(Duration::ZERO),
        Some(minute),
        Some(minute + Duration::from_nanos(1)),
    ];
    let mut cells = 0;
    for cause in OutageCause::ALL {
        for grace in [Grace::Deny, Grace::AllowFor(minute), Grace::Anonymous] {
            for unsafe_methods in [false, true] {
                for safe in [false, true] {
                    for overdue in held {
                        let mut policy = Degrade::deny().on(cause, grace).unwrap();
                        if unsafe_methods {
                            policy = policy.with_unsafe_methods();
                        }
                        let mut outage = Outage::new(cause);
                        if let Some(overdue) = overdue {
                            outage = outage.holding(identity(), overdue);
                        }
                        let known = overdue.is_some_and(|overdue| overdue <= minute);
                        let expected = match grace {
                            Grace::AllowFor(_) if known && (safe || unsafe_methods) => "admit",
                            Grace::Anonymous if safe => "anonymous",
                            _ => "refuse",
                        };
                        let decided = match policy.decide(&outage, safe) {
                            Decision::Refuse => "refuse",
                            Decision::Anonymous => "anonymous",
                            Decision::Admit(identity) => {
                                assert_eq!(identity.provenance(), Provenance::Degraded(cause));
                                "admit"
                            }
                        };
                        let cell = format!(
                            "{cause} {grace:?} unsafe={unsafe_methods} safe={safe} {overdue:?}"
                        );
                        assert_eq!(decided, expected, "{cell}");
                        // A row speaks for its own cause only.
                        for other in OutageCause::ALL.into_iter().filter(|other| *other != cause) {
                            let mut elsewhere = outage.clone();
                            elsewhere.cause = other;
                            assert!(
                                matches!(policy.decide(&elsewhere, safe), Decision::Refuse),
                                "{cell}"
                            );
                        }
                        cells += 1;
                    }
                }
            }
        }
    }
    assert_eq!(cells, 5 * 3 * 2 * 2 * 4);
}

#[test]
fn allow_for_leaves_out_a_view_that_never_synced() {
    let policy = Degrade::allow_for(Duration::from_secs(60)).unwrap();
    for cause in OutageCause::ALL {
        let outage = Outage::new(cause).holding(identity(), Duration::ZERO);
        let refused = matches!(policy.decide(&outage, true), Decision::Refuse);
        assert_eq!(refused, cause == OutageCause::NeverSynced, "{cause}");
    }
}

#[test]
fn a_grace_beyond_five_minutes_is_a_configuration_error() {
    assert!(Degrade::allow_for(Degrade::GRACE_MAX).is_ok());
    assert!(Degrade::allow_for(Degrade::GRACE_MAX + Duration::from_nanos(1)).is_err());
}

#[test]
fn the_default_denies() {
    let outage = Outage::new(OutageCause::KeysStale).holding(identity(), Duration::ZERO);
    assert!(matches!(
        Degrade::default().decide(&outage, true),
        Decision::Refuse
    ));
}

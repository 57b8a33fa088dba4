use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_core::{ConfigError, UnixTime};
use portcullis_testing::identity;
use proptest::prelude::*;

use super::seconds;
use crate::require::{RequireLayer, Shortfall, demands::Demands};

#[test]
fn a_demand_that_cannot_be_said_or_met_is_a_configuration_error() {
    let new = RequireLayer::new;
    let none: [&str; 0] = [];
    let texts = |bad: Result<RequireLayer, ConfigError>| {
        bad.err().map(|error| {
            let paths: Vec<_> = error.problems().map(|one| one.path.clone()).collect();
            paths.join(" ")
        })
    };
    for (bad, paths) in [
        (new().with_scopes(none), "scopes"),
        (
            new().with_scopes(["a b", "\"", "ok"]),
            "scopes[0] scopes[1]",
        ),
        (
            new().with_any_scope(["", "a\r\nb"]),
            "any_scope[0] any_scope[1]",
        ),
        (new().with_roles(none), "roles"),
        (new().with_roles([""]), "roles[0]"),
        (new().with_any_role(none), "any_role"),
        (new().with_acr(["gold", "sil ver"]), "acr[1]"),
        (
            new().with_max_auth_age(Duration::from_millis(999)),
            "max_auth_age",
        ),
        (new().with_max_token_age(Duration::ZERO), "max_token_age"),
        (new().with_leeway(seconds(301)), "leeway"),
    ] {
        assert_eq!(texts(bad).as_deref(), Some(paths));
    }
    // A role is never said in a challenge: any text will do.
    assert!(new().with_roles(["Größe \"1\""]).is_ok());
    assert!(new().with_acr(["urn:mace:incommon:iap:silver"]).is_ok());
}

#[test]
fn labels_are_distinct_and_details_fit_a_description() {
    let labels: BTreeSet<_> = Shortfall::ALL.map(Shortfall::as_str).into();
    assert_eq!(labels.len(), Shortfall::ALL.len());
    for (index, shortfall) in Shortfall::ALL.into_iter().enumerate() {
        assert_eq!(shortfall as usize, index, "answers are found by index");
        let legal = |byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(shortfall.detail().bytes().all(legal), "{shortfall}");
    }
}

/// Some of a few names, as a set.
fn some() -> impl Strategy<Value = BTreeSet<&'static str>> {
    prop::collection::btree_set(prop::sample::select(&["a", "b", "c"][..]), 0..=3)
}

fn few() -> impl Strategy<Value = Vec<BTreeSet<&'static str>>> {
    let some = some().prop_filter("a demand names something", |names| !names.is_empty());
    prop::collection::vec(some, 0..3)
}

proptest! {
    /// The oracle is set algebra on what was asked and what is there.
    #[test]
    fn scopes_and_roles_are_judged_as_sets(
        all in few(), any in few(), all_roles in few(), any_role in few(), scopes in some(), roles in some(),
    ) {
        let mut demands = Demands::new();
        let boxed = |names: &BTreeSet<&str>| names.iter().map(|&name| Box::from(name)).collect();
        for names in &all { demands.scopes(boxed(names)).unwrap(); }
        for names in &any { demands.any_scope(boxed(names)).unwrap(); }
        for names in &all_roles { demands.roles(boxed(names)).unwrap(); }
        for names in &any_role { demands.any_role(boxed(names)).unwrap(); }
        let text = scopes.iter().copied().collect::<Vec<_>>().join(" ");
        let caller = identity("alice").scopes(&text).roles(roles.iter().copied()).build();

        let enough = |all: &[BTreeSet<_>], any: &[BTreeSet<_>], has: &BTreeSet<_>| {
            all.iter().all(|names| names.is_subset(has)) && any.iter().all(|names| !names.is_disjoint(has))
        };
        let expected = if !enough(&all_roles, &any_role, &roles) {
            Err(Shortfall::Role)
        } else if !enough(&all, &any, &scopes) {
            Err(Shortfall::Scope)
        } else {
            Ok(())
        };
        prop_assert_eq!(demands.judge(&caller, || unreachable!("no age is demanded")), expected);

        // Who has what the challenge names is not refused for scopes again.
        let wanted = demands.wanted_scopes();
        let helped = identity("alice").scopes(&wanted).roles(["a", "b", "c"]).build();
        prop_assert_eq!(demands.judge(&helped, || UnixTime::EPOCH), Ok(()));
    }
}

//! Dependency budgets: how much a user takes on with each crate, and what must never come along.

use crate::steps::Ended;
use crate::tree::Tree;
use crate::workspace::{Package, Workspace};

/// What a crate may depend on.
#[derive(Debug, Clone, Copy)]
struct Budget {
    package: &'static str,
    /// The number of different packages in its default build on Linux, build-time ones (proc macros) included: what it
    /// had when this was set, and one in twenty more.
    most: usize,
    /// What must not be in its tree, with any feature, for any target.
    never: &'static [&'static str],
}

/// Layers talk to the world through traits: no server, no client library, no store.
const LAYER: &[&str] = &[
    "axum",
    "tonic",
    "redis",
    "reqwest",
    "openssl",
    "openssl-sys",
    "native-tls",
];
/// TLS is rustls everywhere.
const RUSTLS_ONLY: &[&str] = &["openssl", "openssl-sys", "native-tls"];

/// Every crate that is published has its line here.
const BUDGETS: &[Budget] = &[
    Budget {
        package: "portcullis",
        most: 86,
        never: RUSTLS_ONLY,
    },
    Budget {
        package: "portcullis-auth",
        most: 85,
        never: LAYER,
    },
    Budget {
        package: "portcullis-circuit-breaker",
        most: 42,
        never: LAYER,
    },
    Budget {
        package: "portcullis-core",
        most: 27,
        never: LAYER,
    },
    Budget {
        package: "portcullis-gateway",
        most: 188,
        never: RUSTLS_ONLY,
    },
    Budget {
        package: "portcullis-redis",
        most: 105,
        never: RUSTLS_ONLY,
    },
    Budget {
        package: "portcullis-revocation",
        most: 57,
        never: LAYER,
    },
    Budget {
        package: "portcullis-single-flight",
        most: 4,
        never: LAYER,
    },
    Budget {
        package: "portcullis-trace",
        most: 44,
        never: LAYER,
    },
    Budget {
        package: "portcullis-testing",
        most: 89,
        never: RUSTLS_ONLY,
    },
];

/// The platform whose tree is counted, so that the number is the same wherever it is counted.
const COUNTED_ON: &str = "x86_64-unknown-linux-gnu";

/// Holds every published crate to its budget.
pub(crate) fn check(workspace: &Workspace, packages: &[&Package]) -> Result<Ended, String> {
    let mut wrong = Vec::new();
    for package in packages.iter().filter(|package| package.public) {
        let Some(budget) = BUDGETS.iter().find(|budget| budget.package == package.name) else {
            wrong.push(format!(
                "{} has no budget: give it a line in xtask/src/budgets.rs",
                package.name
            ));
            continue;
        };
        let counted = Tree::of(workspace, &package.name, &["--target", COUNTED_ON])?;
        let whole = Tree::of(
            workspace,
            &package.name,
            &["--target", "all", "--all-features"],
        )?;
        println!(
            "{:<26} {:>4} of {:>4} dependencies",
            package.name,
            counted.dependencies(),
            budget.most
        );
        wrong.extend(budget.overdrawn(&counted));
        wrong.extend(budget.broken(&whole));
    }
    if wrong.is_empty() {
        Ok(Ended::Ok)
    } else {
        Err(wrong.join("\n"))
    }
}

// === impl Budget ===

impl Budget {
    fn overdrawn(&self, tree: &Tree) -> Option<String> {
        let has = tree.dependencies();
        (has > self.most).then(|| {
            let weights = tree.weights();
            let heaviest: Vec<_> = weights
                .iter()
                .take(5)
                .map(|(name, weight)| format!("{name} ({weight})"))
                .collect();
            let most = self.most;
            format!(
                "{} has {has} dependencies, its budget is {most}; the heaviest: {}",
                self.package,
                heaviest.join(", ")
            )
        })
    }

    fn broken(&self, tree: &Tree) -> impl Iterator<Item = String> {
        self.never.iter().filter_map(|never| {
            let way = tree.way_to(never)?.join(" → ");
            Some(format!(
                "{} must not depend on {never}, which came with {way}",
                self.package
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TREE: &str =
        "0portcullis-x v0.1.0\n1hyper-tls v1.0.0\n2native-tls v0.2.0\n1bytes v1.0.0\n";

    fn budget(most: usize) -> Budget {
        Budget {
            package: "portcullis-x",
            most,
            never: RUSTLS_ONLY,
        }
    }

    #[test]
    fn a_budget_holds_at_its_bound_and_no_further() {
        let tree = Tree::read(TREE).unwrap();
        assert_eq!(budget(3).overdrawn(&tree), None);
        let said = budget(2).overdrawn(&tree).unwrap();
        assert_eq!(
            said,
            "portcullis-x has 3 dependencies, its budget is 2; the heaviest: hyper-tls (2), bytes (1)"
        );
    }

    #[test]
    fn what_must_not_come_along_is_named_with_its_way() {
        let tree = Tree::read(TREE).unwrap();
        let said: Vec<_> = budget(9).broken(&tree).collect();
        assert_eq!(
            said,
            [
                "portcullis-x must not depend on native-tls, which came with portcullis-x → hyper-tls → native-tls"
            ]
        );
    }

    #[test]
    fn each_crate_has_one_budget_and_every_layer_the_whole_list() {
        let names: BTreeSet<_> = BUDGETS.iter().map(|budget| budget.package).collect();
        assert_eq!(names.len(), BUDGETS.len());
        for layer in [
            "portcullis-auth",
            "portcullis-core",
            "portcullis-revocation",
            "portcullis-single-flight",
        ] {
            let budget = BUDGETS
                .iter()
                .find(|budget| budget.package == layer)
                .unwrap();
            assert_eq!(budget.never, LAYER, "{layer}");
        }
    }
}

//! Names that all threads share without a count of references.

use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// The name of a circuit, in every refusal.
///
/// Refusals come in floods, from all cores at once: a count that each of them raises and lowers would be the one place
/// where they meet, and cost more than the refusal.
#[derive(Clone)]
pub(crate) enum Name {
    /// Kept for as long as the process runs.
    Kept(&'static str),
    /// Counted as usual.
    Counted(Arc<str>),
}

/// Names, each kept once for as long as the process runs.
static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// So many different names are kept; beyond, they are counted as usual.
const NAMES_MAX: usize = 1024;
/// A longer name is not kept.
const NAME_MAX: usize = 256;

// === impl Name ===

impl Name {
    pub(crate) fn new(name: &Arc<str>) -> Self {
        let counted = || Self::Counted(Arc::clone(name));
        if name.len() > NAME_MAX {
            return counted();
        }
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        let names = names.get_or_insert_default();
        if let Some(kept) = names.get(&**name) {
            return Self::Kept(kept);
        }
        if names.len() >= NAMES_MAX {
            return counted();
        }
        let kept: &'static str = Box::leak(Box::from(&**name));
        names.insert(kept);
        Self::Kept(kept)
    }
}

impl Deref for Name {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match self {
            Self::Kept(name) => name,
            Self::Counted(name) => name,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_a_long_one_is_not() {
        let name = |text: &str| Name::new(&Arc::from(text));
        let (Name::Kept(one), Name::Kept(same)) = (name("orders"), name("orders")) else {
            panic!("short names are kept");
        };
        assert!(std::ptr::eq(one, same));
        let long = "x".repeat(NAME_MAX + 1);
        assert!(matches!(name(&long), Name::Counted(_)));
        assert_eq!(&*name(&long), long);
        assert_eq!(name("orders"), Name::Counted(Arc::from("orders")));
        assert_ne!(name("orders"), name("items"));
    }

    #[test]
    fn any_number_of_names_takes_a_fixed_number_of_places() {
        for n in 0..2 * NAMES_MAX {
            let text = format!("circuit-{n}");
            assert_eq!(&*Name::new(&Arc::from(&*text)), text);
        }
        let names = NAMES.lock().unwrap();
        assert!(names.as_ref().is_some_and(|names| names.len() <= NAMES_MAX));
    }
}

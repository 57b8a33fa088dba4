//! When a configuration is taken again.

use super::snapshot::Snapshot;

/// Decides, from one look at the files after the other, when to take them.
///
/// | the look | taken |
/// |---|---|
/// | as the one that was taken last, which was good | no |
/// | different from the look before | no: it may be half written |
/// | the same as the look before, and not what was taken last | yes |
/// | the same as the look before, and what was taken last was bad | yes: the mistake may be in a file that is not known yet |
#[derive(Debug)]
pub(super) struct Watch {
    taken: Snapshot,
    bad: bool,
    before: Option<Snapshot>,
}

// === impl Watch ===

impl Watch {
    /// Watches the files of a configuration that is in use.
    pub(super) fn new(taken: Snapshot) -> Self {
        Self {
            taken,
            bad: false,
            before: None,
        }
    }

    /// What to look at.
    pub(super) fn files(&self) -> &Snapshot {
        &self.taken
    }

    /// Whether to take what stands in the files now.
    pub(super) fn look(&mut self, now: &Snapshot) -> bool {
        let still = self.before.as_ref() == Some(now);
        self.before = Some(now.clone());
        still && (self.bad || *now != self.taken)
    }

    /// Notes that a good configuration was taken, from these files.
    pub(super) fn took(&mut self, good: Snapshot) {
        *self = Self::new(good);
    }

    /// Has the files taken again, whether they change or not.
    pub(super) fn distrust(&mut self) {
        self.bad = true;
    }

    /// Notes that what stood in the files was bad.
    pub(super) fn refused(&mut self, bad: Snapshot) {
        self.taken = bad;
        self.bad = true;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn saying(text: &str) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.note(Path::new("gateway.toml"), &Ok(text.into()));
        snapshot
    }

    #[test]
    fn a_change_is_taken_once_it_stands_still() {
        let mut watch = Watch::new(saying("a"));
        for (text, taken) in [
            ("a", false),
            ("a", false),
            ("b", false),
            ("bc", false),
            ("bcd", false),
            ("bcd", true),
        ] {
            assert_eq!(watch.look(&saying(text)), taken, "{text}");
        }
        watch.took(saying("bcd"));
        assert!(!watch.look(&saying("bcd")));
        assert!(!watch.look(&saying("bcd")));
    }

    #[test]
    fn what_was_bad_is_tried_until_it_is_good() {
        let mut watch = Watch::new(saying("a"));
        assert!(!watch.look(&saying("bad")));
        assert!(watch.look(&saying("bad")));
        watch.refused(saying("bad"));
        assert!(watch.look(&saying("bad")));
        assert!(!watch.look(&saying("good")));
        assert!(watch.look(&saying("good")));
        watch.took(saying("good"));
        assert!(!watch.look(&saying("good")));
    }

    #[test]
    fn a_change_that_is_taken_back_is_no_change() {
        let mut watch = Watch::new(saying("a"));
        for text in ["a", "b", "a", "a", "b", "a", "a"] {
            assert!(!watch.look(&saying(text)));
        }
    }

    proptest! {
        // The oracle looks at the last two looks and what was taken, and at nothing else.
        #[test]
        fn taken_is_what_stood_twice_and_is_new(texts in prop::collection::vec("[abc]", 0..40)) {
            let mut watch = Watch::new(saying("a"));
            let (mut taken, mut since) = ("a".to_owned(), Vec::<String>::new());
            for text in texts {
                let expected = since.last() == Some(&text) && text != taken;
                prop_assert_eq!(watch.look(&saying(&text)), expected);
                since.push(text.clone());
                if expected {
                    watch.took(saying(&text));
                    (taken, since) = (text, Vec::new());
                }
            }
        }
    }
}

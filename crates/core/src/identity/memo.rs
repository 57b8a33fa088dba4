//! What others keep beside an identity.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The key of what one owner keeps beside an identity, with its type: see
/// [`Identity::memo`](crate::Identity::memo).
///
/// No two calls of [`new`](MemoKey::new) give the same key, so owners never see what others keep. A clone is
/// the same key.
///
/// ```
/// use portcullis_core::{Identity, IdentityParts, MemoKey, Provenance};
///
/// let length = MemoKey::new();
/// let identity = Identity::new(IdentityParts::new("https://idp.example.com"), Provenance::Fresh);
/// let mut made = 0;
/// for _ in 0..3 {
///     let found = identity.memo(&length, |parts| { made += 1; parts.issuer.len() }, |length| *length);
///     assert_eq!(found, 23);
/// }
/// assert_eq!(made, 1);
/// ```
pub struct MemoKey<T> {
    number: u64,
    kind: PhantomData<fn() -> T>,
}

/// A short list that only grows: read without a lock, added to without waiting.
#[derive(Default)]
pub(super) struct Memos(OnceLock<Box<Memo<dyn Any + Send + Sync>>>);

struct Memo<T: ?Sized> {
    key: u64,
    next: Memos,
    value: T,
}

static KEYS: AtomicU64 = AtomicU64::new(0);

// === impl MemoKey ===

impl<T> MemoKey<T> {
    /// How many keys an identity has room for.
    pub const MOST: usize = 4;

    /// A key that nobody else has.
    #[must_use]
    pub fn new() -> Self {
        Self {
            number: KEYS.fetch_add(1, Ordering::Relaxed),
            kind: PhantomData,
        }
    }
}

impl<T> Clone for MemoKey<T> {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            kind: PhantomData,
        }
    }
}

impl<T> Default for MemoKey<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for MemoKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoKey").field(&self.number).finish()
    }
}

// === impl Memos ===

impl Memos {
    #[inline]
    pub(super) fn find<T: Any>(&self, key: &MemoKey<T>) -> Option<&T> {
        let mut memos = self;
        while let Some(memo) = memos.0.get() {
            if memo.key == key.number {
                return memo.value.downcast_ref();
            }
            memos = &memo.next;
        }
        None
    }

    /// Keeps `value`, unless somebody was faster or there is no room.
    pub(super) fn keep<T: Any + Send + Sync>(&self, key: &MemoKey<T>, value: T) {
        let mut memo: Box<Memo<dyn Any + Send + Sync>> = Box::new(Memo {
            key: key.number,
            next: Self::default(),
            value,
        });
        let mut memos = self;
        for _ in 0..MemoKey::<T>::MOST {
            match memos.0.set(memo) {
                Ok(()) => return,
                Err(refused) => memo = refused,
            }
            let Some(before) = memos.0.get() else { return };
            if before.key == key.number {
                return;
            }
            memos = &before.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<T: Any + Copy>(memos: &Memos, key: &MemoKey<T>) -> Option<T> {
        memos.find(key).copied()
    }

    #[test]
    fn owners_see_their_own_and_the_first_value_stays() {
        let memos = Memos::default();
        let (one, other) = (MemoKey::<u8>::new(), MemoKey::<&str>::new());
        memos.keep(&one, 1);
        memos.keep(&other, "x");
        memos.keep(&one.clone(), 2);
        assert_eq!(kept(&memos, &one), Some(1));
        assert_eq!(kept(&memos, &other), Some("x"));
        assert_eq!(kept(&memos, &MemoKey::<u8>::new()), None);
    }

    #[test]
    fn there_is_room_for_a_few_and_the_rest_is_not_kept() {
        let memos = Memos::default();
        let keys: Vec<_> = (0..10).map(|_| MemoKey::<usize>::new()).collect();
        for (value, key) in keys.iter().enumerate() {
            memos.keep(key, value);
        }
        let found = keys.iter().filter_map(|key| kept(&memos, key));
        let most = MemoKey::<usize>::MOST;
        assert_eq!(found.collect::<Vec<_>>(), (0..most).collect::<Vec<_>>());
    }

    #[test]
    fn many_threads_that_race_agree_on_one_value_for_each_key() {
        for _ in 0..200 {
            let memos = Memos::default();
            let keys = [MemoKey::<usize>::new(), MemoKey::new(), MemoKey::new()];
            std::thread::scope(|scope| {
                for thread in 0..3 {
                    let (memos, keys) = (&memos, &keys);
                    scope.spawn(move || {
                        for turn in 0..3 {
                            let key = &keys[(thread + turn) % 3];
                            memos.keep(key, thread);
                            let first = kept(memos, key);
                            memos.keep(key, usize::MAX);
                            assert!(first.is_some_and(|first| first < 3));
                            assert_eq!(kept(memos, key), first);
                        }
                    });
                }
            });
        }
    }
}

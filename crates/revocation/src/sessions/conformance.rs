//! What every directory of sessions must do, as functions to call from its tests.
//!
//! They panic where it does not keep the contract of [`SessionDirectory`].

use std::future::Future;
use std::time::Duration;

use super::{Presence, SessionDirectory, SessionFacts, SessionKey, SessionKeys};

/// A directory, and whoever writes into it.
pub trait Fixture {
    /// The directory.
    fn directory(&self) -> &dyn SessionDirectory;
    /// Writes a key.
    fn put(&self, key: &SessionKey, lasts: Option<Duration>) -> impl Future<Output = ()>;
    /// Removes a key.
    fn remove(&self, key: &SessionKey) -> impl Future<Output = ()>;
    /// Lets time pass for the store, by moving its clock or by waiting.
    fn pass(&self, span: Duration) -> impl Future<Output = ()>;
}

/// Runs all of them, each over a directory of its own.
///
/// # Panics
/// If the directory breaks a row.
pub async fn all<F: Fixture>(new: impl AsyncFn() -> F) {
    a_key_is_there_from_its_writing_to_its_removal(&new().await).await;
    keys_are_compared_as_a_whole(&new().await).await;
    a_key_ends_when_it_was_said_to(&new().await).await;
    a_key_may_be_written_anew(&new().await).await;
}

/// A key is there from its writing to its removal.
///
/// # Panics
/// If not.
pub async fn a_key_is_there_from_its_writing_to_its_removal(fixture: &impl Fixture) {
    let key = key("one");
    assert_eq!(presence(fixture, &key).await, Presence::Absent, "before");
    fixture.put(&key, None).await;
    let forever = Presence::Present { expires_in: None };
    assert_eq!(presence(fixture, &key).await, forever, "written");
    assert_eq!(presence(fixture, &key).await, forever, "read once");
    fixture.remove(&key).await;
    assert_eq!(presence(fixture, &key).await, Presence::Absent, "removed");
}

/// Keys of any bytes are told apart, and none stands for others.
///
/// # Panics
/// If not.
pub async fn keys_are_compared_as_a_whole(fixture: &impl Fixture) {
    fixture.put(&key("a:b"), None).await;
    for other in [
        "a", "a:", "a:b ", "a:bc", "*", "a:?", "[a]:b", "A:b", "a b\"'\\",
    ] {
        assert_eq!(
            presence(fixture, &key(other)).await,
            Presence::Absent,
            "{other}"
        );
    }
    let long = "x".repeat(8 * 1024);
    fixture.put(&key(&long), None).await;
    assert_ne!(presence(fixture, &key(&long)).await, Presence::Absent);
    let longer = format!("{long}x");
    assert_eq!(presence(fixture, &key(&longer)).await, Presence::Absent);
}

/// The time left is told, never more than it is, and then the key is gone.
///
/// # Panics
/// If not.
pub async fn a_key_ends_when_it_was_said_to(fixture: &impl Fixture) {
    let (key, lasts) = (key("brief"), Duration::from_millis(400));
    fixture.put(&key, Some(lasts)).await;
    let Presence::Present {
        expires_in: Some(first),
    } = presence(fixture, &key).await
    else {
        panic!("it is there, and ends");
    };
    assert!(first <= lasts && !first.is_zero(), "{first:?}");
    fixture.pass(Duration::from_millis(100)).await;
    if let Presence::Present { expires_in } = presence(fixture, &key).await {
        let then = expires_in.expect("it ends");
        assert!(then <= lasts - Duration::from_millis(100), "{then:?}");
    }
    fixture.pass(lasts).await;
    assert_eq!(presence(fixture, &key).await, Presence::Absent, "ended");
}

/// Writing a key again sets its end anew, or takes it away.
///
/// # Panics
/// If not.
pub async fn a_key_may_be_written_anew(fixture: &impl Fixture) {
    let key = key("again");
    fixture.put(&key, Some(Duration::from_millis(200))).await;
    fixture.put(&key, None).await;
    fixture.pass(Duration::from_millis(300)).await;
    let forever = Presence::Present { expires_in: None };
    assert_eq!(presence(fixture, &key).await, forever, "without end");
    fixture.put(&key, Some(Duration::from_millis(100))).await;
    fixture.pass(Duration::from_millis(200)).await;
    assert_eq!(presence(fixture, &key).await, Presence::Absent, "ended");
}

async fn presence(fixture: &impl Fixture, key: &SessionKey) -> Presence {
    match fixture.directory().exists(key).await {
        Ok(presence) => presence,
        Err(error) => panic!("a directory in order answers: {error}"),
    }
}

fn key(session: &str) -> SessionKey {
    let mut facts = SessionFacts::new("issuer", b"");
    facts.session = Some(session);
    SessionKeys::foreign("conformance:{session}")
        .ok()
        .and_then(|keys| keys.key(&facts))
        .expect("a layout that is good, and what it names")
}

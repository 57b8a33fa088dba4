//! Allow-list mode: in while the key exists, out when it is gone, and 503 when nobody can tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use portcullis_auth::{AuthLayer, Degrade, Issuer, JwtVerifier, SessionGuard};
use portcullis_core::Secret;
use portcullis_revocation::sessions::{
    DirectoryError, MemorySessions, SessionDirectory, SessionFacts, SessionFuture, SessionKey,
    SessionKeys,
};
use portcullis_testing::{Algorithm, FakeIssuer, TestClock, TokenBuilder};
use portcullis_tests::api::{Answer, ask, bearer, fixed};
use tokio::sync::watch;

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Down,
    Silent,
    /// It is answered when the mood changes.
    Held,
}

#[derive(Clone)]
struct Directory {
    sessions: MemorySessions,
    mood: Arc<watch::Sender<Mood>>,
    questions: Arc<AtomicUsize>,
}

impl SessionDirectory for Directory {
    fn exists<'a>(&'a self, key: &'a SessionKey) -> SessionFuture<'a> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.borrow();
        match mood {
            Mood::Well => self.sessions.exists(key),
            Mood::Down => Box::pin(async { Err(DirectoryError::Unavailable) }),
            Mood::Silent => Box::pin(std::future::pending()),
            Mood::Held => {
                let mut mood = self.mood.subscribe();
                Box::pin(async move {
                    let _ = mood.wait_for(|mood| *mood != Mood::Held).await;
                    self.sessions.exists(key).await
                })
            }
        }
    }
}

struct Stand {
    clock: TestClock,
    issuer: FakeIssuer,
    directory: Directory,
    keys: SessionKeys,
    layer: AuthLayer<SessionGuard<JwtVerifier<TestClock>, TestClock>>,
}

impl Stand {
    fn new() -> Self {
        let secret = Secret::new(vec![9; 32]);
        Self::with(SessionKeys::hashed("s:", &secret).unwrap())
    }

    fn with(keys: SessionKeys) -> Self {
        let clock = TestClock::following_tokio();
        let issuer = FakeIssuer::builder()
            .algorithm(Algorithm::Es256)
            .lifetime(Duration::from_secs(3_600))
            .clock(clock.clone())
            .without_sockets();
        let trusted = Issuer::new(issuer.issuer(), fixed(&[&issuer.key()]))
            .audience(issuer.audience())
            .access_tokens_only();
        let verifier = JwtVerifier::builder_with_clock(clock.clone()).issuer(trusted);
        let directory = Directory {
            sessions: MemorySessions::with_clock(100, clock.clone()),
            mood: Arc::new(watch::channel(Mood::Well).0),
            questions: Arc::default(),
        };
        let guard = SessionGuard::with_clock(
            verifier.build().unwrap(),
            directory.clone(),
            keys.clone(),
            clock.clone(),
        );
        Self {
            layer: AuthLayer::new(guard),
            clock,
            issuer,
            directory,
            keys,
        }
    }

    fn token(&self, session: &str) -> TokenBuilder {
        self.issuer.token().session(session)
    }

    fn key(&self, session: &str) -> SessionKey {
        let mut facts = SessionFacts::new(self.issuer.issuer(), b"");
        facts.session = Some(session);
        self.keys.key(&facts).unwrap()
    }

    fn open(&self, session: &str) {
        self.directory
            .sessions
            .open(&self.key(session), None)
            .unwrap();
    }

    fn set(&self, mood: Mood) {
        self.directory.mood.send_replace(mood);
    }

    fn questions(&self) -> usize {
        self.directory.questions.load(Ordering::SeqCst)
    }

    async fn ask(&self, token: &str) -> (u16, Option<String>) {
        told(&ask(&self.layer, bearer(token)).await)
    }
}

fn told(answer: &Answer) -> (u16, Option<String>) {
    let status = answer.status.as_u16();
    assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    assert_eq!(
        answer.headers.contains_key("www-authenticate"),
        status == 401
    );
    (status, answer.reason.clone())
}

fn refused(status: u16, reason: &str) -> (u16, Option<String>) {
    (status, Some(reason.to_owned()))
}

const IN: (u16, Option<String>) = (200, None);

#[tokio::test(start_paused = true)]
async fn a_token_is_good_only_while_the_key_of_its_session_exists() {
    let stand = Stand::new();
    let [token, twin] = [(); 2].map(|()| stand.token("one").issue());
    let other = stand.token("two").issue();
    assert_eq!(stand.ask(&token).await, refused(401, "session_ended"));
    stand.open("one");
    // That there was none is forgotten after a second.
    stand.clock.advance(Duration::from_secs(1)).await;
    assert_eq!(stand.ask(&token).await, IN);
    let before = stand.questions();
    for _ in 0..100 {
        assert_eq!(stand.ask(&token).await, IN);
        assert_eq!(stand.ask(&twin).await, IN, "the same session");
    }
    assert_eq!(stand.questions(), before, "known is known");
    assert_eq!(stand.ask(&other).await, refused(401, "session_ended"));
    stand.directory.sessions.close(&stand.key("one"));
    stand.clock.advance(Duration::from_secs(15)).await;
    assert_eq!(
        stand.ask(&token).await,
        IN,
        "15 s old at most, and not more"
    );
    stand.clock.advance(Duration::from_millis(1)).await;
    assert_eq!(stand.ask(&token).await, refused(401, "session_ended"));
    assert_eq!(stand.ask(&twin).await, refused(401, "session_ended"));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_expires_ends_the_session_before_the_freshness_does() {
    let stand = Stand::new();
    let lasts = Some(Duration::from_secs(4));
    stand
        .directory
        .sessions
        .open(&stand.key("s"), lasts)
        .unwrap();
    let token = stand.token("s").issue();
    assert_eq!(stand.ask(&token).await, IN);
    stand.clock.advance(Duration::from_millis(3_999)).await;
    assert_eq!(stand.ask(&token).await, IN);
    stand.clock.advance(Duration::from_millis(1)).await;
    assert_eq!(stand.ask(&token).await, refused(401, "session_ended"));
}

#[tokio::test(start_paused = true)]
async fn what_the_verifier_refuses_is_refused_without_a_question() {
    let stand = Stand::new();
    stand.open("s");
    let expired = stand.token("s").expired(Duration::from_secs(600)).issue();
    assert_eq!(stand.ask(&expired).await, refused(401, "expired"));
    let no_session = stand.issuer.token().issue();
    assert_eq!(stand.ask(&no_session).await, refused(401, "missing_claim"));
    let forged = portcullis_testing::forge::bad_signature(&stand.token("s").issue());
    assert_eq!(stand.ask(&forged).await, refused(401, "bad_signature"));
    assert_eq!(stand.questions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_does_not_answer_is_503_and_keeps_nobody_waiting() {
    let stand = Stand::new();
    stand.open("s");
    for mood in [Mood::Down, Mood::Silent] {
        stand.set(mood);
        let unknown = refused(503, "revocation_stale");
        let began = tokio::time::Instant::now();
        assert_eq!(
            stand.ask(&stand.token("s").issue()).await,
            unknown,
            "{mood:?}"
        );
        assert!(began.elapsed() <= Duration::from_millis(500), "{mood:?}");
        let (began, questions) = (tokio::time::Instant::now(), stand.questions());
        for _ in 0..100 {
            assert_eq!(
                stand.ask(&stand.token("s").issue()).await,
                unknown,
                "{mood:?}"
            );
        }
        assert!(
            began.elapsed().is_zero(),
            "nobody waits for what is known to be down"
        );
        assert_eq!(stand.questions(), questions);
        stand.set(Mood::Well);
        stand.clock.advance(Duration::from_secs(1)).await;
        assert_eq!(stand.ask(&stand.token("s").issue()).await, IN, "{mood:?}");
        stand.clock.advance(Duration::from_secs(16)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_known_outlives_an_outage_for_its_freshness() {
    let stand = Stand::new();
    stand.open("s");
    let token = stand.token("s").issue();
    assert_eq!(stand.ask(&token).await, IN);
    stand.set(Mood::Down);
    stand.clock.advance(Duration::from_secs(15)).await;
    assert_eq!(stand.ask(&token).await, IN);
    stand.clock.advance(Duration::from_secs(1)).await;
    assert_eq!(stand.ask(&token).await, refused(503, "revocation_stale"));
}

#[tokio::test(start_paused = true)]
async fn a_degrade_policy_lets_those_pass_who_were_in_a_moment_ago_and_nobody_else() {
    let stand = Stand::new();
    let degrade = Degrade::allow_for(Duration::from_secs(30)).unwrap();
    let layer = stand.layer.clone().with_degrade(degrade);
    let go = async |token: &str| told(&ask(&layer, bearer(token)).await);
    stand.open("s");
    let brief = Some(Duration::from_secs(20));
    stand
        .directory
        .sessions
        .open(&stand.key("brief"), brief)
        .unwrap();
    let [known, ends, ended, unknown] =
        ["s", "brief", "ended", "unknown"].map(|sid| stand.token(sid).issue());
    assert_eq!(go(&known).await, IN);
    assert_eq!(go(&ends).await, IN);
    assert_eq!(go(&ended).await, refused(401, "session_ended"));
    stand.set(Mood::Down);
    stand.clock.advance(Duration::from_secs(16)).await;
    assert_eq!(go(&known).await, IN, "within the grace");
    assert_eq!(go(&ends).await, IN, "its key is still there for certain");
    assert_eq!(go(&ended).await, refused(503, "revocation_stale"));
    assert_eq!(go(&unknown).await, refused(503, "revocation_stale"));
    stand.clock.advance(Duration::from_secs(4)).await;
    assert_eq!(
        go(&ends).await,
        refused(503, "revocation_stale"),
        "its key has ended"
    );
    stand.clock.advance(Duration::from_secs(26)).await;
    assert_eq!(
        go(&known).await,
        refused(503, "revocation_stale"),
        "after the grace"
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_requests_of_one_session_are_one_question() {
    let stand = Stand::new();
    stand.open("s");
    stand.set(Mood::Held);
    let tokens: Vec<String> = (0..1_000).map(|_| stand.token("s").issue()).collect();
    let asked = tokens.iter().map(|token| stand.ask(token));
    let release = async {
        while stand.questions() == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        stand.set(Mood::Well);
    };
    let (answers, ()) = tokio::join!(join_all(asked), release);
    assert!(answers.iter().all(|answer| *answer == IN));
    assert_eq!(stand.questions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_layout_with_the_raw_token_is_read_as_it_is_written() {
    let layout = "account_login:{subject}:{token}";
    let stand = Stand::with(SessionKeys::foreign_with_raw_token(layout).unwrap());
    let [token, other] = [(); 2].map(|()| stand.issuer.token().subject("alice").issue());
    // As the other system writes it.
    let mut facts = SessionFacts::new(stand.issuer.issuer(), token.as_bytes());
    facts.subject = Some("alice");
    let key = stand.keys.key(&facts).unwrap();
    assert_eq!(
        key.expose(),
        format!("account_login:alice:{token}").as_bytes()
    );
    stand.directory.sessions.open(&key, None).unwrap();
    assert_eq!(stand.ask(&token).await, IN);
    assert_eq!(stand.ask(&token).await, IN);
    assert_eq!(stand.ask(&other).await, refused(401, "session_ended"));
    assert_eq!(stand.questions(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_freshness_beyond_reason_is_a_configuration_error() {
    for millis in [0, 99, 300_001] {
        let stand = Stand::new();
        let guard = SessionGuard::new((), stand.directory.clone(), stand.keys.clone());
        let error = guard
            .with_freshness(Duration::from_millis(millis))
            .unwrap_err();
        assert_eq!(error.problems().next().unwrap().path, "freshness");
    }
}

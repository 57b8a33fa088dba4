//! Allow-list mode over a real server: out when the key is gone, and when nobody can tell, never out for that.

use std::time::{Duration, Instant};

use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, SessionGuard};
use portcullis_core::Secret;
use portcullis_redis::{RedisConfig, RedisSessions};
use portcullis_revocation::sessions::{SessionFacts, SessionKey, SessionKeys};
use portcullis_testing::{Algorithm, FakeIssuer, RedisServer};
use portcullis_tests::api::{ask, bearer, fixed};

const FRESHNESS: Duration = Duration::from_secs(1);
/// The deadline of one question, and what a busy machine adds.
const SLACK: Duration = Duration::from_millis(1_500);
const PATIENCE: Duration = Duration::from_secs(20);

struct Stand {
    issuer: FakeIssuer,
    keys: SessionKeys,
    sessions: RedisSessions,
    layer: AuthLayer<SessionGuard<JwtVerifier>>,
}

impl Stand {
    async fn over(server: &RedisServer) -> Self {
        let issuer = FakeIssuer::builder()
            .algorithm(Algorithm::Es256)
            .without_sockets();
        let trusted = Issuer::new(issuer.issuer(), fixed(&[&issuer.key()]))
            .audience(issuer.audience())
            .access_tokens_only();
        let verifier = JwtVerifier::builder().issuer(trusted).build().unwrap();
        let config = RedisConfig::parse(&server.url()).unwrap();
        let sessions = RedisSessions::start(config.with_deadline(Duration::from_millis(300)));
        let sessions = sessions.unwrap();
        assert!(sessions.connected_within(PATIENCE).await);
        let keys = SessionKeys::hashed("sessions:", &Secret::new(vec![9; 32])).unwrap();
        let guard = SessionGuard::new(verifier, sessions.clone(), keys.clone());
        Self {
            layer: AuthLayer::new(guard.with_freshness(FRESHNESS).unwrap()),
            issuer,
            keys,
            sessions,
        }
    }

    fn token(&self, session: &str) -> String {
        self.issuer.token().session(session).issue()
    }

    fn key(&self, session: &str) -> SessionKey {
        let mut facts = SessionFacts::new(self.issuer.issuer(), b"");
        facts.session = Some(session);
        self.keys.key(&facts).unwrap()
    }

    async fn open(&self, session: &str) {
        self.sessions.open(&self.key(session), None).await.unwrap();
    }

    async fn told(&self, token: &str) -> (u16, Option<String>) {
        let answer = ask(&self.layer, bearer(token)).await;
        (answer.status.as_u16(), answer.reason)
    }

    /// Asks until the answer is another than this one, and gives it, and how long that took.
    async fn until_not(&self, status: u16, token: &str) -> ((u16, Option<String>), Duration) {
        let begun = Instant::now();
        loop {
            let told = self.told(token).await;
            if told.0 != status {
                return (told, begun.elapsed());
            }
            assert!(begun.elapsed() < PATIENCE, "{told:?} for too long");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn refused(status: u16, reason: &str) -> (u16, Option<String>) {
    (status, Some(reason.to_owned()))
}

#[tokio::test]
async fn a_session_that_is_closed_is_out_within_the_freshness() {
    let server = RedisServer::start().await;
    let stand = Stand::over(&server).await;
    let [token, other] = ["one", "two"].map(|sid| stand.token(sid));
    assert_eq!(stand.told(&other).await, refused(401, "session_ended"));
    stand.open("one").await;
    assert_eq!(stand.told(&token).await, (200, None));
    stand.sessions.close(&stand.key("one")).await.unwrap();
    let (told, took) = stand.until_not(200, &token).await;
    assert_eq!(told, refused(401, "session_ended"));
    assert!(took < FRESHNESS + SLACK, "{took:?}");
    // Who logs in anew is in as soon as it is forgotten that there was no session.
    stand.open("one").await;
    let (told, took) = stand.until_not(401, &token).await;
    assert_eq!(told, (200, None));
    assert!(took < FRESHNESS + SLACK, "{took:?}");
    // So is everybody out when the store lost everything.
    server.flush().await;
    let (told, _) = stand.until_not(200, &token).await;
    assert_eq!(told, refused(401, "session_ended"));
}

#[tokio::test]
async fn while_redis_is_down_or_silent_nobody_is_told_that_a_session_ended() {
    let mut server = RedisServer::builder().durable().start().await;
    let stand = Stand::over(&server).await;
    let stale = || refused(503, "revocation_stale");
    for frozen in [true, false] {
        let sessions = ["known", "unknown"].map(|name| format!("{name}-{frozen}"));
        for session in &sessions {
            stand.open(session).await;
        }
        let tokens = sessions.each_ref().map(|session| stand.token(session));
        let [known, unknown] = &tokens;
        let asked = Instant::now();
        assert_eq!(stand.told(known).await, (200, None));
        if frozen {
            server.freeze();
        } else {
            server.stop();
        }
        assert_eq!(stand.told(unknown).await, stale());
        let (told, took) = stand.until_not(200, known).await;
        assert_eq!(told, stale());
        assert!(asked.elapsed() > FRESHNESS && took < FRESHNESS + SLACK);
        // It stays so, over some questions and attempts to connect.
        while asked.elapsed() < FRESHNESS * 3 {
            for token in &tokens {
                assert_eq!(stand.told(token).await, stale());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if frozen {
            server.thaw();
        } else {
            server.restart().await;
        }
        for token in &tokens {
            let (told, _) = stand.until_not(503, token).await;
            assert_eq!(told, (200, None), "frozen: {frozen}");
        }
    }
}

//! The directory of sessions on a real server: what it says, and that no trouble is ever taken for an absence.
#![cfg(all(unix, feature = "revocation", feature = "sessions"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::cell::Cell;
use std::time::{Duration, Instant};

use portcullis_core::Secret;
use portcullis_redis::{Cause, LinkError, RedisConfig, RedisSessions};
use portcullis_revocation::sessions::{
    DirectoryError, Presence, SessionDirectory, SessionFacts, SessionKey, SessionKeys, conformance,
};
use portcullis_testing::{Fault, FaultProxy, RedisServer, Reply};

use self::support::{PATIENCE, awaited, config, until};

const FOREVER: Presence = Presence::Present { expires_in: None };
const DEADLINE: Duration = Duration::from_millis(50);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(450);

fn text(key: &SessionKey) -> &str {
    str::from_utf8(key.expose()).unwrap()
}

/// The key `s:<session>`.
fn key(session: &str) -> SessionKey {
    let mut facts = SessionFacts::new("issuer", b"");
    facts.session = Some(session);
    let keys = SessionKeys::foreign("s:{session}").unwrap();
    keys.key(&facts).unwrap()
}

async fn connected(config: RedisConfig) -> RedisSessions {
    let sessions = RedisSessions::start(config).unwrap();
    assert!(sessions.connected_within(PATIENCE).await, "{sessions:?}");
    sessions
}

async fn on(server: &RedisServer) -> RedisSessions {
    connected(config(server.address())).await
}

/// The same, in a hurry.
async fn hurried(server: &RedisServer) -> RedisSessions {
    connected(config(server.address()).with_deadline(DEADLINE)).await
}

// === the contract ===

struct Owned {
    sessions: RedisSessions,
}

impl conformance::Fixture for Owned {
    fn directory(&self) -> &dyn SessionDirectory {
        &self.sessions
    }

    async fn put(&self, key: &SessionKey, lasts: Option<Duration>) {
        self.sessions.open(key, lasts).await.unwrap();
    }

    async fn remove(&self, key: &SessionKey) {
        self.sessions.close(key).await.unwrap();
    }

    async fn pass(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Keys that another system writes, by plain commands.
struct Foreign<'a> {
    sessions: RedisSessions,
    server: &'a RedisServer,
}

impl conformance::Fixture for Foreign<'_> {
    fn directory(&self) -> &dyn SessionDirectory {
        &self.sessions
    }

    async fn put(&self, key: &SessionKey, lasts: Option<Duration>) {
        let lasts = lasts.map(|lasts| lasts.as_millis().to_string());
        let mut words = vec!["SET", text(key), "{\"user\": 7}"];
        if let Some(lasts) = &lasts {
            words.extend(["PX", lasts]);
        }
        assert_eq!(self.server.command(&words).await, "OK");
    }

    async fn remove(&self, key: &SessionKey) {
        assert_eq!(self.server.command(&["DEL", text(key)]).await, "1");
    }

    async fn pass(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

#[tokio::test]
async fn the_directory_on_redis_keeps_the_contract() {
    let server = RedisServer::start().await;
    conformance::all(async || {
        server.flush().await;
        let sessions = on(&server).await;
        Owned { sessions }
    })
    .await;
}

#[tokio::test]
async fn keys_that_somebody_else_writes_keep_the_contract() {
    let server = RedisServer::start().await;
    conformance::all(async || {
        server.flush().await;
        Foreign {
            sessions: on(&server).await,
            server: &server,
        }
    })
    .await;
}

#[tokio::test]
async fn the_rights_that_the_documentation_names_suffice() {
    let server = RedisServer::start().await;
    // As the README says.
    let rights = "resetkeys ~conformance:* resetchannels -@all +info +ping +eval +pttl";
    for (user, more) in [("reader", ""), ("owner", " +time +set +del")] {
        let rights = format!("{rights}{more}");
        let mut words = vec!["ACL", "SETUSER", user, "on", ">open5esame"];
        words.extend(rights.split_whitespace());
        assert_eq!(server.command(&words).await, "OK");
    }
    let of = async |user: &str| {
        let config = config(server.address()).with_username(user);
        connected(config.with_password(Secret::from("open5esame"))).await
    };
    conformance::all(async || {
        server.flush().await;
        let sessions = of("owner").await;
        Owned { sessions }
    })
    .await;
    conformance::all(async || {
        server.flush().await;
        Foreign {
            sessions: of("reader").await,
            server: &server,
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_stored_under_a_key_does_not_matter() {
    let server = RedisServer::start().await;
    let sessions = on(&server).await;
    for (name, words) in [
        ("empty", &["SET", "s:empty", ""][..]),
        ("hash", &["HSET", "s:hash", "user", "7"]),
        ("list", &["RPUSH", "s:list", "a", "b"]),
        ("set", &["SADD", "s:set", "a"]),
        ("sorted", &["ZADD", "s:sorted", "1", "a"]),
        ("stream", &["XADD", "s:stream", "*", "a", "b"]),
    ] {
        assert_eq!(sessions.exists(&key(name)).await, Ok(Presence::Absent));
        server.command(words).await;
        assert_eq!(sessions.exists(&key(name)).await, Ok(FOREVER), "{name}");
        let minute = server.command(&["PEXPIRE", words[1], "60000"]).await;
        assert_eq!(minute, "1", "{name}");
        let Ok(Presence::Present {
            expires_in: Some(left),
        }) = sessions.exists(&key(name)).await
        else {
            panic!("{name} is there, and ends");
        };
        assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(30));
        // Whose it was does not matter either.
        sessions.open(&key(name), None).await.unwrap();
        assert_eq!(sessions.exists(&key(name)).await, Ok(FOREVER), "{name}");
    }
    // A span that no script can count to.
    let longest = (i64::MAX / 2).to_string();
    server.command(&["SET", "s:long", "", "PX", &longest]).await;
    let long = sessions.exists(&key("long")).await.unwrap();
    let most = Duration::from_millis((1 << 53) - 1);
    assert_eq!(
        long,
        Presence::Present {
            expires_in: Some(most)
        }
    );
}

// === the owner's side ===

#[tokio::test]
async fn a_session_lasts_as_long_as_said_and_not_a_moment_longer() {
    let server = RedisServer::start().await;
    let sessions = on(&server).await;
    let end = async |name: &str| {
        let reply = server.command(&["PEXPIRETIME", name]).await;
        reply.text().unwrap().parse::<i64>().unwrap()
    };
    for brief in [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_micros(999),
        Duration::from_micros(1999),
    ] {
        sessions.open(&key("brief"), None).await.unwrap();
        sessions.open(&key("brief"), Some(brief)).await.unwrap();
        let presence = sessions.exists(&key("brief")).await;
        assert_eq!(presence, Ok(Presence::Absent), "{brief:?}");
    }
    // Nobody has so much time; it ends all the same.
    for long in [Duration::MAX, Duration::from_secs(u64::MAX / 1000)] {
        sessions.open(&key("long"), Some(long)).await.unwrap();
        assert_eq!(end("s:long").await, (1 << 53) - 1, "{long:?}");
        let presence = sessions.exists(&key("long")).await.unwrap();
        assert!(matches!(
            presence,
            Presence::Present {
                expires_in: Some(_)
            }
        ));
    }
    // The server keeps a key until the millisecond of its end is over.
    let before = time(&server).await;
    let lasts = Duration::from_micros(60_000_999);
    sessions.open(&key("s"), Some(lasts)).await.unwrap();
    let after = time(&server).await;
    let over = end("s:s").await + 1;
    assert!((before + 60_000..=after + 60_000).contains(&over));
    // Twice is once, and anew is anew.
    sessions.open(&key("s"), None).await.unwrap();
    assert_eq!(end("s:s").await, -1);
    sessions.close(&key("s")).await.unwrap();
    sessions.close(&key("s")).await.unwrap();
    assert_eq!(sessions.exists(&key("s")).await, Ok(Presence::Absent));
}

/// The server's time in milliseconds.
async fn time(server: &RedisServer) -> i64 {
    let Reply::List(parts) = server.command(&["TIME"]).await else {
        panic!("no time");
    };
    let number = |n: usize| parts[n].text().unwrap().parse::<i64>().unwrap();
    number(0) * 1000 + number(1) / 1000
}

/// Opens a session, and lets the server hear of it long after nobody waits any more. Whether that worked out: on a
/// busy machine it may hear of it earlier, or never.
async fn opens_late(server: &RedisServer, proxy: &FaultProxy, sessions: &RedisSessions) -> bool {
    let ran = async || server.info("cmdstat_eval").await.is_some();
    server.flush().await;
    server.command(&["CONFIG", "RESETSTAT"]).await;
    proxy.set(Fault::Delay(SLACK / 2)).await;
    let key = key("late");
    let over = Cell::new(false);
    let opens = async {
        let opened = sessions.open(&key, None).await;
        over.set(true);
        opened
    };
    let hold = async {
        let told = async || server.info("cmdstat_time").await.is_some();
        while !told().await && !over.get() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let before = proxy.passed();
        while proxy.passed() == before && !over.get() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // It knows the time, and what it says next is still on its way.
        proxy.set(Fault::Stall).await;
    };
    let (opened, ()) = tokio::join!(opens, hold);
    let early = ran().await;
    let late = time(server).await + 1000;
    server.until(async |server| time(server).await > late).await;
    proxy.set(Fault::Pass).await;
    assert!(sessions.connected_within(PATIENCE).await);
    // What was held up comes before this.
    until(
        async || sessions.close(&self::key("other")).await,
        Result::is_ok,
    )
    .await;
    opened == Err(LinkError::Timeout) && !early && ran().await
}

#[tokio::test]
async fn an_opening_that_arrives_when_nobody_waits_any_more_is_not_done() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let sessions = connected(config(proxy.address())).await;
    let late = async || opens_late(&server, &proxy, &sessions).await;
    until(late, |late| *late).await;
    let presence = sessions.exists(&key("late")).await;
    assert_eq!(presence, Ok(Presence::Absent));
    // The one after is done.
    sessions.open(&key("late"), None).await.unwrap();
    assert_eq!(sessions.exists(&key("late")).await, Ok(FOREVER));
}

// === servers in trouble ===

#[tokio::test]
async fn a_killed_server_is_unavailable_at_once_and_found_again() {
    let mut server = RedisServer::builder().durable().start().await;
    // The wait between attempts does not matter: whoever asks makes the next come sooner.
    let patient = config(server.address()).with_reconnect_cap(Duration::from_secs(30));
    let sessions = connected(patient).await;
    sessions.open(&key("s"), None).await.unwrap();
    server.stop();
    let down = |answer: &Result<_, _>| *answer == Err(DirectoryError::Unavailable);
    until(async || sessions.exists(&key("s")).await, down).await;
    let begun = Instant::now();
    for _ in 0..1000 {
        let answer = sessions.exists(&key("s")).await;
        assert_eq!(answer, Err(DirectoryError::Unavailable));
    }
    assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    let opened = sessions.open(&key("s"), None).await;
    assert!(matches!(opened, Err(LinkError::Down(_))), "{opened:?}");
    server.restart().await;
    let back = |answer: &Result<_, _>| match answer {
        Ok(presence) => *presence == FOREVER,
        Err(DirectoryError::Unavailable) => false,
        Err(other) => panic!("{other}"),
    };
    until(async || sessions.exists(&key("s")).await, back).await;
}

#[tokio::test]
async fn a_frozen_server_is_a_timeout_within_the_deadline_and_never_an_absence() {
    let server = RedisServer::start().await;
    let sessions = hurried(&server).await;
    sessions.open(&key("s"), None).await.unwrap();
    server.freeze();
    for session in ["s", "t", "s"] {
        let asked = Instant::now();
        let answer = sessions.exists(&key(session)).await;
        assert_eq!(answer, Err(DirectoryError::Timeout));
        let took = asked.elapsed();
        assert!(took >= DEADLINE && took < DEADLINE + SLACK, "{took:?}");
    }
    // Then nobody waits.
    let asked = Instant::now();
    for _ in 0..1000 {
        let answer = sessions.exists(&key("t")).await;
        assert_eq!(answer, Err(DirectoryError::Unavailable));
    }
    assert!(asked.elapsed() < SLACK, "{:?}", asked.elapsed());
    server.thaw();
    let thawed = async || {
        let answer = sessions.exists(&key("s")).await;
        let errors = [DirectoryError::Timeout, DirectoryError::Unavailable];
        assert!(
            answer.is_ok() || errors.map(Err).contains(&answer),
            "{answer:?}"
        );
        answer
    };
    assert_eq!(awaited(thawed, Result::is_ok).await, Ok(FOREVER));
}

#[tokio::test]
async fn a_flush_ends_every_session() {
    let server = RedisServer::start().await;
    let sessions = on(&server).await;
    for session in ["a", "b"] {
        sessions.open(&key(session), None).await.unwrap();
    }
    server.flush().await;
    for session in ["a", "b"] {
        let presence = sessions.exists(&key(session)).await;
        assert_eq!(presence, Ok(Presence::Absent), "{session}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_right_are_refusals() {
    let server = RedisServer::builder().password("open5esame").start().await;
    let refused = |answer: &Result<_, _>| *answer == Err(DirectoryError::Refused);
    let wrong = config(server.address()).with_password(Secret::from("hunter2"));
    for config in [config(server.address()), wrong] {
        let sessions = RedisSessions::start(config).unwrap();
        until(async || sessions.exists(&key("s")).await, refused).await;
        let opened = sessions.open(&key("s"), None).await;
        assert!(
            matches!(opened, Err(LinkError::Down(Cause::Authentication(_)))),
            "{opened:?}"
        );
        assert!(!format!("{sessions:?} {opened:?}").contains("hunter2"));
    }
    for rights in [
        "~s:* -@all +info +ping",
        "~s:* -@all +info +ping +eval",
        "~t:* -@all +info +ping +eval +pttl",
    ] {
        let mut words = vec!["ACL", "SETUSER", "gate", "reset", "on", ">open5esame"];
        words.extend(rights.split_whitespace());
        assert_eq!(server.command(&words).await, "OK");
        let config = config(server.address()).with_username("gate");
        let sessions = connected(config.with_password(Secret::from("open5esame"))).await;
        let answer = sessions.exists(&key("s")).await;
        assert_eq!(answer, Err(DirectoryError::Refused), "{rights}");
        let opened = sessions.open(&key("s"), None).await;
        assert!(matches!(opened, Err(LinkError::Refused(_))), "{opened:?}");
        let closed = sessions.close(&key("s")).await;
        assert!(matches!(closed, Err(LinkError::Refused(_))), "{closed:?}");
    }
}

#[tokio::test]
async fn what_a_replica_has_is_never_taken_for_the_truth() {
    let primary = RedisServer::start().await;
    let server = RedisServer::start().await;
    for one in [&primary, &server] {
        one.command(&["SET", "s:s", ""]).await;
    }
    let sessions = on(&server).await;
    assert_eq!(sessions.exists(&key("s")).await, Ok(FOREVER));
    // Demoted while we are connected: found out by the next question, and again by the next hand-shake.
    server.follow(&primary).await;
    assert_eq!(server.command(&["EXISTS", "s:s"]).await, "1");
    let unavailable = Err(DirectoryError::Unavailable);
    assert_eq!(sessions.exists(&key("s")).await, unavailable);
    let health = || async { sessions.health() };
    until(health, |health| !health.connected).await;
    for session in ["s", "t"] {
        assert_eq!(sessions.exists(&key(session)).await, unavailable);
    }
    // One that has lost its primary neither.
    drop(primary);
    assert_eq!(sessions.exists(&key("s")).await, unavailable);
    server.promote().await;
    let back = async || sessions.exists(&key("s")).await;
    assert_eq!(awaited(back, Result::is_ok).await, Ok(FOREVER));
}

#[tokio::test]
async fn a_primary_without_the_replicas_that_it_must_have_answers_nothing() {
    let primary = RedisServer::start().await;
    let sessions = on(&primary).await;
    sessions.open(&key("s"), None).await.unwrap();
    let set = ["CONFIG", "SET", "min-replicas-to-write"];
    assert_eq!(primary.command(&[&set[..], &["1"]].concat()).await, "OK");
    // Another may be primary by now, and the session closed there.
    let answer = sessions.exists(&key("s")).await;
    assert_eq!(answer, Err(DirectoryError::Unavailable));
    let _replica = RedisServer::builder().replica_of(&primary).start().await;
    let back = async || sessions.exists(&key("s")).await;
    assert_eq!(awaited(back, Result::is_ok).await, Ok(FOREVER));
}

#[tokio::test]
async fn a_full_server_still_answers_and_closes_and_opens_nothing() {
    let server = RedisServer::start().await;
    let sessions = on(&server).await;
    sessions.open(&key("s"), None).await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    assert_eq!(sessions.exists(&key("s")).await, Ok(FOREVER));
    match sessions.open(&key("t"), None).await {
        Err(LinkError::Refused(error)) => assert_eq!(error.code(), "OOM"),
        other => panic!("{other:?}"),
    }
    assert_eq!(sessions.exists(&key("t")).await, Ok(Presence::Absent));
    sessions.close(&key("s")).await.unwrap();
    assert_eq!(sessions.exists(&key("s")).await, Ok(Presence::Absent));
}

#[tokio::test]
async fn no_error_shows_a_key_though_the_server_quotes_it() {
    let server = RedisServer::builder()
        .option("rename-command", "EVAL \"\"")
        .option("rename-command", "DEL \"\"")
        .start()
        .await;
    let quoted = server.command(&["DEL", "s:hunter2"]).await;
    assert!(format!("{quoted:?}").contains("hunter2"), "{quoted:?}");
    let sessions = on(&server).await;
    let key = key("hunter2");
    let told = [
        format!("{:?}", sessions.exists(&key).await.unwrap_err()),
        sessions.exists(&key).await.unwrap_err().to_string(),
        format!("{:?}", sessions.open(&key, None).await.unwrap_err()),
        sessions.close(&key).await.unwrap_err().to_string(),
        format!("{:?}", sessions.close(&key).await.unwrap_err()),
        format!("{sessions:?} {:?} {key:?}", sessions.health()),
    ];
    for told in told {
        assert!(!told.contains("hunter2"), "{told}");
    }
}

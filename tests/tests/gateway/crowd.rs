//! Hundreds of connections that say nothing, or a byte now and then, and everybody else meanwhile. (Thousands:
//! `cargo xtask bench gateway --only idle`.)

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::stand::{PATIENCE, Stand};
use crate::wire::Wire;

const IDLE: usize = 500;
const SLOW: usize = 200;

/// What the stand gives a head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(1);

/// Both ends of each connection are files of this process, and many systems give one 1024 by default.
fn make_room_for_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Where it is refused, the connections that cannot be made say so.
    let _ = setrlimit(Resource::Nofile, raised);
}

async fn ask(wire: &mut Wire) {
    wire.send("GET /open/ HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200 "));
    wire.until("hello").await;
}

/// Sends a head byte by byte until it is cut off; how long that was, and what was said.
async fn dribble(gateway: SocketAddr) -> (Duration, String) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(gateway).await.expect("accepted");
    let (mut reader, mut writer) = stream.split();
    let mut said = Vec::new();
    let write = async {
        let mut pace = interval(Duration::from_millis(100));
        for byte in "GET /open/slow HTTP/1.1\r\nhost: a\r\nx-slow: "
            .bytes()
            .chain(std::iter::repeat(b'x'))
        {
            pace.tick().await;
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        // A reset is an end too.
        let _ = reader.read_to_end(&mut said).await;
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
    (begun.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_served_beside_500_idle_connections_and_200_slow_ones_which_are_closed() {
    make_room_for_files();
    let stand = Stand::start().await;
    let mut idle = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        let mut wire = Wire::to(stand.gateway.address()).await;
        ask(&mut wire).await;
        idle.push(wire);
    }
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        slow.spawn(dribble(stand.gateway.address()));
    }
    let (begun, token) = (Instant::now(), stand.token());
    let (mut served, mut closed) = (0, 0);
    while closed < SLOW {
        assert!(
            begun.elapsed() < PATIENCE,
            "{closed} of {SLOW} slow ones are closed"
        );
        let answer = stand.get("/api/others", &token).await;
        assert_eq!(answer.status, StatusCode::OK);
        served += 1;
        while let Some(ended) = slow.try_join_next() {
            let (lived, said) = ended.expect("no panic");
            assert!(lived >= HEADER_TIMEOUT, "closed after {lived:?}");
            assert!(!said.contains(" 200 "), "{said}");
            closed += 1;
        }
    }
    assert!(served > 10, "{served} were served in {:?}", begun.elapsed());
    assert_eq!(
        stand.upstream.calls(),
        IDLE + served,
        "no slow one came through"
    );
    // Nobody had to go for the sake of others.
    for wire in &mut idle {
        ask(wire).await;
    }
}

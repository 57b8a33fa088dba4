//! TCP that breaks at the word of the test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use portcullis_testing::{Fault, FaultProxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough for loopback, short enough to wait for nothing.
const NOTHING: Duration = Duration::from_millis(100);

/// A server that says everything back, and a proxy before it.
async fn echo() -> FaultProxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    FaultProxy::start(address).await
}

async fn client(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn says(stream: &mut TcpStream, word: &[u8; 4]) -> std::io::Result<()> {
    stream.write_all(word).await?;
    hears(stream, word).await
}

async fn hears(stream: &mut TcpStream, word: &[u8; 4]) -> std::io::Result<()> {
    let mut heard = [0; 4];
    stream.read_exact(&mut heard).await?;
    assert_eq!(&heard, word);
    Ok(())
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(NOTHING, says(stream, b"lost")).await.is_err()
}

#[tokio::test]
async fn it_passes_everything_on_and_counts_it() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    says(&mut stream, b"ping").await.unwrap();
    assert_eq!((proxy.accepted(), proxy.open()), (1, 1));
    assert_eq!((proxy.passed(), proxy.dropped()), (8, 0));
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).await.unwrap(), 0);
}

#[tokio::test]
async fn a_delay_holds_each_direction_back_and_does_not_add_up() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    let delay = Duration::from_millis(40);
    proxy.set(Fault::Delay(delay)).await;
    let begun = Instant::now();
    for _ in 0..20 {
        stream.write_all(b"ping").await.unwrap();
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        hears(&mut stream, b"ping").await.unwrap();
    }
    let took = begun.elapsed();
    assert!(took >= 2 * delay && took < 20 * delay, "{took:?}");
}

#[tokio::test]
async fn what_stalls_arrives_later_and_what_falls_into_a_black_hole_never() {
    let proxy = echo().await;
    let (mut stalled, mut lost) = (client(&proxy).await, client(&proxy).await);
    says(&mut lost, b"ping").await.unwrap();
    proxy.set(Fault::Stall).await;
    assert!(is_silent(&mut stalled).await);
    proxy.set(Fault::Pass).await;
    hears(&mut stalled, b"lost").await.unwrap();

    proxy.set(Fault::BlackHole).await;
    assert!(is_silent(&mut lost).await);
    // Connections are accepted, and silent.
    assert!(is_silent(&mut client(&proxy).await).await);
    assert!(proxy.dropped() >= 8);
    proxy.set(Fault::Pass).await;
    assert!(is_silent(&mut lost).await);
    says(&mut stalled, b"fine").await.unwrap();
    says(&mut client(&proxy).await, b"new!").await.unwrap();
}

#[tokio::test]
async fn half_open_connections_are_silent_while_new_ones_work() {
    let proxy = echo().await;
    let mut old = client(&proxy).await;
    says(&mut old, b"ping").await.unwrap();
    proxy.half_open();
    assert!(is_silent(&mut old).await);
    says(&mut client(&proxy).await, b"new!").await.unwrap();
}

#[tokio::test]
async fn a_reset_ends_what_is_there_and_a_refusal_what_would_come() {
    let proxy = echo().await;
    let mut old = client(&proxy).await;
    says(&mut old, b"ping").await.unwrap();
    proxy.set(Fault::Refuse).await;
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    says(&mut old, b"here").await.unwrap();
    proxy.reset();
    let error = hears(&mut old, b"gone").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    proxy.set(Fault::Pass).await;
    says(&mut client(&proxy).await, b"new!").await.unwrap();
}

#[tokio::test]
async fn it_can_lead_elsewhere_and_ends_when_it_is_dropped() {
    let proxy = echo().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    proxy.redirect(address);
    let mut stream = client(&proxy).await;
    assert!(says(&mut stream, b"ping").await.is_err());
    let address = proxy.address();
    drop(proxy);
    let mut gone = false;
    for _ in 0..100 {
        gone |= TcpStream::connect(address).await.is_err();
        tokio::task::yield_now().await;
    }
    assert!(gone);
}

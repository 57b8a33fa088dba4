//! From a URL to a TCP connection, by whichever address answers.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::resolve::Resolver;

/// The wait before the next address is tried beside the last (RFC 8305 section 8).
const STAGGER: Duration = Duration::from_millis(250);
const MAX_ADDRESSES: usize = 8;

/// Opens TCP connections.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    resolver: Resolver,
    address_deadline: Duration,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialError {
    /// The URL has no host.
    Target,
    Resolve,
    /// No address answered; the kind of the last failure.
    Refused(std::io::ErrorKind),
    Timeout,
}

// === impl Dial ===

impl Dial {
    pub(super) fn new(resolver: Resolver, address_deadline: Duration) -> Self {
        Self {
            resolver,
            address_deadline,
        }
    }

    async fn connect(self, target: Uri) -> Result<TokioIo<TcpStream>, DialError> {
        let host = target.host().ok_or(DialError::Target)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = target.port_u16().unwrap_or(match target.scheme_str() {
            Some("https") => 443,
            _ => 80,
        });
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let found = self.resolver.resolve(host).await;
                in_turn(&found.ok_or(DialError::Resolve)?)
            }
        };
        let stream = race(addresses.into_iter().take(MAX_ADDRESSES), |address| {
            attempt(SocketAddr::new(address, port), self.address_deadline)
        })
        .await?;
        // Small requests; only a hint.
        let _ = stream.set_nodelay(true);
        Ok(TokioIo::new(stream))
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        Box::pin(self.clone().connect(target))
    }
}

async fn attempt(address: SocketAddr, deadline: Duration) -> Result<TcpStream, DialError> {
    match tokio::time::timeout(deadline, TcpStream::connect(address)).await {
        Ok(result) => result.map_err(|error| DialError::Refused(error.kind())),
        Err(_elapsed) => Err(DialError::Timeout),
    }
}

/// Tries one address after the other, without waiting for those that hang: the first to answer wins.
async fn race<A, T, F>(
    mut addresses: impl Iterator<Item = A>,
    attempt: impl Fn(A) -> F,
) -> Result<T, DialError>
where
    F: Future<Output = Result<T, DialError>>,
{
    let mut running = FuturesUnordered::new();
    let mut last = DialError::Resolve;
    loop {
        let Some(address) = addresses.next() else {
            break;
        };
        running.push(attempt(address));
        match select(running.next(), pin!(tokio::time::sleep(STAGGER))).await {
            Either::Left((Some(Ok(stream)), _)) => return Ok(stream),
            Either::Left((Some(Err(error)), _)) => last = error,
            Either::Left((None, _)) | Either::Right(_) => {}
        }
    }
    while let Some(result) = running.next().await {
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The families in turn, beginning with the one the system prefers (RFC 8305 section 4).
fn in_turn(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let preferred = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (mut first, mut second) = (
        addresses.iter().filter(|ip| ip.is_ipv6() == preferred),
        addresses.iter().filter(|ip| ip.is_ipv6() != preferred),
    );
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(first.next());
        order.extend(second.next());
    }
    order
}

// === impl DialError ===

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target => f.write_str("the URL has no host"),
            Self::Resolve => f.write_str("the host name could not be resolved"),
            Self::Refused(kind) => write!(f, "no address could be reached: {kind}"),
            Self::Timeout => f.write_str("no connection within the deadline"),
        }
    }
}

impl std::error::Error for DialError {}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, sleep};

    use super::*;

    fn ips(text: &[&str]) -> Vec<IpAddr> {
        text.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_beginning_with_the_preferred() {
        for (given, order) in [
            (
                &["::1", "::2", "1.1.1.1", "::3"][..],
                &["::1", "1.1.1.1", "::2", "::3"][..],
            ),
            (
                &["1.1.1.1", "1.1.1.2", "::1"],
                &["1.1.1.1", "::1", "1.1.1.2"],
            ),
            (&["1.1.1.1"], &["1.1.1.1"]),
            (&[], &[]),
        ] {
            assert_eq!(in_turn(&ips(given)), ips(order));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_hangs_costs_a_quarter_of_a_second() {
        let start = Instant::now();
        let answer = race([1, 2, 3].into_iter(), |address| async move {
            if address < 3 {
                pending::<()>().await;
            }
            Ok(address)
        });
        assert_eq!(answer.await, Ok(3));
        assert_eq!(start.elapsed(), 2 * STAGGER);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_costs_nothing() {
        let start = Instant::now();
        let refused = DialError::Refused(std::io::ErrorKind::ConnectionRefused);
        let answer = race([1, 2].into_iter(), |address| async move {
            if address == 1 {
                Err(refused)
            } else {
                Ok(address)
            }
        });
        assert_eq!(answer.await, Ok(2));
        assert_eq!(start.elapsed(), Duration::ZERO);
        let none = race([1, 2].into_iter(), |_| async { Err::<(), _>(refused) });
        assert_eq!(none.await, Err(refused));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_may_still_win() {
        let answer = race([700, 900].into_iter(), |millis| async move {
            sleep(Duration::from_millis(millis)).await;
            Ok(millis)
        });
        assert_eq!(answer.await, Ok(700));
    }

    #[tokio::test(start_paused = true)]
    async fn no_address_is_an_error() {
        let none = race(std::iter::empty::<()>(), |()| async { Ok(()) });
        assert_eq!(none.await, Err(DialError::Resolve));
    }
}

//! An upgraded connection.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio_util::sync::CancellationToken;

use super::exchange::Exchange;
use crate::server::alarm::Alarm;
use crate::server::watch::Watched;

/// Carries bytes between a client and an upstream that agreed on another protocol, until one of them
/// closes it, nothing came for `idle_timeout`, the token of the caller expires or is revoked, or the gateway ends.
///
/// Nobody reads what goes through, so nothing can be said in it: it ends by closing both sides. A
/// WebSocket client sees the code 1006, and connects anew.
pub(super) fn open(
    client: OnUpgrade,
    upstream: OnUpgrade,
    exchange: Exchange,
    end: CancellationToken,
) {
    tokio::spawn(async move {
        let carried = carry(client, upstream, &exchange);
        tokio::select! {
            biased;
            () = end.cancelled() => {}
            result = carried => if let Err(error) = result {
                tracing::debug!(target: "portcullis::proxy", %error, "upgraded connection ended");
            },
            () = over(&exchange) => {
                let cause = exchange.over().map(|cause| cause.as_str());
                tracing::debug!(target: "portcullis::proxy", cause, "upgraded connection was ended");
            }
        }
    });
}

async fn carry(client: OnUpgrade, upstream: OnUpgrade, exchange: &Exchange) -> io::Result<()> {
    // Both hyper connections hand over what they read ahead too.
    let (client, upstream) = tokio::try_join!(client, upstream).map_err(io::Error::other)?;
    let mut client = Noted::new(client, exchange);
    let mut upstream = Noted::new(upstream, exchange);
    copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}

/// Waits until the exchange is over.
async fn over(exchange: &Exchange) {
    let mut alarm = pin!(Alarm::default());
    poll_fn(|cx| {
        while exchange.wait_for_upstream(cx.waker()).is_none() {
            ready!(alarm.as_mut().poll(cx, exchange.deadline()));
            exchange.end();
        }
        Poll::Ready(())
    })
    .await;
}

/// One side, which notes what comes from it.
struct Noted<'a> {
    io: TokioIo<Upgraded>,
    exchange: &'a Exchange,
}

// === impl Noted ===

impl<'a> Noted<'a> {
    fn new(upgraded: Upgraded, exchange: &'a Exchange) -> Self {
        Self {
            io: TokioIo::new(upgraded),
            exchange,
        }
    }
}

impl AsyncRead for Noted<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.exchange.touch();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Noted<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

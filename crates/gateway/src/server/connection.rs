//! One connection, from its first byte to its last.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::alarm::Alarm;
use super::asked::Asked;
use super::graceful::Graceful;
use super::held::Held;
use super::io::Io;
use super::limits::Limits;
use super::place::Place;
use super::pulse::{Pulse, Quiet};
use super::settings::Terms;
use super::watch::{Driven, watch_nothing};
use super::{Serves, protocol};
use crate::sockets;

/// Serves a connection until it ends, or has to. `stop` is its own: it is looked at with every poll, and no
/// two connections share a lock.
pub(super) async fn serve<S>(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    service: S,
    terms: Arc<Terms>,
    stop: CancellationToken,
) where
    S: Serves,
{
    let limits = terms.limits;
    sockets::prepare(&stream);
    let finding = protocol::find_out(stream, terms.tls.clone());
    let spoken = tokio::select! {
        biased;
        found = timeout(limits.header, finding) => match found {
            Ok(Ok(spoken)) => spoken,
            Ok(Err(error)) => return tracing::debug!(target: "portcullis::server", %error, "no connection"),
            Err(_) => return tracing::debug!(target: "portcullis::server", "nothing was said in time"),
        },
        () = stop.cancelled() => return,
    };
    let pulse = Arc::new(Pulse::new(spoken.http2));
    let io = Io::new(spoken.transport, spoken.ahead, Arc::clone(&pulse), place);
    let io = TokioIo::new(io);
    let answer = {
        let pulse = Arc::clone(&pulse);
        hyper::service::service_fn(move |request| {
            answer(request, peer, service.clone(), &pulse, limits.headers)
        })
    };
    let drive = Drive {
        pulse: &pulse,
        limits: &limits,
        stop: &stop,
    };
    let ended = if spoken.http2 {
        drive.run(limits.http2().serve_connection(io, answer)).await
    } else {
        let connection = limits.http1().serve_connection(io, answer);
        drive.run(connection.with_upgrades()).await
    };
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            tracing::debug!(target: "portcullis::server", %error, "connection ended");
        }
        None => tracing::debug!(target: "portcullis::server", "connection was ended"),
    }
}

/// Answers one request, and keeps the connection told.
fn answer<S>(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    service: S,
    pulse: &Arc<Pulse>,
    most_headers: usize,
) -> impl Future<Output = Result<Response<Held<Body>>, std::convert::Infallible>> + use<S>
where
    S: Serves,
{
    // Over HTTP/1.1 the task drove the request before.
    watch_nothing();
    let open = pulse.open();
    let unanswered = pulse.unanswered();
    let http2 = request.version() == Version::HTTP_2;
    // HTTP/1 counts while it parses, HTTP/2 only adds up the bytes.
    let too_many = http2 && request.headers().len() > most_headers;
    request.extensions_mut().insert(ConnectInfo(peer));
    let request = request.map(|body| Asked::body(body, http2, &open));
    async move {
        let response = if too_many {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            response
        } else {
            match service.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };
        unanswered.answered();
        Ok(response.map(|body| Held::new(body, open)))
    }
}

/// The driver of a connection: it ends one in which nothing happens.
struct Drive<'a> {
    pulse: &'a Pulse,
    limits: &'a Limits,
    stop: &'a CancellationToken,
}

/// How things stand with a connection.
#[derive(Clone, Copy)]
enum Course {
    Serving,
    /// It was asked to end once what is open has ended. By itself it may take until then.
    Ending(Option<Instant>),
}

// === impl Drive ===

impl Drive<'_> {
    /// `None` if the connection had to be cut off.
    async fn run<C: Graceful>(self, connection: C) -> Option<C::Output> {
        let mut connection = pin!(connection);
        let mut stopped = pin!(self.stop.cancelled());
        let mut alarm = pin!(Alarm::default());
        let mut driven = Driven::default();
        let mut course = Course::Serving;
        let mut look_again = Instant::now() + self.limits.idle;
        poll_fn(|cx| {
            loop {
                let polled = driven.poll(|| connection.as_mut().poll(cx));
                if let Poll::Ready(output) = polled {
                    return Poll::Ready(Some(output));
                }
                if self.pulse.is_flooded() {
                    tracing::debug!(target: "portcullis::server", "too many requests were given up");
                    return Poll::Ready(None);
                }
                if matches!(course, Course::Serving) && stopped.as_mut().poll(cx).is_ready() {
                    // The server bounds how long that takes.
                    course = Course::Ending(None);
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                let quiet = self.pulse.quiet();
                let deadline = self.deadline(quiet, course, &driven).unwrap_or(look_again);
                ready!(alarm.as_mut().poll(cx, Some(deadline)));
                look_again = Instant::now() + self.limits.idle;
                match (quiet, course) {
                    (Quiet::No, _) => {
                        // Without a deadline it was only time to look again.
                        if driven.deadline().is_some_and(|at| at <= deadline) && !driven.end() {
                            return Poll::Ready(None);
                        }
                    }
                    (Quiet::Idle(_), Course::Serving) => {
                        course = Course::Ending(Some(Instant::now() + self.limits.header));
                        connection.as_mut().graceful_shutdown();
                    }
                    (Quiet::Head(_), _) | (Quiet::Idle(_), Course::Ending(Some(_))) => {
                        return Poll::Ready(None);
                    }
                    (Quiet::Idle(_), Course::Ending(None)) => {}
                }
            }
        })
        .await
    }

    fn deadline(&self, quiet: Quiet, course: Course, driven: &Driven) -> Option<Instant> {
        match (quiet, course) {
            (Quiet::No, _) => driven.deadline(),
            (Quiet::Head(since), _) => Some(since + self.limits.header),
            (Quiet::Idle(since), Course::Serving) => Some(since + self.limits.idle),
            // What was asked just before it was told has been answered just now, perhaps.
            (Quiet::Idle(since), Course::Ending(by)) => {
                by.map(|by| by.max(since + self.limits.header))
            }
        }
    }
}

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use portcullis_core::{Identity, IdentityParts, Provenance, UnixTime};
use tokio::time::advance;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

fn open() -> Exchange {
    Exchange::new(Instant::now(), PATIENCE, IDLE, None)
}

fn expiring(seconds: u64) -> Exchange {
    let mut parts = IdentityParts::new("https://idp.example.com");
    parts.expires_at = Some(UnixTime::from_secs(seconds));
    let identity = Identity::new(parts, Provenance::Fresh);
    let end = StreamEnd::of(
        &identity,
        None,
        Duration::ZERO,
        Instant::now(),
        UnixTime::from_secs(0),
    );
    Exchange::new(Instant::now(), PATIENCE, IDLE, end)
}

fn left(exchange: &Exchange) -> Option<Duration> {
    exchange.deadline().map(|at| at - Instant::now())
}

/// Goes to the deadline, and tells what it was.
async fn pass(exchange: &Exchange) -> Option<Cause> {
    advance(left(exchange)?).await;
    assert!(exchange.end(), "once it may end by itself");
    assert_eq!(left(exchange), Some(MOMENT));
    assert!(!exchange.end(), "and no more than once");
    exchange.over()
}

#[tokio::test(start_paused = true)]
async fn an_upstream_is_late_when_it_has_the_whole_request() {
    let exchange = open();
    exchange.request_done();
    assert_eq!(left(&exchange), Some(PATIENCE));
    assert_eq!(pass(&exchange).await, Some(Cause::UpstreamLate));
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_does_not_make_an_upstream_late() {
    let exchange = open();
    let waker = Waker::noop();
    for _ in 0..100 {
        assert_eq!(exchange.wait_for_client(waker), None);
        advance(10 * SECOND).await;
        exchange.client_spoke();
    }
    assert_eq!(left(&exchange), Some(PATIENCE), "since the last byte");
    exchange.wait_for_client(waker);
    assert_eq!(left(&exchange), Some(IDLE));
    assert_eq!(pass(&exchange).await, Some(Cause::Idle));
    assert_eq!(exchange.wait_for_client(waker), Some(Cause::Idle));
}

#[tokio::test(start_paused = true)]
async fn bytes_in_either_direction_keep_a_stream_open() {
    let exchange = open();
    exchange.head_came();
    for _ in 0..10 {
        advance(IDLE - SECOND).await;
        exchange.client_spoke();
        advance(IDLE - SECOND).await;
        exchange.touch();
        assert_eq!(left(&exchange), Some(IDLE));
    }
    assert_eq!(pass(&exchange).await, Some(Cause::Idle));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_token_however_lively() {
    let exchange = expiring(100);
    exchange.request_done();
    exchange.head_came();
    advance(99 * SECOND).await;
    exchange.touch();
    assert_eq!(left(&exchange), Some(SECOND));
    assert_eq!(pass(&exchange).await, Some(Cause::Expired));
}

#[tokio::test(start_paused = true)]
async fn an_upload_ends_with_its_token_but_a_complete_request_gets_its_answer() {
    let exchange = expiring(10);
    exchange.wait_for_client(Waker::noop());
    assert_eq!(left(&exchange), Some(10 * SECOND));
    exchange.request_done();
    assert_eq!(left(&exchange), Some(PATIENCE));
    advance(PATIENCE - SECOND).await;
    exchange.head_came();
    assert_eq!(left(&exchange), Some(10 * SECOND), "and may finish it");
    assert_eq!(pass(&exchange).await, Some(Cause::Expired));
}

#[tokio::test(start_paused = true)]
async fn what_is_done_has_no_deadline() {
    let exchange = expiring(10);
    exchange.head_came();
    exchange.response_done();
    assert!(left(&exchange).is_some(), "the request still streams");
    exchange.request_done();
    assert_eq!(left(&exchange), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_and_done_has_no_deadline_either() {
    let exchange = open();
    exchange.end_as(Cause::UpstreamLate);
    exchange.response_done();
    assert_eq!(left(&exchange), Some(MOMENT), "the request still streams");
    exchange.request_done();
    assert_eq!(left(&exchange), None);
}

#[derive(Default)]
struct Count(AtomicUsize);

impl std::task::Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_hears_that_the_deadline_came_nearer() {
    let count = Arc::new(Count::default());
    let heard = || count.0.load(Ordering::SeqCst);
    let exchange = open();
    let watch = || exchange.wait_for_upstream(&Waker::from(Arc::clone(&count)));
    exchange.wait_for_client(Waker::noop());
    watch();
    exchange.client_spoke();
    assert_eq!((heard(), left(&exchange)), (1, Some(PATIENCE)));
    watch();
    exchange.client_spoke();
    assert_eq!(heard(), 1, "it went away");
    exchange.request_done();
    assert_eq!(heard(), 2);
}

#[test]
fn the_first_cause_stays_and_everybody_hears_of_it() {
    let count = Arc::new(Count::default());
    let exchange = open();
    exchange.wait_for_client(&Waker::from(Arc::clone(&count)));
    exchange.wait_for_upstream(&Waker::from(Arc::clone(&count)));
    exchange.end_as(Cause::TooLarge);
    exchange.end_as(Cause::Broken);
    assert_eq!(exchange.over(), Some(Cause::TooLarge));
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
}

/// Good until it is told otherwise.
#[derive(Default)]
struct Told(std::sync::atomic::AtomicBool);

impl portcullis_auth::StandingView for Told {
    fn standing(&self, _: &Identity) -> portcullis_auth::Standing {
        if self.0.load(Ordering::Relaxed) {
            portcullis_auth::Standing::Revoked
        } else {
            portcullis_auth::Standing::Good
        }
    }
}

fn looked_at(view: &Arc<Told>) -> Exchange {
    let identity = Identity::new(IdentityParts::new("https://idp"), Provenance::Fresh);
    let looks = crate::proxy::stream_end::Looks {
        watch: portcullis_auth::StandingWatch::new(view.clone(), identity.clone()),
        every: 2 * SECOND,
    };
    let wall = UnixTime::from_secs(0);
    let end = StreamEnd::of(&identity, Some(looks), Duration::ZERO, Instant::now(), wall);
    Exchange::new(Instant::now(), PATIENCE, IDLE, end)
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_looked_at_every_so_often_and_ends_once_it_is_revoked() {
    let view = Arc::<Told>::default();
    let exchange = looked_at(&view);
    exchange.head_came();
    for _ in 0..5 {
        assert_eq!(left(&exchange), Some(2 * SECOND));
        advance(2 * SECOND).await;
        exchange.touch();
        assert!(exchange.end(), "it goes on");
        assert_eq!(exchange.over(), None);
    }
    view.0.store(true, Ordering::Relaxed);
    assert_eq!(pass(&exchange).await, Some(Cause::Revoked));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_answer_is_not_looked_at_and_no_look_hides_silence() {
    let view = Arc::<Told>::default();
    let exchange = looked_at(&view);
    exchange.request_done();
    assert_eq!(left(&exchange), Some(PATIENCE), "it was admitted");
    view.0.store(true, Ordering::Relaxed);
    advance(PATIENCE / 2).await;
    exchange.head_came();
    assert_eq!(
        left(&exchange),
        Some(2 * SECOND),
        "counted from the head on"
    );
    view.0.store(false, Ordering::Relaxed);
    for _ in 0..IDLE.as_secs() / 2 {
        assert_eq!(exchange.over(), None);
        advance(left(&exchange).unwrap()).await;
        assert!(exchange.end());
    }
    assert_eq!(exchange.over(), Some(Cause::Idle));
}

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

/// What the system answers next, and how often it was asked.
#[derive(Clone, Default)]
struct System {
    answer: Arc<Mutex<Option<Vec<IpAddr>>>>,
    asked: Arc<AtomicUsize>,
}

impl System {
    fn answers(&self, address: Option<&str>) {
        let address = address.map(|address| vec![address.parse().unwrap()]);
        *self.answer.lock().unwrap() = address;
    }

    fn resolver(&self) -> Resolver {
        let system = self.clone();
        Resolver::new(move |_| {
            system.asked.fetch_add(1, Ordering::SeqCst);
            let answer = system.answer.lock().unwrap().clone();
            answer.ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn resolve(resolver: &Resolver, host: &str) -> Option<String> {
    Some(resolver.resolve(host).await?[0].to_string())
}

async fn pass(span: Duration) {
    tokio::time::advance(span).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_good_for_a_minute() {
    let system = System::default();
    system.answers(Some("192.0.2.1"));
    let resolver = system.resolver();
    for _ in 0..3 {
        assert_eq!(resolve(&resolver, "a").await.unwrap(), "192.0.2.1");
    }
    assert_eq!(system.asked(), 1);
    pass(TTL).await;
    system.answers(Some("192.0.2.2"));
    assert_eq!(resolve(&resolver, "a").await.unwrap(), "192.0.2.2");
    assert_eq!(system.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_is_better_than_none() {
    let system = System::default();
    system.answers(Some("192.0.2.1"));
    let resolver = system.resolver();
    resolve(&resolver, "a").await.unwrap();
    system.answers(None);
    for days in 1..4 {
        pass(Duration::from_secs(24 * 60 * 60)).await;
        for _ in 0..10 {
            assert_eq!(resolve(&resolver, "a").await.unwrap(), "192.0.2.1");
        }
        assert_eq!(system.asked(), 1 + days, "not again for five seconds");
    }
    pass(COOLDOWN).await;
    system.answers(Some("192.0.2.2"));
    assert_eq!(resolve(&resolver, "a").await.unwrap(), "192.0.2.2");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_never_resolved_is_an_error() {
    let system = System::default();
    let resolver = system.resolver();
    assert_eq!(resolve(&resolver, "a").await, None);
    // Nothing is held back: it may be there the next time.
    system.answers(Some("192.0.2.1"));
    assert!(resolve(&resolver, "a").await.is_some());
    system.answers(Some("192.0.2.1"));
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_no_answer() {
    let resolver = Resolver::new(|_| Ok(Vec::new()));
    assert_eq!(resolve(&resolver, "a").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_system_is_a_failure() {
    let resolver = Resolver::new(|_| panic!("a bug"));
    assert_eq!(resolve(&resolver, "a").await, None);
    assert_eq!(resolve(&resolver, "a").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_hangs_is_not_waited_for_nor_repeated() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolver = Resolver::new(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == 1 {
            // The second look-up of all hangs.
            let _ = gate.lock().unwrap().recv();
        }
        Ok(vec!["192.0.2.1".parse().unwrap()])
    });
    resolve(&resolver, "a").await.unwrap();
    pass(TTL).await;
    for round in 0..5 {
        let start = Instant::now();
        let waiting = tokio::spawn({
            let resolver = resolver.clone();
            async move { resolve(&resolver, "a").await }
        });
        // Time stands still until the thread is at it.
        while asked.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        while !waiting.is_finished() {
            tokio::task::yield_now().await;
            pass(Duration::from_millis(100)).await;
        }
        assert_eq!(waiting.await.unwrap().unwrap(), "192.0.2.1");
        let limit = if round == 0 { DEADLINE } else { Duration::ZERO };
        assert!(
            start.elapsed() <= limit + Duration::from_millis(300),
            "{:?}",
            start.elapsed()
        );
        pass(COOLDOWN).await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "one thread at most");
    // It comes back at last, and what it brings is used.
    release.send(()).unwrap();
    while resolver
        .shared
        .names()
        .get("a")
        .is_some_and(|entry| entry.busy)
    {
        std::thread::yield_now();
    }
    assert!(resolver.shared.known("a").is_ok());
}

#[tokio::test(start_paused = true)]
async fn many_callers_cause_one_look_up() {
    let system = System::default();
    system.answers(Some("192.0.2.1"));
    let resolver = system.resolver();
    let all = (0..100).map(|_| resolve(&resolver, "a"));
    let found = futures_util::future::join_all(all).await;
    assert!(found.iter().all(Option::is_some));
    assert_eq!(system.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn names_are_bounded_and_the_oldest_goes() {
    let system = System::default();
    system.answers(Some("192.0.2.1"));
    let resolver = system.resolver();
    for name in 0..3 * MAX_NAMES {
        pass(Duration::from_millis(1)).await;
        resolve(&resolver, &name.to_string()).await.unwrap();
    }
    let names = resolver.shared.names();
    assert_eq!(names.len(), MAX_NAMES);
    assert!(names.contains_key(&*(3 * MAX_NAMES - 1).to_string()));
    assert!(!names.contains_key("0"));
}

/// A runtime that shuts down takes no more blocking work, and drops it unrun.
#[test]
fn a_look_up_that_never_ran_does_not_keep_the_name_busy() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let system = System::default();
    system.answers(Some("192.0.2.1"));
    let resolver = system.resolver();
    let first = runtime();
    let gone = first.handle().clone();
    first.shutdown_background();
    {
        let _inside = gone.enter();
        let mut waiting = std::pin::pin!(resolve(&resolver, "a"));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(!matches!(
            waiting.as_mut().poll(&mut context),
            std::task::Poll::Ready(Some(_))
        ));
    }
    assert_eq!(system.asked(), 0);
    let found = runtime().block_on(resolve(&resolver, "a"));
    assert_eq!(found.as_deref(), Some("192.0.2.1"));
}

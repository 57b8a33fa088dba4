//! Nothing that could be a token, a subject or a claim shows in events, logs, answers or `Debug`.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::AUTHORIZATION;
use portcullis_auth::{AuthLayer, Degrade, Outage, Reason, RequireLayer, Verdict};
use portcullis_core::{OutageCause, Secret};
use portcullis_testing::{StubVerifier, identity};
use tower::ServiceExt as _;
use tower_layer::Layer as _;
use tower_service::Service as _;

use crate::kit::{Inner, Recorder, request, send};

/// Stands in every token and every claim.
const MARK: &str = "hunter2";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that this thread logs, at every level.
fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

fn alice() -> portcullis_core::Identity {
    identity(&format!("alice-{MARK}"))
        .session(&format!("session-{MARK}"))
        .token_id(&format!("id-{MARK}"))
        .client(&format!("client-{MARK}"))
        .scopes(&format!("scope-{MARK}"))
        .claim("email", format!("{MARK}@example.com"))
        .build()
}

fn verdicts() -> Vec<Verdict> {
    let mut all = vec![Verdict::Valid(alice())];
    all.extend(Reason::ALL.iter().map(|reason| Verdict::Invalid(*reason)));
    for cause in OutageCause::ALL {
        all.push(Verdict::Indeterminate(Outage::new(cause)));
        let held = Outage::new(cause).holding(alice(), Duration::ZERO);
        all.push(Verdict::Indeterminate(held));
    }
    all
}

#[tokio::test]
async fn events_logs_answers_and_debug_show_no_secret() {
    let (log, _guard) = listen();
    let recorder = Recorder::default();
    let mut shown = String::new();
    let mut show = |what: &dyn std::fmt::Debug| shown.push_str(&format!("{what:?}\n"));
    let (fast, slow) = (format!("fast.{MARK}"), format!("slow.{MARK}"));
    let policies = [
        Degrade::deny(),
        Degrade::allow_for(Duration::from_secs(1)).unwrap(),
        Degrade::anonymous(),
    ];
    for verdict in verdicts() {
        show(&verdict);
        for policy in &policies {
            let verifier = StubVerifier::new().slow(&slow, verdict.clone());
            verifier.set(&fast, verdict.clone());
            let layer = AuthLayer::new(verifier)
                .with_degrade(policy.clone())
                .with_observer(recorder.clone());
            show(&layer);
            for token in [&fast, &slow] {
                let answer = send(&layer, request(Some(token))).await;
                show(&answer.headers);
                show(&answer.body);
                if let Some(reached) = answer.reached {
                    // What a handler would print: the token is marked as sensitive.
                    show(&reached.headers());
                    show(&reached.extensions());
                    show(&reached.extensions().get::<portcullis_auth::Anonymous>());
                    show(&portcullis_core::Identity::of(reached.extensions()));
                }
            }
        }
    }
    // Malformed ones, echoed nowhere.
    for token in [
        format!("{MARK} {MARK}"),
        format!("\"{MARK}\""),
        format!("{MARK}\t"),
    ] {
        let verifier = StubVerifier::new().slow(&token, Verdict::Valid(alice()));
        let layer = AuthLayer::new(verifier).with_observer(recorder.clone());
        let answer = send(&layer, request(Some(&token))).await;
        assert!(matches!(answer.status, 400 | 401));
        show(&answer.headers);
        show(&answer.body);
    }
    // A requirement that is not met.
    let require = RequireLayer::new()
        .with_scopes(["orders"])
        .unwrap()
        .with_observer(recorder.clone());
    let verifier = StubVerifier::new().valid(&fast, alice());
    let stack = AuthLayer::new(verifier).layer(require.layer(Inner::default()));
    show(&stack);
    let response = stack.oneshot(request(Some(&fast))).await.unwrap();
    assert_eq!(response.status(), 403);
    show(&response);
    // Things in the making.
    let verifier = StubVerifier::new().slow(&slow, Verdict::Valid(alice()));
    let mut service = AuthLayer::new(verifier).layer(Inner::default());
    show(&service.call(request(Some(&slow))));
    show(&portcullis_auth::Presented::new(fast.as_bytes()));
    show(&Secret::from(fast.as_str()));

    // The net is not empty, so what is not in it was not there to be caught.
    let log = log.text();
    let events = recorder.shown();
    for reason in Reason::ALL {
        assert!(events.contains(reason.as_str()), "{reason}");
        assert!(log.contains(reason.as_str()), "{reason}");
        assert!(shown.contains(reason.as_str()), "{reason}");
    }
    assert!(events.contains("insufficient_scope") && log.contains("insufficient_scope"));
    assert!(log.contains("degraded") && log.contains("anonymous"));
    for (place, text) in [("events", &events), ("log", &log), ("debug", &shown)] {
        let line = text.lines().find(|line| line.contains(MARK));
        assert_eq!(line, None, "in {place}");
    }
    assert!(shown.contains("Sensitive"), "the token was passed on");
    assert_eq!(
        request(Some(MARK)).headers()[AUTHORIZATION],
        "Bearer hunter2"
    );
}

#[tokio::test]
async fn a_missing_auth_layer_is_logged_as_an_error_once() {
    let (log, _guard) = listen();
    let layer = RequireLayer::new();
    let route = layer.clone().with_scopes(["orders"]).unwrap();
    for _ in 0..3 {
        for layer in [&layer, &route] {
            let response = layer.layer(Inner::default()).oneshot(request(None)).await;
            assert_eq!(response.unwrap().status(), 500);
        }
    }
    let log = log.text();
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("portcullis::auth"), "{log}");
    assert!(errors[0].contains("auth_layer_missing"), "{log}");
}

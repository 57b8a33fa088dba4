use std::time::Instant;

use http::{Method, StatusCode};
use portcullis_core::{RequestContext, VerdictOutcome};

use super::*;
use crate::admin::{ConfigHealth, IssuerHealth};

fn patterns(count: usize) -> Vec<Arc<str>> {
    (0..count)
        .map(|number| Arc::from(format!("/{number}/")))
        .collect()
}

fn shown(metrics: &Arc<Metrics>) -> String {
    let config = ConfigHealth {
        generation: 1,
        age_seconds: 0,
        last_error: Vec::new(),
    };
    Scrape::new(metrics, config, Vec::new(), None, Vec::new())
        .text()
        .unwrap()
}

/// One request of a route, answered or not.
fn ask(tally: &Arc<Tally>, route: Option<&str>, status: Option<u16>) {
    let context = RequestContext::new(Instant::now());
    if let Some(route) = route {
        context.set_route(Arc::from(route));
    } else {
        context.set_verdict("no_route");
    }
    let mut counting = tally.begin(&context, &Method::GET);
    if let Some(status) = status {
        counting.answered(StatusCode::from_u16(status).unwrap());
    }
}

#[test]
fn a_request_that_is_dropped_is_counted_as_given_up() {
    let metrics = Arc::<Metrics>::default();
    let tally = metrics.tally(Listener::Public, &patterns(1));
    ask(&tally, Some("/0/"), None);
    ask(&tally, Some("/0/"), Some(200));
    ask(&tally, None, Some(404));
    let text = shown(&metrics);
    for line in [
        "portcullis_requests_total{listener=\"public\",route=\"/0/\",method=\"GET\",status=\"given_up\"} 1\n",
        "portcullis_requests_total{listener=\"public\",route=\"/0/\",method=\"GET\",status=\"2xx\"} 1\n",
        "portcullis_requests_total{listener=\"public\",route=\"-\",method=\"GET\",status=\"4xx\"} 1\n",
        "portcullis_request_duration_seconds_count{listener=\"public\",route=\"/0/\"} 2\n",
        "portcullis_refusals_total{reason=\"no_route\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn numbers_go_on_with_another_configuration_and_go_with_their_route() {
    let metrics = Arc::<Metrics>::default();
    let (both, one) = (patterns(2), patterns(1));
    let first = metrics.tally(Listener::Public, &both);
    ask(&first, Some("/0/"), Some(200));
    ask(&first, Some("/1/"), Some(200));
    let second = metrics.tally(Listener::Public, &one);
    ask(&second, Some("/0/"), Some(200));
    ask(&first, Some("/1/"), Some(200));
    drop(first);
    let text = shown(&metrics);
    for route in ["/0/", "/1/"] {
        let labels = format!("route=\"{route}\",method=\"GET\",status=\"2xx\"}} 2\n");
        assert!(text.contains(&labels), "{text}");
    }
    let third = metrics.tally(Listener::Public, &one);
    drop(second);
    let text = shown(&metrics);
    assert!(!text.contains("/1/"), "{text}");
    ask(&third, Some("/0/"), Some(200));
    assert!(shown(&metrics).contains("status=\"2xx\"} 3\n"));
}

#[test]
fn routes_beyond_the_bound_are_one() {
    let metrics = Arc::<Metrics>::default();
    let many = patterns(3 * MOST_ROUTES);
    let tally = metrics.tally(Listener::Public, &many);
    for pattern in &many {
        ask(&tally, Some(pattern), Some(200));
    }
    let text = shown(&metrics);
    let rows = text.matches("portcullis_requests_total{").count();
    assert_eq!(rows, MOST_ROUTES + 1);
    let others = 2 * MOST_ROUTES;
    let row = format!("route=\"other\",method=\"GET\",status=\"2xx\"}} {others}\n");
    assert!(text.contains(&row));
}

#[test]
fn one_configuration_after_the_other_leaves_nothing_behind() {
    let metrics = Arc::<Metrics>::default();
    for number in 0..100 {
        let pattern = Arc::from(format!("/{number}/"));
        let tally = metrics.tally(Listener::Public, [&pattern]);
        ask(&tally, Some(&pattern), Some(200));
    }
    assert_eq!(
        shown(&metrics)
            .matches("portcullis_requests_total{")
            .count(),
        1
    );
}

#[test]
fn a_refusal_of_the_auth_layers_is_a_verdict_and_a_reason() {
    let metrics = Arc::<Metrics>::default();
    let event = VerdictEvent::new(VerdictOutcome::Invalid, "bad_signature");
    metrics.verdict(&event.refused(StatusCode::UNAUTHORIZED));
    metrics.verdict(&VerdictEvent::new(VerdictOutcome::Absent, "anonymous"));
    let text = shown(&metrics);
    for line in [
        "portcullis_auth_verdicts_total{outcome=\"invalid\",provenance=\"none\"} 1\n",
        "portcullis_auth_verdicts_total{outcome=\"absent\",provenance=\"none\"} 1\n",
        "portcullis_refusals_total{reason=\"bad_signature\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert_eq!(text.matches("portcullis_refusals_total{").count(), 1);
}

#[test]
fn labels_are_escaped_and_an_issuer_is_shown_once() {
    let metrics = Arc::<Metrics>::default();
    let pattern = Arc::from("/\"\\\n}/");
    let tally = metrics.tally(Listener::Public, [&pattern]);
    ask(&tally, Some(&pattern), Some(200));
    let issuer = IssuerHealth {
        issuer: "https://idp.example.com".into(),
        keys: "fresh",
        usable_keys: 2,
        age_seconds: Some(7),
        last_error: None,
        circuit: None,
        well: true,
    };
    let config = ConfigHealth {
        generation: 3,
        age_seconds: 5,
        last_error: vec!["route: is missing".into()],
    };
    let scrape = Scrape::new(
        &metrics,
        config,
        vec![issuer.clone(), issuer],
        None,
        Vec::new(),
    );
    let text = scrape.text().unwrap();
    for line in [
        "route=\"/\\\"\\\\\\n}/\",method",
        "\nportcullis_issuer_keys{issuer=\"https://idp.example.com\"} 2\n",
        "\nportcullis_issuer_keys_age_seconds{issuer=\"https://idp.example.com\"} 7\n",
        "\nportcullis_config_generation{} 3\n",
        "\nportcullis_config_refused{} 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert_eq!(text.matches("portcullis_issuer_keys_state{").count(), 1);
    assert!(text.ends_with("\n# EOF\n"));
}

#[test]
fn counting_a_request_allocates_nothing() {
    let metrics = Arc::<Metrics>::default();
    let tally = metrics.tally(Listener::Public, &patterns(100));
    let context = RequestContext::new(Instant::now());
    context.set_route(Arc::from("/42/"));
    let event = VerdictEvent::new(VerdictOutcome::Valid, "ok");
    let refused = event.refused(StatusCode::UNAUTHORIZED);
    let round = || {
        let mut counting = tally.begin(&context, &Method::GET);
        metrics.verdict(&event);
        metrics.verdict(&refused);
        counting.answered(StatusCode::OK);
    };
    round();
    assert_eq!(allocation_counter::measure(round).count_total, 0);
    assert!(shown(&metrics).contains("route=\"/42/\",method=\"GET\",status=\"2xx\"} 2\n"));
}

use http::StatusCode;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};

use super::*;
use crate::Config;
use crate::front::{Entry, RouteService};
use crate::metrics::{Listener, Metrics};
use crate::routes::Routes;

/// Asks about `GET /` at an endpoint that believes 10.0.0.0/8, before a route of this service.
async fn ask(peer: Option<&str>, path: &str, service: RouteService) -> StatusCode {
    let pattern = Arc::from("/");
    let routes = Routes::new([("/".into(), None, Entry { pattern, service })]);
    let config = Config::parse(
        "[forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"10.0.0.0/8\"]\n\
         [[route]]\npath = \"/\"\nauth = \"none\"",
    )
    .unwrap();
    let metrics = Arc::<Metrics>::default();
    let tally = metrics.tally(Listener::ForwardAuth, []);
    let front = Front::for_questions(&config, routes, tally, None).unwrap();
    let peers = config.forward_auth.unwrap().peers;
    let endpoint = ForwardAuth::new(peers, front);
    let mut request = Request::get(path)
        .header("host", "api.example.com")
        .header("x-original-method", "GET")
        .header("x-original-uri", "/")
        .body(Body::empty())
        .unwrap();
    if let Some(peer) = peer {
        let peer: IpAddr = peer.parse().unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::new(peer, 4000)));
    }
    let Ok(response) = endpoint.oneshot(request).await;
    response.status()
}

fn grant() -> RouteService {
    BoxCloneSyncService::new(Grant.map_response(|response| response.map(Body::new)))
}

#[tokio::test]
async fn only_configured_peers_are_answered() {
    for (peer, status) in [
        (Some("10.1.2.3"), 200),
        (Some("::ffff:10.1.2.3"), 200),
        (Some("11.1.2.3"), 403),
        (Some("::1"), 403),
        (None, 403),
    ] {
        assert_eq!(ask(peer, "/nginx", grant()).await, status, "{peer:?}");
    }
}

#[tokio::test]
async fn other_paths_are_no_endpoint_and_strangers_learn_nothing_of_that() {
    assert_eq!(ask(Some("10.1.2.3"), "/auth", grant()).await, 404);
    assert_eq!(ask(Some("11.1.2.3"), "/auth", grant()).await, 403);
}

#[tokio::test]
async fn a_success_that_nobody_granted_is_no_yes() {
    for status in [200, 204, 206] {
        let other = service_fn(move |_: Request<Body>| async move {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok(response)
        });
        let answer = ask(Some("10.1.2.3"), "/nginx", BoxCloneSyncService::new(other)).await;
        assert_eq!(answer, 500, "{status}");
    }
}

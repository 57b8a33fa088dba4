//! Requests that come back to the gateway that forwarded them.

use http::{Request, Version};
use http_body_util::Full;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::stand::{Stand, gateway, send, send_http2};

fn open(upstream: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{upstream}\"]"
    )
}

#[tokio::test]
async fn a_request_that_comes_round_again_is_refused() {
    // Nothing in the configuration says where this leads.
    let around = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", around.local_addr().unwrap());
    let gateway = gateway(&open(&upstream)).await;
    let address = gateway.address();
    let carrying = tokio::spawn(async move {
        let mut rounds = 0;
        while let Ok((mut from, _)) = around.accept().await {
            rounds += 1;
            assert!(rounds < 5, "it goes round and round");
            let mut to = TcpStream::connect(address).await.expect("the gateway");
            tokio::spawn(async move { copy_bidirectional(&mut from, &mut to).await });
        }
    });
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let request = Request::get(format!("http://{address}/x")).version(version);
        let request = request.body(Full::default()).unwrap();
        let answer = if version == Version::HTTP_2 {
            send_http2(request).await
        } else {
            send(request).await
        };
        assert_eq!(answer.status, 508);
        assert_eq!(answer.reason(), "forwarding_loop");
    }
    assert!(!carrying.is_finished());
    carrying.abort();
}

#[tokio::test]
async fn upstreams_are_told_every_way_a_request_came() {
    let stand = Stand::start().await;
    let before = gateway(&open(&stand.url(""))).await;
    let request = |version| {
        let uri = format!("http://{}/open/x", before.address());
        let request = Request::get(uri).version(version).header("via", "1.0 fred");
        request.body(Full::default()).unwrap()
    };
    for (version, first) in [(Version::HTTP_11, "1.1"), (Version::HTTP_2, "2")] {
        let answer = if version == Version::HTTP_2 {
            send_http2(request(version)).await
        } else {
            send(request(version)).await
        };
        assert_eq!(answer.status, 200, "two gateways are no loop");
        let received = stand.upstream.last();
        let via = received.headers.get_all("via").iter();
        let via: Vec<_> = via.map(|line| line.to_str().unwrap()).collect();
        let [fred, one, two] = via[..] else {
            panic!("{via:?}");
        };
        assert_eq!(fred, "1.0 fred");
        assert!(one.starts_with(&format!("{first} portcullis-")), "{via:?}");
        assert!(two.starts_with("1.1 portcullis-") && one != two, "{via:?}");
    }
}

//! The client's address is found without touching the heap.

use std::net::IpAddr;

use allocation_counter::measure;
use http::HeaderMap;
use portcullis_core::{ClientIp, ClientKey, ProxyHeader};

#[test]
fn resolving_allocates_nothing() {
    let mut headers = HeaderMap::new();
    for line in ["6.6.6.6, 1.2.3.4", "10.0.0.9:80", "what, [2001:db8::1]:443"] {
        headers.append("x-forwarded-for", line.parse().unwrap());
    }
    for line in [
        "for=\"",
        "for=\"\\1.2.3.4:80\";host=\"a,b\"",
        "for=10.0.0.9",
    ] {
        headers.append("forwarded", line.parse().unwrap());
    }
    let peer: IpAddr = "10.0.0.1".parse().unwrap();
    for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
        for config in [
            ClientIp::peer(),
            ClientIp::behind_networks(header, ["10.0.0.0/8", "2001:db8::/32"]).unwrap(),
            ClientIp::behind_hops(header, 3).unwrap(),
        ] {
            let mut key = None;
            let info = measure(|| {
                let client = config.resolve(peer, &headers);
                key = client.map(|client| client.group(ClientKey::DEFAULT_IPV6_PREFIX));
            });
            assert!(key.is_some());
            assert_eq!(info.count_total, 0, "{config:?}");
        }
    }
}

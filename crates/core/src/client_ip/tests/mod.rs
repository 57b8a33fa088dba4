//! Spoofing attempts with their results, and the walk against a plain oracle.

mod oracle;
mod spoofing;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

const XFF: &str = "x-forwarded-for";
const FWD: &str = "forwarded";

fn headers<L: AsRef<[u8]>>(name: &'static str, lines: &[L]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(line.as_ref()).unwrap(),
        );
    }
    headers
}

fn header_of(name: &str) -> ProxyHeader {
    match name {
        XFF => ProxyHeader::XForwardedFor,
        FWD => ProxyHeader::Forwarded,
        other => panic!("{other}"),
    }
}

fn networks(name: &str) -> ClientIp {
    ClientIp::behind_networks(header_of(name), ["10.0.0.0/8", "2001:db8:aa::/48"]).unwrap()
}

fn hops(name: &str, hops: u8) -> ClientIp {
    ClientIp::behind_hops(header_of(name), hops).unwrap()
}

fn resolve(config: &ClientIp, peer: &str, headers: &HeaderMap) -> (String, &'static str) {
    let peer: std::net::IpAddr = peer.parse().unwrap();
    let client = config.resolve(peer, headers).unwrap();
    (client.ip().to_string(), client.source().as_str())
}

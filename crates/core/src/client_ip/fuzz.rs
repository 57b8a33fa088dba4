//! Arbitrary bytes against the facts that must hold for every header.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::{AddressSource, ClientAddress, ClientIp, ProxyHeader};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// What a client may put in front of what the proxies append.
const INVENTIONS: [&str; 5] = ["6.6.6.6", "for=6.6.6.6", "for=\"", "\\\"", "\"a\\"];

/// Reads `input` as the lines of a forwarding header and checks the answers.
///
/// # Panics
/// A client can choose its own address, or an address is not canonical.
pub fn fuzz_client_ip(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
        let headers = headers(header, &lines);
        for config in configs(header) {
            check(&config, header, &lines, &headers);
        }
        // Nobody believes a header by default, nor one that a stranger sent.
        let by_default = ClientIp::default().resolve(PROXY, &headers);
        assert_eq!(by_default.map(|client| client.ip()), Some(PROXY));
        let stranger = behind_ten(header).resolve(STRANGER, &headers);
        assert_eq!(stranger.map(|client| client.ip()), Some(STRANGER));
    }
}

fn check(config: &ClientIp, header: ProxyHeader, lines: &[&[u8]], headers: &HeaderMap) {
    let Some(client) = config.resolve(PROXY, headers) else {
        panic!("a known peer gave no answer");
    };
    assert_eq!(client.ip(), client.ip().to_canonical());
    if !is_decided(client) {
        return;
    }
    // What stands to the left of the deciding element must not matter.
    for invention in INVENTIONS {
        let mut with_line = vec![invention.as_bytes()];
        with_line.extend_from_slice(lines);
        assert_eq!(
            config.resolve(PROXY, &self::headers(header, &with_line)),
            Some(client)
        );

        let glued = [invention.as_bytes(), b", ", lines[0]].concat();
        with_line.remove(0);
        with_line[0] = &glued;
        assert_eq!(
            config.resolve(PROXY, &self::headers(header, &with_line)),
            Some(client)
        );
    }
}

/// Whether one element decided, rather than the end of the list.
fn is_decided(client: ClientAddress) -> bool {
    matches!(client.source(), AddressSource::Header(_)) && !is_ours(client.ip())
}

fn is_ours(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.octets()[0] == 10)
}

fn configs(header: ProxyHeader) -> [ClientIp; 4] {
    let hops = |hops| ClientIp::behind_hops(header, hops).expect("a count from 1 to 64");
    [behind_ten(header), hops(1), hops(2), hops(5)]
}

fn behind_ten(header: ProxyHeader) -> ClientIp {
    ClientIp::behind_networks(header, ["10.0.0.0/8"]).expect("a network that is not everything")
}

fn headers(header: ProxyHeader, lines: &[&[u8]]) -> HeaderMap {
    let name = match header {
        ProxyHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        ProxyHeader::Forwarded => FORWARDED,
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name.clone(), value);
        }
    }
    headers
}

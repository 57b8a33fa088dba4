//! What clients invent, and what comes of it.

use std::net::IpAddr;

use super::*;

/// Peer, lines, expected address, expected source.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);

fn assert_rows(config: &ClientIp, name: &'static str, rows: &[Row]) {
    for (peer, lines, ip, source) in rows {
        let answer = resolve(config, peer, &headers(name, lines));
        assert_eq!(answer, ((*ip).to_owned(), *source), "{peer} {lines:?}");
    }
}

#[test]
fn x_forwarded_for_behind_networks_resists_spoofing() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        // An honest request, in all the shapes an address comes in.
        ("10.0.0.1", &["1.2.3.4"], "1.2.3.4", XFF),
        ("10.0.0.1", &["1.2.3.4:5555"], "1.2.3.4", XFF),
        ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1", XFF),
        ("10.0.0.1", &["2001:db8::1"], "2001:db8::1", XFF),
        ("10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4", XFF),
        ("::ffff:10.0.0.1", &["1.2.3.4"], "1.2.3.4", XFF),
        ("2001:db8:aa::1", &["1.2.3.4"], "1.2.3.4", XFF),
        // Invented addresses stand to the left of what the proxy appended.
        ("10.0.0.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4", XFF),
        ("10.0.0.1", &["6.6.6.6,1.2.3.4"], "1.2.3.4", XFF),
        ("10.0.0.1", &["10.9.9.9, 1.2.3.4"], "1.2.3.4", XFF),
        ("10.0.0.1", &["garbage, , 1.2.3.4"], "1.2.3.4", XFF),
        ("10.0.0.1", &["\", 1.2.3.4"], "1.2.3.4", XFF),
        // Header lines are one list, in order.
        ("10.0.0.1", &["6.6.6.6", "1.2.3.4"], "1.2.3.4", XFF),
        ("10.0.0.1", &["6.6.6.6", "1.2.3.4", "10.0.0.9"], "1.2.3.4", XFF),
        ("10.0.0.1", &["6.6.6.6, 1.2.3.4", "", " , "], "1.2.3.4", XFF),
        // Our own hops are skipped, in either family and disguise.
        ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.9"], "1.2.3.4", XFF),
        ("10.0.0.1", &["1.2.3.4, ::ffff:10.0.0.9, 2001:db8:aa::2"], "1.2.3.4", XFF),
        ("10.0.0.1", &["1.2.3.4, 10.0.0.9:80,"], "1.2.3.4", XFF),
        // All of it is ours: a client inside.
        ("10.0.0.1", &["10.1.1.1, 10.0.0.9"], "10.1.1.1", XFF),
        // A peer that is not ours writes what it likes, also about our addresses.
        ("203.0.113.7", &["1.2.3.4"], "203.0.113.7", "peer"),
        ("203.0.113.7", &["1.2.3.4, 10.0.0.9"], "203.0.113.7", "peer"),
        ("::ffff:203.0.113.7", &["1.2.3.4"], "203.0.113.7", "peer"),
        // Unreadable where it decides: the last trusted hop, never the next to the left.
        ("10.0.0.1", &["6.6.6.6, what"], "10.0.0.1", "last-trusted-hop-malformed"),
        ("10.0.0.1", &["6.6.6.6, what, 10.0.0.9"], "10.0.0.9", "last-trusted-hop-malformed"),
        ("10.0.0.1", &["6.6.6.6, \"1.2.3.4\""], "10.0.0.1", "last-trusted-hop-malformed"),
        ("10.0.0.1", &["6.6.6.6, 1.2.3.4.5"], "10.0.0.1", "last-trusted-hop-malformed"),
        ("10.0.0.1", &["6.6.6.6 1.2.3.4"], "10.0.0.1", "last-trusted-hop-malformed"),
        ("10.0.0.1", &["6.6.6.6, for=1.2.3.4"], "10.0.0.1", "last-trusted-hop-malformed"),
        ("10.0.0.1", &["6.6.6.6, unknown"], "10.0.0.1", "last-trusted-hop-hidden"),
        ("10.0.0.1", &["6.6.6.6, _x, 10.0.0.9"], "10.0.0.9", "last-trusted-hop-hidden"),
        ("10.0.0.1", &[], "10.0.0.1", "last-trusted-hop-missing"),
        ("10.0.0.1", &["", " ,, "], "10.0.0.1", "last-trusted-hop-missing"),
    ];
    assert_rows(&networks(XFF), XFF, rows);
}

#[test]
fn forwarded_behind_networks_resists_spoofing() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("10.0.0.1", &["for=1.2.3.4"], "1.2.3.4", FWD),
        ("10.0.0.1", &["For=\"[2001:db8::1]:4711\""], "2001:db8::1", FWD),
        ("10.0.0.1", &["for=6.6.6.6, for=1.2.3.4;proto=https;by=10.0.0.1"], "1.2.3.4", FWD),
        ("10.0.0.1", &["for=6.6.6.6", "for=1.2.3.4", "for=10.0.0.9"], "1.2.3.4", FWD),
        ("10.0.0.1", &["for=1.2.3.4;host=\"a,b;for=6.6.6.6\""], "1.2.3.4", FWD),
        ("10.0.0.1", &["for=1.2.3.4, for=\"[::ffff:10.0.0.9]\""], "1.2.3.4", FWD),
        // Quotes left open on the left swallow nothing.
        ("10.0.0.1", &["for=\", for=1.2.3.4"], "1.2.3.4", FWD),
        ("10.0.0.1", &["for=\"\\, for=\"1.2.3.4:1\""], "1.2.3.4", FWD),
        ("10.0.0.1", &["for=\"6.6.6.6", "for=1.2.3.4"], "1.2.3.4", FWD),
        ("10.0.0.1", &["for=6.6.6.6, for=\", for=10.0.0.9"], "10.0.0.9", "last-trusted-hop-malformed"),
        ("203.0.113.7", &["for=1.2.3.4"], "203.0.113.7", "peer"),
        ("10.0.0.1", &["for=6.6.6.6, for=unknown"], "10.0.0.1", "last-trusted-hop-hidden"),
        ("10.0.0.1", &["for=6.6.6.6, for=_gazonk"], "10.0.0.1", "last-trusted-hop-hidden"),
        ("10.0.0.1", &["for=6.6.6.6, proto=https"], "10.0.0.1", "last-trusted-hop-hidden"),
        ("10.0.0.1", &["for=6.6.6.6, 1.2.3.4"], "10.0.0.1", "last-trusted-hop-malformed"),
        ("10.0.0.1", &["for=6.6.6.6;for=1.2.3.4"], "10.0.0.1", "last-trusted-hop-malformed"),
        ("10.0.0.1", &[], "10.0.0.1", "last-trusted-hop-missing"),
    ];
    assert_rows(&networks(FWD), FWD, rows);
}

#[test]
fn two_hops_resist_spoofing() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("198.51.100.1", &["1.2.3.4, 198.51.100.2"], "1.2.3.4", XFF),
        ("198.51.100.1", &["6.6.6.6, 1.2.3.4, 198.51.100.2"], "1.2.3.4", XFF),
        ("198.51.100.1", &["6.6.6.6", "1.2.3.4", "198.51.100.2"], "1.2.3.4", XFF),
        // What the inner proxy wrote only counts, whatever it is.
        ("198.51.100.1", &["6.6.6.6, 1.2.3.4, unknown"], "1.2.3.4", XFF),
        ("198.51.100.1", &["6.6.6.6, 1.2.3.4, unix:"], "1.2.3.4", XFF),
        ("198.51.100.1", &["6.6.6.6, what, 198.51.100.2"], "198.51.100.2", "last-trusted-hop-malformed"),
        ("198.51.100.1", &["6.6.6.6, what, what"], "198.51.100.1", "last-trusted-hop-malformed"),
        ("198.51.100.1", &["6.6.6.6, _x, 198.51.100.2"], "198.51.100.2", "last-trusted-hop-hidden"),
        ("198.51.100.1", &["6.6.6.6"], "198.51.100.1", "last-trusted-hop-too-short"),
        ("198.51.100.1", &["6.6.6.6,,,"], "198.51.100.1", "last-trusted-hop-too-short"),
        ("198.51.100.1", &[], "198.51.100.1", "last-trusted-hop-missing"),
    ];
    assert_rows(&hops(XFF, 2), XFF, rows);
}

#[test]
fn only_the_configured_header_is_read() {
    let mut both = headers(XFF, &["1.1.1.1"]);
    both.append(FWD, "for=2.2.2.2".parse().unwrap());
    both.append("x-real-ip", "3.3.3.3".parse().unwrap());
    let ip = |config| resolve(&config, "10.0.0.1", &both).0;
    assert_eq!(ip(networks(XFF)), "1.1.1.1");
    assert_eq!(ip(networks(FWD)), "2.2.2.2");
    assert_eq!(ip(hops(XFF, 1)), "1.1.1.1");
    assert_eq!(ip(ClientIp::peer()), "10.0.0.1");
    assert_eq!(ip(ClientIp::default()), "10.0.0.1");
}

#[test]
fn a_peer_without_address_is_believed_by_hop_count_only() {
    let unix = None;
    let told = headers(XFF, &["6.6.6.6, 1.2.3.4"]);
    let untold = headers(XFF, &["6.6.6.6, what"]);
    assert_eq!(ClientIp::peer().resolve(unix, &told), None);
    assert_eq!(networks(XFF).resolve(unix, &told), None);
    let by_hop = hops(XFF, 1).resolve(unix, &told).unwrap();
    assert_eq!(by_hop.ip().to_string(), "1.2.3.4");
    assert_eq!(hops(XFF, 1).resolve(unix, &untold), None);
}

#[test]
fn no_more_than_the_limit_of_elements_is_looked_at() {
    let of = |ours: usize| {
        let list = format!("1.2.3.4{}", ", 10.0.0.9".repeat(ours));
        resolve(&networks(XFF), "10.0.0.1", &headers(XFF, &[list]))
    };
    let limit = usize::from(ClientIp::MAX_HOPS);
    assert_eq!(of(limit - 1), ("1.2.3.4".into(), XFF));
    assert_eq!(of(limit), ("10.0.0.9".into(), "last-trusted-hop-too-long"));

    let farthest = format!("1.2.3.4{}", ", 5.5.5.5".repeat(limit - 1));
    let config = hops(XFF, ClientIp::MAX_HOPS);
    let answer = resolve(&config, "10.0.0.1", &headers(XFF, &[farthest]));
    assert_eq!(answer, ("1.2.3.4".into(), XFF));
}

#[test]
fn huge_headers_end_early() {
    let too_long = ("10.0.0.1".to_owned(), "last-trusted-hop-too-long");
    for (name, byte) in [
        (XFF, "1"),
        (XFF, ","),
        (XFF, " "),
        (FWD, "\""),
        (FWD, "\\"),
        (FWD, ","),
    ] {
        let huge = byte.repeat(64 * 1024);
        let config = networks(name);
        assert_eq!(
            resolve(&config, "10.0.0.1", &headers(name, &[&huge])),
            too_long,
            "{byte:?}"
        );
        // And what is to the left of the decision costs and changes nothing.
        let honest = if name == XFF {
            "1.2.3.4"
        } else {
            "for=1.2.3.4"
        };
        let appended = format!("{huge}, {honest}");
        let answer = resolve(&config, "10.0.0.1", &headers(name, &[appended]));
        assert_eq!(answer, ("1.2.3.4".into(), name));
    }
}

#[test]
fn the_longest_element_fits_and_one_byte_more_does_not() {
    let padded = |bytes: usize| format!("for=1.2.3.4;x={}", "y".repeat(bytes - 14));
    let answer = |line| resolve(&networks(FWD), "10.0.0.1", &headers(FWD, &[line])).1;
    let max = element::MAX_ELEMENT_BYTES;
    assert_eq!(answer(padded(max)), FWD);
    assert_eq!(answer(padded(max + 1)), "last-trusted-hop-too-long");
    assert_eq!(answer(format!("a,{}", padded(max))), FWD);
    assert_eq!(
        answer(format!("a,{}", padded(max + 1))),
        "last-trusted-hop-too-long"
    );
}

#[test]
fn resolved_addresses_group_by_network() {
    let key = |line| {
        let config = networks(XFF);
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let client = config.resolve(peer, &headers(XFF, &[line])).unwrap();
        client.group(ClientKey::DEFAULT_IPV6_PREFIX)
    };
    assert_eq!(key("2001:db8:1:2::3"), key("[2001:db8:1:2:ffff::4]:80"));
    assert_ne!(key("2001:db8:1:2::3"), key("2001:db8:1:3::3"));
    assert_eq!(key("::ffff:1.2.3.4"), key("1.2.3.4:99"));
    assert_ne!(key("1.2.3.4"), key("1.2.3.5"));
}

#[test]
fn the_way_is_told_from_the_peer_to_the_one_that_the_client_called() {
    for (peer, line, client, way) in [
        (
            "10.0.0.1",
            "6.6.6.6, 1.2.3.4, 10.0.0.9",
            "1.2.3.4",
            &["10.0.0.1", "10.0.0.9"][..],
        ),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4", &["10.0.0.1"]),
        (
            "10.0.0.1",
            "10.1.1.1, 10.0.0.9",
            "10.1.1.1",
            &["10.0.0.1", "10.0.0.9"],
        ),
        (
            "10.0.0.1",
            "1.2.3.4, what, 10.0.0.9",
            "10.0.0.9",
            &["10.0.0.1"],
        ),
        ("10.0.0.1", "unknown", "10.0.0.1", &[]),
        ("10.0.0.1", "", "10.0.0.1", &[]),
        ("203.0.113.7", "1.2.3.4", "203.0.113.7", &[]),
    ] {
        let mut proxies = Vec::new();
        let peer: std::net::IpAddr = peer.parse().unwrap();
        let found = networks(XFF).resolve_through(peer, &headers(XFF, &[line]), &mut proxies);
        let proxies: Vec<_> = proxies.iter().map(ToString::to_string).collect();
        assert_eq!(found.unwrap().ip().to_string(), client, "{line}");
        assert_eq!(proxies, way, "{line}");
    }
    // Too few hops: none of them is believed, so none is told of.
    let mut proxies = Vec::new();
    let peer: std::net::IpAddr = "10.0.0.1".parse().unwrap();
    let found = hops(XFF, 3).resolve_through(peer, &headers(XFF, &["1.2.3.4"]), &mut proxies);
    assert_eq!((found.unwrap().ip(), proxies), (peer, Vec::new()));
}

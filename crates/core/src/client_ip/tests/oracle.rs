//! Generated headers: what they say is known before they are written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

// What stands in a list, written in one of several ways.

#[derive(Clone, Debug)]
enum Element {
    Address(IpAddr),
    Hidden,
    Garbage,
    Empty,
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        // Half of them ours.
        (1_u8..4).prop_map(|n| Ipv4Addr::new(10, 0, 0, n).into()),
        (1_u16..4).prop_map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0xaa, 0, 0, 0, 0, n).into()),
        any::<Ipv4Addr>().prop_map(IpAddr::V4),
        any::<Ipv6Addr>().prop_map(|ip| IpAddr::V6(ip).to_canonical()),
    ]
}

fn element() -> impl Strategy<Value = Element> {
    prop_oneof![
        6 => address().prop_map(Element::Address),
        1 => Just(Element::Hidden),
        1 => Just(Element::Garbage),
        1 => Just(Element::Empty),
    ]
}

impl Element {
    fn write(&self, name: &str, style: usize) -> String {
        let node = match self {
            Self::Address(ip @ IpAddr::V4(v4)) => match style % 4 {
                0 => format!("{ip}"),
                1 => format!("{ip}:{}", style % 65_536),
                2 => format!("{}", v4.to_ipv6_mapped()),
                _ => format!("[{}]:80", v4.to_ipv6_mapped()),
            },
            Self::Address(ip) => match style % 3 {
                0 => format!("{ip}"),
                1 => format!("[{ip}]"),
                _ => format!("[{ip}]:443"),
            },
            Self::Hidden => ["unknown", "_hidden", "Unknown:80"][style % 3].to_owned(),
            Self::Garbage => ["what", "1.2.3", "1.2.3.4.5", "[::1", "a b"][style % 5].to_owned(),
            Self::Empty => return ["", " ", "\t "][style % 3].to_owned(),
        };
        if name == XFF {
            return format!("{}{node}", [" ", "", "\t"][style % 3]);
        }
        match style % 3 {
            0 => format!("for=\"{node}\""),
            1 => format!(" proto=https;FOR=\"{node}\";host=\"a,\\\"b\\\"\" "),
            _ => format!("host=\"x;for=6.6.6.6\" ; For=\"{node}\""),
        }
    }
}

/// The lines of a header, and the nodes that stand in them, left to right.
fn list(name: &'static str) -> impl Strategy<Value = (Vec<String>, Vec<Option<IpAddr>>)> {
    prop::collection::vec((element(), any::<usize>(), any::<bool>()), 0..30).prop_map(
        move |elements| {
            let mut lines: Vec<String> = Vec::new();
            let mut nodes = Vec::new();
            for (element, style, new_line) in elements {
                let text = element.write(name, style);
                match lines.last_mut() {
                    Some(line) if !new_line => *line = format!("{line},{text}"),
                    _ => lines.push(text),
                }
                match element {
                    Element::Address(ip) => nodes.push(Some(ip)),
                    Element::Hidden | Element::Garbage => nodes.push(None),
                    Element::Empty => {}
                }
            }
            (lines, nodes)
        },
    )
}

fn is_ours(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.octets()[0] == 10,
        IpAddr::V6(v6) => v6.segments()[..3] == [0x2001, 0xdb8, 0xaa],
    }
}

fn networks_oracle(peer: IpAddr, nodes: &[Option<IpAddr>]) -> IpAddr {
    if !is_ours(peer) {
        return peer;
    }
    let outermost_of_ours = |ours: &[Option<IpAddr>]| match ours.first() {
        Some(ip) => ip.unwrap(),
        None => peer,
    };
    match nodes.iter().rposition(|node| !node.is_some_and(is_ours)) {
        Some(at) => nodes[at].unwrap_or_else(|| outermost_of_ours(&nodes[at + 1..])),
        None => outermost_of_ours(nodes),
    }
}

fn hops_oracle(peer: IpAddr, hops: usize, nodes: &[Option<IpAddr>]) -> IpAddr {
    match nodes.len().checked_sub(hops) {
        None => peer,
        Some(at) => nodes[at..].iter().flatten().next().copied().unwrap_or(peer),
    }
}

proptest! {
    #[test]
    fn networks_agree_with_the_oracle(
        peer in address(), xff in list(XFF), fwd in list(FWD),
    ) {
        for (name, (lines, nodes)) in [(XFF, xff), (FWD, fwd)] {
            let client = networks(name).resolve(peer, &headers(name, &lines)).unwrap();
            prop_assert_eq!(client.ip(), networks_oracle(peer, &nodes), "{:?}", lines);
        }
    }

    #[test]
    fn hops_agree_with_the_oracle(
        peer in address(), count in 1_u8..6, xff in list(XFF), fwd in list(FWD),
    ) {
        for (name, (lines, nodes)) in [(XFF, xff), (FWD, fwd)] {
            let client = hops(name, count).resolve(peer, &headers(name, &lines)).unwrap();
            let expected = hops_oracle(peer, count.into(), &nodes);
            prop_assert_eq!(client.ip(), expected, "{:?}", lines);
        }
    }

    #[test]
    fn what_a_client_sends_never_changes_what_a_proxy_appended(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
        client: Ipv4Addr,
    ) {
        prop_assume!(!is_ours(client.into()));
        for (name, appended) in [(XFF, format!("{client}")), (FWD, format!("for=\"{client}:1\""))] {
            let mut lines: Vec<Vec<u8>> = sent.clone();
            lines.retain(|line| HeaderValue::from_bytes(line).is_ok());
            let mut glued = lines.clone();
            match glued.last_mut() {
                Some(line) => *line = [line.as_slice(), b", ", appended.as_bytes()].concat(),
                None => glued.push(appended.clone().into_bytes()),
            }
            lines.push(appended.into_bytes());
            for lines in [lines, glued] {
                for config in [networks(name), hops(name, 1)] {
                    let (ip, source) = resolve(&config, "10.0.0.1", &headers(name, &lines));
                    prop_assert_eq!((ip, source), (client.to_string(), name));
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(input: Vec<u8>) {
        fuzz_client_ip(&input);
    }

    #[test]
    fn arbitrary_punctuation_never_panics(input in "[0-9a-f.:,;=\"\\\\ for\n_-]{0,200}") {
        fuzz_client_ip(input.as_bytes());
    }
}

//! Networks whose members are believed.

use std::net::IpAddr;

use ipnet::IpNet;

use super::section::Section;

const REMEDY: &str = "write a network such as \"10.0.0.0/8\" or one address";

/// A list of networks or single addresses.
///
/// A network of everybody is refused: what is believed from it would be believed from an attacker.
pub(super) fn list(section: &mut Section, key: &'static str) -> Option<Vec<IpNet>> {
    let texts = section.texts(key)?;
    let mut networks = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match one(text) {
            Ok(network) => networks.push(network),
            Err((message, remedy)) => section.wrong(format!("{key}[{index}]"), message, remedy),
        }
    }
    Some(networks)
}

fn one(text: &str) -> Result<IpNet, (&'static str, String)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| ("is not a network", REMEDY.to_owned()))?;
    if network.prefix_len() == 0 {
        let remedy = "name the networks of your proxies, and no others";
        return Err(("has everybody in it", remedy.to_owned()));
    }
    if network.trunc() != network {
        let remedy = format!("write \"{}\" or the address alone", network.trunc());
        return Err(("is an address inside a network", remedy));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_are_read_and_everybody_is_not() {
        for (text, network) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("127.0.0.1", Some("127.0.0.1/32")),
            ("::1", Some("::1/128")),
            ("fd00::/8", Some("fd00::/8")),
            ("10.0.0.1/8", None),
            ("0.0.0.0/0", None),
            ("::/0", None),
            ("10.0.0.0/33", None),
            ("localhost", None),
            ("", None),
        ] {
            let read = one(text).ok().map(|network| network.to_string());
            assert_eq!(read.as_deref(), network, "{text}");
        }
    }
}

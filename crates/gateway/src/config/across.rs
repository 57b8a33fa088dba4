//! What must be right between sections.

use std::net::SocketAddr;

use portcullis_core::Problems;

use super::section::Part;
use super::{ForwardAuth, Issuer, Route, RouteAuth, Server};

pub(super) fn issuers(issuers: &[Part<Issuer>], problems: &mut Problems) {
    for (index, issuer) in issuers.iter().enumerate() {
        let Some(issuer) = &issuer.value else {
            continue;
        };
        let same = |other: &Part<Issuer>| {
            let other = other.value.as_ref();
            other.is_some_and(|other| other.url == issuer.url)
        };
        if let Some(first) = issuers[..index].iter().position(same) {
            problems.push(
                format!("issuer[{index}].url"),
                format!("is that of issuer[{first}] too"),
                "merge the two: a token is judged by the rules of one",
            );
        }
    }
}

pub(super) fn routes(routes: &[Part<Route>], no_issuer: bool, problems: &mut Problems) {
    if routes.is_empty() {
        problems.push(
            "route",
            "is missing",
            "add [[route]] with path and upstream",
        );
    }
    // What is said wrongly of a route may have been meant to be auth = "none".
    let mut sound = routes.iter().filter(|route| route.sound);
    let tokens = |route: &Part<Route>| {
        let route = route.value.as_ref();
        route.is_some_and(|route| route.auth != RouteAuth::None)
    };
    if no_issuer && sound.any(tokens) {
        problems.push(
            "issuer",
            "is missing, and there are routes that look at tokens",
            "add [[issuer]], or say auth = \"none\" on every route",
        );
    }
    for (index, route) in routes.iter().enumerate() {
        let Some(route) = &route.value else { continue };
        for (first, other) in routes[..index].iter().enumerate() {
            let other = other.value.as_ref();
            let Some(other) = other.filter(|other| other.path == route.path) else {
                continue;
            };
            if let Some(shared) = shared_method(route, other) {
                problems.push(
                    format!("route[{index}].path"),
                    format!("is that of route[{first}] too, and both take {shared}"),
                    "remove one of the two, or give them methods that differ",
                );
                break;
            }
        }
    }
}

/// A method that both routes take, in words.
fn shared_method(one: &Route, other: &Route) -> Option<String> {
    match (&one.methods, &other.methods) {
        (None, None) => Some("any method".to_owned()),
        (Some(methods), None) | (None, Some(methods)) => methods.first().map(ToString::to_string),
        (Some(one), Some(other)) => one
            .iter()
            .find(|method| other.contains(method))
            .map(ToString::to_string),
    }
}

pub(super) fn addresses(
    server: &Server,
    forward_auth: Option<&ForwardAuth>,
    routes: &[Part<Route>],
    problems: &mut Problems,
) {
    let asked = forward_auth.map(|section| section.listen);
    for (path, own, other, whose) in [
        (
            "server.admin",
            server.admin,
            server.listen,
            "public address",
        ),
        (
            "forward_auth.listen",
            asked,
            server.listen,
            "public address",
        ),
        (
            "forward_auth.listen",
            asked,
            server.admin,
            "address of the probes",
        ),
    ] {
        if let (Some(own), Some(other)) = (own, other)
            && meet(own, other)
        {
            problems.push(
                path,
                format!("is the {whose}"),
                "choose another port: what is answered there is not for everybody",
            );
        }
    }
    let Some(listen) = server.listen else { return };
    for (index, route) in routes.iter().enumerate() {
        let upstreams = route.value.iter().flat_map(|route| &route.upstreams);
        for (position, upstream) in upstreams.enumerate() {
            if upstream.leads_to(listen) {
                problems.push(
                    format!("route[{index}].upstream[{position}]"),
                    "is the gateway itself",
                    "name the service behind it",
                );
            }
        }
    }
}

/// Whether two addresses cannot both be listened on: the unspecified one is all of them.
pub(super) fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (any || one.ip() == other.ip())
}

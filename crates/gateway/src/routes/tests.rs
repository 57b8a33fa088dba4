//! Which route takes what.

use proptest::prelude::*;

use super::*;

fn routes(paths: &[&'static str]) -> Routes<&'static str> {
    Routes::new(
        paths
            .iter()
            .map(|path| (RoutePath::from(*path), None, *path)),
    )
}

fn found(routes: &Routes<&'static str>, path: &str) -> &'static str {
    match routes.find(&Method::GET, path) {
        Ok(entry) => entry,
        Err(refused) => refused.refusal().reason(),
    }
}

/// Routes of one path, each with the methods it lists.
fn by_method(lists: &[Option<&str>]) -> Routes<usize> {
    Routes::new(lists.iter().enumerate().map(|(index, list)| {
        let methods = list.map(|list| list.split(' ').map(|name| name.parse().unwrap()).collect());
        (RoutePath::from("/a"), methods, index)
    }))
}

#[test]
fn the_longest_prefix_of_whole_segments_wins() {
    let routes = routes(&["/", "/api/", "/api/admin"]);
    for (path, entry) in [
        ("/", "/"),
        ("/apix", "/"),
        ("/API/x", "/"),
        ("/api", "/api/"),
        ("/api/", "/api/"),
        ("/api/x", "/api/"),
        ("/api/administrator", "/api/"),
        ("/api/admin", "/api/admin"),
        ("/api/admin/x", "/api/admin"),
    ] {
        assert_eq!(found(&routes, path), entry, "{path}");
    }
}

#[test]
fn what_no_route_has_leads_nowhere() {
    let routes = routes(&["/api"]);
    for path in ["/", "/apix", "/x/api"] {
        assert_eq!(found(&routes, path), "no_route", "{path}");
    }
}

#[test]
fn what_is_no_path_is_no_target() {
    let routes = routes(&["/"]);
    for path in ["*", "", "api", "example.com:80"] {
        assert_eq!(found(&routes, path), "bad_target", "{path}");
    }
    assert_eq!(routes.find(&Method::CONNECT, "/x"), Err(Refused::BadTarget));
}

#[test]
fn a_path_that_could_lead_elsewhere_upstream_is_ambiguous() {
    let routes = routes(&["/", "/admin", "/public"]);
    for path in [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/..;/admin",
        "/public%2f..%2fadmin",
        "//admin",
        "/%61dmin/x",
        "/;x/admin",
        "/admin;x",
        "/.//admin",
    ] {
        assert_eq!(found(&routes, path), "ambiguous_path", "{path}");
    }
    // Empty segments and encodings do not matter where every reading is the same route.
    for path in ["/public//x", "/public/%61", "/public/a;b=c"] {
        assert_eq!(found(&routes, path), "/public", "{path}");
    }
}

#[test]
fn routes_of_one_path_share_it_by_method() {
    let routes = by_method(&[Some("GET"), Some("POST PUT")]);
    for (method, entry) in [("GET", 0), ("HEAD", 0), ("POST", 1), ("PUT", 1)] {
        let method = method.parse().unwrap();
        assert_eq!(routes.find(&method, "/a/x"), Ok(&entry), "{method}");
    }
    let allow = HeaderValue::from_static("GET, POST, PUT, HEAD");
    for method in ["DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"] {
        let method = method.parse().unwrap();
        assert_eq!(
            routes.find(&method, "/a/x"),
            Err(Refused::Method(allow.clone())),
            "{method}"
        );
    }
}

#[test]
fn head_goes_where_it_is_listed() {
    let routes = by_method(&[Some("GET"), Some("HEAD")]);
    assert_eq!(routes.find(&Method::GET, "/a"), Ok(&0));
    assert_eq!(routes.find(&Method::HEAD, "/a"), Ok(&1));
    let refused = by_method(&[Some("POST")]).find(&Method::HEAD, "/a").err();
    let allow = HeaderValue::from_static("POST");
    assert_eq!(refused, Some(Refused::Method(allow)));
}

#[test]
fn a_route_without_a_list_takes_all_but_trace_and_connect() {
    let routes = by_method(&[None]);
    for method in ["GET", "HEAD", "OPTIONS", "PROPFIND", "DELETE"] {
        assert_eq!(routes.find(&method.parse().unwrap(), "/a"), Ok(&0));
    }
    let refused = routes.find(&Method::TRACE, "/a").unwrap_err();
    assert_eq!(
        refused,
        Refused::Method(HeaderValue::from_static(
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        ))
    );
}

#[test]
fn a_shorter_prefix_does_not_take_what_a_longer_one_refuses() {
    let routes = Routes::new([
        (RoutePath::from("/"), None, "open"),
        (
            RoutePath::from("/admin"),
            Some(vec![Method::GET]),
            "guarded",
        ),
    ]);
    assert_eq!(routes.find(&Method::GET, "/admin/x"), Ok(&"guarded"));
    assert!(matches!(
        routes.find(&Method::POST, "/admin/x"),
        Err(Refused::Method(_))
    ));
    assert_eq!(routes.find(&Method::POST, "/other"), Ok(&"open"));
}

proptest! {
    // The oracle: try every prefix, keep the one with the most segments.
    #[test]
    fn matching_is_the_longest_of_all_that_match(
        prefixes in proptest::collection::hash_set("(/[ab]{1,2}){0,3}", 1..6),
        path in "(/[ab]{1,2}){0,4}/?",
    ) {
        let routes = Routes::new(
            prefixes.iter().map(|p| (RoutePath::from(&**p), None, p.clone())),
        );
        let segments = |p: &str| -> Vec<String> {
            p.split('/').skip(1).filter(|s| !s.is_empty()).map(str::to_owned).collect()
        };
        let wanted = segments(&path);
        let expected = prefixes
            .iter()
            .filter(|p| path.starts_with('/') && wanted.starts_with(&segments(p)))
            .max_by_key(|p| segments(p).len());
        prop_assert_eq!(routes.find(&Method::GET, &path).ok(), expected);
    }

    // The oracle: of the routes that list it the first, else for HEAD the first that lists GET.
    #[test]
    fn a_method_is_taken_by_the_first_route_that_lists_it(
        lists in proptest::collection::vec(
            proptest::option::of(proptest::sample::subsequence(vec!["GET", "HEAD", "POST"], 1..3)),
            1..4,
        ),
        method in proptest::sample::select(vec!["GET", "HEAD", "POST", "DELETE"]),
    ) {
        let texts: Vec<_> = lists.iter().map(|list| list.as_ref().map(|l| l.join(" "))).collect();
        let routes = by_method(&texts.iter().map(|text| text.as_deref()).collect::<Vec<_>>());
        let listing = |name: &str| {
            lists.iter().position(|list| list.as_ref().is_none_or(|list| list.contains(&name)))
        };
        let expected = match listing(method) {
            None if method == "HEAD" => listing("GET"),
            index => index,
        };
        let method = method.parse().unwrap();
        prop_assert_eq!(routes.find(&method, "/a").ok().copied(), expected);
    }
}

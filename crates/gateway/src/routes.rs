//! Which route a path belongs to.

use crate::config::RoutePath;
use crate::path;

/// A table of routes: whole segments, longest prefix first.
#[derive(Clone, Debug)]
pub(crate) struct Routes<T> {
    /// Longest prefix first.
    entries: Vec<(RoutePath, T)>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match<'a, T> {
    /// A route.
    Route(&'a RoutePath, &'a T),
    /// No route.
    Nowhere,
    /// More than one, depending on who reads it.
    Ambiguous,
}

// === impl Routes ===

impl<T> Routes<T> {
    pub(crate) fn new(entries: impl IntoIterator<Item = (RoutePath, T)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(path, _)| std::cmp::Reverse(path.as_str().len()));
        Self { entries }
    }

    /// Matches a path as it stands, if every upstream would read it the same.
    pub(crate) fn find(&self, path: &str) -> Match<'_, T> {
        if path::ambiguity(path).is_some() {
            return Match::Ambiguous;
        }
        let found = self.position(path);
        if self.position(&path::lenient(path)) != found {
            return Match::Ambiguous;
        }
        match found.and_then(|index| self.entries.get(index)) {
            Some((prefix, entry)) => Match::Route(prefix, entry),
            None => Match::Nowhere,
        }
    }

    fn position(&self, path: &str) -> Option<usize> {
        self.entries.iter().position(|(prefix, _)| prefix.has(path))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(paths: &[&'static str]) -> Routes<&'static str> {
        Routes::new(paths.iter().map(|path| (RoutePath::from(*path), *path)))
    }

    fn found(routes: &Routes<&'static str>, path: &str) -> &'static str {
        match routes.find(path) {
            Match::Route(_, entry) => entry,
            Match::Nowhere => "nowhere",
            Match::Ambiguous => "ambiguous",
        }
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
        for path in ["/", "/apix", "*", "", "api", "/x/api"] {
            assert_eq!(found(&routes, path), "nowhere", "{path}");
        }
        assert_eq!(found(&self::routes(&["/"]), "*"), "nowhere");
        assert_eq!(found(&self::routes(&["/"]), ""), "nowhere");
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
            assert_eq!(found(&routes, path), "ambiguous", "{path}");
        }
        // Empty segments and encodings do not matter where every reading is the same route.
        for path in ["/public//x", "/public/%61", "/public/a;b=c"] {
            assert_eq!(found(&routes, path), "/public", "{path}");
        }
    }

    proptest! {
        // The oracle: try every prefix, keep the one with the most segments.
        #[test]
        fn matching_is_the_longest_of_all_that_match(
            prefixes in proptest::collection::hash_set("(/[ab]{1,2}){0,3}", 1..6),
            path in "(/[ab]{1,2}){0,4}/?",
        ) {
            let routes = Routes::new(prefixes.iter().map(|p| (RoutePath::from(&**p), p.clone())));
            let segments = |p: &str| -> Vec<String> {
                p.split('/').skip(1).filter(|s| !s.is_empty()).map(str::to_owned).collect()
            };
            let wanted = segments(&path);
            let expected = prefixes
                .iter()
                .filter(|p| path.starts_with('/') && wanted.starts_with(&segments(p)))
                .max_by_key(|p| segments(p).len());
            let got = match routes.find(&path) {
                Match::Route(_, entry) => Some(entry),
                _ => None,
            };
            prop_assert_eq!(got, expected);
        }
    }
}

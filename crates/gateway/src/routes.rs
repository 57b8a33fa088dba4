//! Which route a method and a path belong to.

use http::{HeaderValue, Method};

use crate::config::RoutePath;
use crate::path;
use crate::refused::Refused;

/// A table of routes: whole segments, longest prefix first, then by method.
///
/// The longest prefix decides alone: a method that its routes do not have is refused, although a shorter
/// prefix might have it. The guard of the shorter one was not made for this path.
#[derive(Clone, Debug)]
pub(crate) struct Routes<T> {
    /// Longest prefix first, each prefix once.
    places: Vec<Place<T>>,
}

/// A prefix, with the routes that share it.
#[derive(Clone, Debug)]
struct Place<T> {
    prefix: RoutePath,
    choices: Vec<Choice<T>>,
    /// What `Allow` says of them.
    allow: HeaderValue,
}

/// A route, with its methods; any without a list.
#[derive(Clone, Debug)]
struct Choice<T> {
    methods: Option<Vec<Method>>,
    entry: T,
}

/// What a route without a list is said to allow. It takes every method but `CONNECT` and `TRACE`.
const USUAL: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

// === impl Routes ===

impl<T> Routes<T> {
    /// Routes of a path, methods (any without a list) and what is there. Where two routes of one path
    /// have the same method, the first takes it.
    pub(crate) fn new(
        entries: impl IntoIterator<Item = (RoutePath, Option<Vec<Method>>, T)>,
    ) -> Self {
        let mut places = Vec::<Place<T>>::new();
        for (prefix, methods, entry) in entries {
            let choice = Choice { methods, entry };
            match places.iter_mut().find(|place| place.prefix == prefix) {
                Some(place) => place.choices.push(choice),
                None => places.push(Place {
                    prefix,
                    choices: vec![choice],
                    allow: HeaderValue::from_static(""),
                }),
            }
        }
        for place in &mut places {
            place.allow = place.allowed();
        }
        places.sort_by_key(|place| std::cmp::Reverse(place.prefix.as_str().len()));
        Self { places }
    }

    /// Matches a request, if every upstream would read its path the same.
    ///
    /// The path is judged as it stands, before anything is decoded or resolved.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<&T, Refused> {
        // Of `CONNECT` the target is an authority, of `OPTIONS *` the server (RFC 9112 section 3.2).
        if method == Method::CONNECT || !path.starts_with('/') {
            return Err(Refused::BadTarget);
        }
        let found = self.position(path);
        if !path::is_plain(path)
            && (path::ambiguity(path).is_some() || self.position(&path::lenient(path)) != found)
        {
            return Err(Refused::AmbiguousPath);
        }
        let place = found.and_then(|index| self.places.get(index));
        let place = place.ok_or(Refused::NoRoute)?;
        place
            .choose(method)
            .ok_or_else(|| Refused::Method(place.allow.clone()))
    }

    fn position(&self, path: &str) -> Option<usize> {
        self.places.iter().position(|place| place.prefix.has(path))
    }
}

// === impl Place ===

impl<T> Place<T> {
    /// The route of a method. `HEAD` goes where `GET` goes, unless a route lists it itself: a response
    /// to it is that to `GET` without the content (RFC 9110 section 9.3.2).
    fn choose(&self, method: &Method) -> Option<&T> {
        // Whatever the upstream echoes would hold the headers that only it is to see.
        if method == Method::TRACE {
            return None;
        }
        let of = |method: &Method| self.choices.iter().find(|choice| choice.has(method));
        let choice = match of(method) {
            None if method == Method::HEAD => of(&Method::GET),
            choice => choice,
        };
        choice.map(|choice| &choice.entry)
    }

    fn allowed(&self) -> HeaderValue {
        let mut allowed = Vec::<&str>::new();
        for choice in &self.choices {
            for method in choice.methods.as_deref().unwrap_or(&USUAL) {
                if *method != Method::TRACE && !allowed.contains(&method.as_str()) {
                    allowed.push(method.as_str());
                }
            }
        }
        if allowed.contains(&"GET") && !allowed.contains(&"HEAD") {
            allowed.push("HEAD");
        }
        // Methods are tokens, and those are header values.
        HeaderValue::from_str(&allowed.join(", ")).unwrap_or(HeaderValue::from_static(""))
    }
}

// === impl Choice ===

impl<T> Choice<T> {
    fn has(&self, method: &Method) -> bool {
        self.methods
            .as_ref()
            .is_none_or(|methods| methods.contains(method))
    }
}

#[cfg(test)]
mod tests;

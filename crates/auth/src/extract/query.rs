//! A token in the query.

use http::uri::PathAndQuery;
use http::{Method, Uri};
use portcullis_core::Head;

use super::{Extracted, TokenExtractor};
use crate::{Presented, Reason};

/// Reads the token from a parameter of the query, for GET only.
///
/// Targets end up in logs, histories and `Referer` headers: RFC 6750 section 2.3 says that this should
/// not be used, and nothing here uses it unless you ask.
///
/// The answer to a request with such a token gets `Cache-Control: private`, unless it says `no-store`
/// itself. [`AuthLayer::with_token_dropped`](crate::AuthLayer::with_token_dropped) takes the parameter out
/// of the target before anything inside can log it; a log outside of the layer sees it all the same.
#[derive(Clone, Debug)]
pub struct QueryToken {
    parameter: Box<str>,
}

// === impl QueryToken ===

impl QueryToken {
    /// The parameter of this name; RFC 6750 calls it `access_token`.
    pub fn new(parameter: impl Into<Box<str>>) -> Self {
        Self {
            parameter: parameter.into(),
        }
    }

    /// The token, if this is the parameter that holds it.
    fn value_of<'p>(&self, pair: &'p str) -> Option<&'p str> {
        pair.strip_prefix(&*self.parameter)?.strip_prefix('=')
    }
}

impl TokenExtractor for QueryToken {
    fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        let Some(query) = head.uri.query() else {
            return Extracted::Nothing;
        };
        if head.method != Method::GET {
            return Extracted::Nothing;
        }
        let mut values = query.split('&').filter_map(|pair| self.value_of(pair));
        match (values.next(), values.next()) {
            (None, _) => Extracted::Nothing,
            (Some(value), None) => Extracted::Token(Presented::new(value.as_bytes())),
            (Some(_), Some(_)) => Extracted::Refused(Reason::ManyCredentials),
        }
    }

    fn remove_from_target(&self, target: &mut Uri) {
        let Some(query) = target.query() else {
            return;
        };
        let kept: Vec<&str> = query
            .split('&')
            .filter(|pair| self.value_of(pair).is_none())
            .collect();
        let (path, separator) = (target.path(), if kept.is_empty() { "" } else { "?" });
        let text = format!("{path}{separator}{}", kept.join("&"));
        let mut parts = target.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(text).ok();
        // Pieces of a legal target, joined by what parted them, are one.
        if let Ok(stripped) = Uri::from_parts(parts) {
            *target = stripped;
        }
    }

    fn is_in_target(&self, head: Head<'_>) -> bool {
        matches!(self.extract(head), Extracted::Token(_))
    }
}

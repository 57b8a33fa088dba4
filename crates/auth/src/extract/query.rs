//! A token in the query.

use http::Method;
use portcullis_core::Head;

use super::{Extracted, TokenExtractor};
use crate::{Presented, Reason};

/// Reads the token from a parameter of the query, for GET only.
///
/// Targets end up in logs, histories and `Referer` headers: RFC 6750 section 2.3 says that this should
/// not be used, and nothing here uses it unless you ask. Answers should then carry
/// `Cache-Control: private`.
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
}

impl TokenExtractor for QueryToken {
    fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        let Some(query) = head.uri.query() else {
            return Extracted::Nothing;
        };
        if head.method != Method::GET {
            return Extracted::Nothing;
        }
        let mut values = query
            .split('&')
            .filter_map(|pair| pair.strip_prefix(&*self.parameter)?.strip_prefix('='));
        match (values.next(), values.next()) {
            (None, _) => Extracted::Nothing,
            (Some(value), None) => Extracted::Token(Presented::new(value.as_bytes())),
            (Some(_), Some(_)) => Extracted::Refused(Reason::ManyCredentials),
        }
    }
}

//! Which of the headers are there that carry a trace, and taking them away.

use http::{HeaderMap, HeaderName};

use super::names;

/// Those that are there, each by its place among [`ALL`].
///
/// Few requests have any but the first: to go through the names that are there costs less than to look for others that
/// are not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Present(u16);

/// Takes every header away that could carry a trace, in whatever format.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let present = Present::of(headers);
    if present.0 == 0 {
        return;
    }
    for (place, name) in ALL.iter().enumerate() {
        if present.has(place) {
            headers.remove(name);
        }
    }
}

static ALL: [HeaderName; 9] = [
    names::TRACEPARENT,
    names::TRACESTATE,
    names::BAGGAGE,
    names::B3,
    names::B3_TRACE_ID,
    names::B3_SPAN_ID,
    names::B3_PARENT_SPAN_ID,
    names::B3_SAMPLED,
    names::B3_FLAGS,
];

// === impl Present ===

impl Present {
    #[inline]
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let places = headers.keys().filter_map(|name| place(name.as_str()));
        Self(places.fold(0, |found, place| found | 1 << place))
    }

    pub(crate) const fn state(self) -> bool {
        self.has(1)
    }

    pub(crate) const fn baggage(self) -> bool {
        self.has(2)
    }

    const fn has(self, place: usize) -> bool {
        self.0 & 1 << place != 0
    }
}

/// Where a name stands among [`ALL`].
#[inline]
fn place(name: &str) -> Option<usize> {
    Some(match name {
        "traceparent" => 0,
        "tracestate" => 1,
        "baggage" => 2,
        "b3" => 3,
        "x-b3-traceid" => 4,
        "x-b3-spanid" => 5,
        "x-b3-parentspanid" => 6,
        "x-b3-sampled" => 7,
        "x-b3-flags" => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn every_name_has_its_place_and_no_other_has_one() {
        for (at, name) in ALL.iter().enumerate() {
            assert_eq!(place(name.as_str()), Some(at));
        }
        for other in ["host", "traceparent2", "b4", "x-b3-", ""] {
            assert_eq!(place(other), None);
        }
    }

    #[test]
    fn state_and_baggage_are_found_where_they_are() {
        let of = |name: &'static str| {
            let value = HeaderValue::from_static("1");
            Present::of(&HeaderMap::from_iter([(
                HeaderName::from_static(name),
                value,
            )]))
        };
        for (name, state, baggage) in [
            ("traceparent", false, false),
            ("tracestate", true, false),
            ("baggage", false, true),
        ] {
            assert_eq!((of(name).state(), of(name).baggage()), (state, baggage));
        }
    }

    #[test]
    fn whatever_carries_a_trace_goes_and_the_rest_stays() {
        let mut headers = HeaderMap::new();
        let value = || HeaderValue::from_static("1");
        for name in &ALL {
            headers.append(name, value());
            headers.append(name, value());
        }
        headers.append("host", value());
        headers.append("x-b3-other", value());
        strip(&mut headers);
        assert!(Present::of(&headers).0 == 0);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "x-b3-other"]);
    }
}

//! Taking a trace away.

use http::{HeaderMap, HeaderName};

use super::names;

/// Takes every header away that could carry a trace, in whatever format.
///
/// Few requests have any of them: to go through the names that are there costs less than to look for nine that are not.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let mut found = 0_u16;
    for name in headers.keys() {
        let name = name.as_str();
        // Most names are told apart by how long they are.
        if matches!(name.len(), 2 | 7 | 10..=12 | 17)
            && let Some(place) = place(name)
        {
            found |= 1 << place;
        }
    }
    for (place, name) in ALL.iter().enumerate() {
        if found == 0 {
            break;
        }
        if found & 1 << place != 0 {
            headers.remove(name);
            found &= !(1 << place);
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
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "x-b3-other"]);
    }
}

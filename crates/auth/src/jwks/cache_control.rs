//! How long a response says that it is good, and how old it is.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES};

/// The freshness lifetime of a response less its age (RFC 9111 sections 4.2.1 and 4.2.3); none if it
/// does not say.
///
/// | response | lifetime |
/// |---|---|
/// | `no-store` or `no-cache` | zero |
/// | `max-age` | that, the smallest if there are several; `s-maxage` is for shared caches |
/// | else `Expires` | until then from `Date`; zero if it is no date |
///
/// What cannot be read is skipped. The caller has bounds of its own, so a server can neither make us
/// fetch all the time nor never.
pub(super) fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let mut max_age = None;
    for line in headers.get_all(CACHE_CONTROL) {
        // A quoted string may hold a comma; those that do are no numbers, and their parts are not either.
        for directive in line.as_bytes().split(|byte| *byte == b',') {
            let (name, value) = match directive.iter().position(|byte| *byte == b'=') {
                Some(equals) => (&directive[..equals], Some(&directive[equals + 1..])),
                None => (directive, None),
            };
            let name = name.trim_ascii();
            if name.eq_ignore_ascii_case(b"no-store") {
                return Some(Duration::ZERO);
            }
            // With a value, `no-cache` is about single fields (RFC 9111 section 5.2.2.4).
            if name.eq_ignore_ascii_case(b"no-cache") && value.is_none() {
                return Some(Duration::ZERO);
            }
            if name.eq_ignore_ascii_case(b"max-age")
                && let Some(seconds) = value.and_then(delta_seconds)
            {
                max_age = Some(max_age.map_or(seconds, |least: u64| least.min(seconds)));
            }
        }
    }
    let lifetime = match max_age {
        Some(seconds) => Duration::from_secs(seconds),
        None => until_expiry(headers)?,
    };
    let age = headers
        .get(AGE)
        .and_then(|age| delta_seconds(age.as_bytes()))
        .unwrap_or(0);
    Some(lifetime.saturating_sub(Duration::from_secs(age)))
}

/// How old a response is at most; zero if no cache answered (RFC 9111 section 5.1).
///
/// `Age` is a whole number, so the copy may be a second older. Of several the largest counts, and what cannot
/// be read is very old: only a cache writes this field. One that has just looked for itself says 0.
pub(super) fn age(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get_all(AGE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|age| delta_seconds(age).unwrap_or(LARGEST))
        .max()
        .unwrap_or(0);
    match seconds {
        0 => Duration::ZERO,
        seconds => Duration::from_secs(seconds + 1),
    }
}

/// What stands for every larger number of seconds.
const LARGEST: u64 = 1 << 31;

/// A number of seconds, perhaps in quotes; one that is too large is 2^31 (RFC 9111 section 1.2.2).
fn delta_seconds(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    let value = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value);
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = value.iter().fold(0_u64, |seconds, digit| {
        (seconds * 10 + u64::from(digit - b'0')).min(LARGEST)
    });
    Some(seconds)
}

fn until_expiry(headers: &HeaderMap) -> Option<Duration> {
    let expires = headers.get(EXPIRES)?;
    let date = |value: &http::HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
    // RFC 9111 section 5.3: `Expires: 0` and other broken dates are in the past.
    let Some(expires) = date(expires) else {
        return Some(Duration::ZERO);
    };
    let from = headers.get(DATE).and_then(date)?;
    Some(expires.duration_since(from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(lines: &[(&'static str, &str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        lifetime(&headers).map(|lifetime| lifetime.as_secs())
    }

    #[test]
    fn lifetimes_are_those_of_the_table() {
        let cc = "cache-control";
        for (lines, seconds) in [
            (&[][..], None),
            (&[(cc, "public, max-age=3600, must-revalidate")], Some(3600)),
            (&[(cc, "Max-Age=60")], Some(60)),
            (&[(cc, "max-age = \"60\" ")], Some(60)),
            (&[(cc, "max-age=60, max-age=30")], Some(30)),
            (&[(cc, "max-age=60"), (cc, "max-age=90")], Some(60)),
            (&[(cc, "max-age=60"), (cc, "no-store")], Some(0)),
            (&[(cc, "no-cache")], Some(0)),
            (&[(cc, "no-cache=\"set-cookie\", max-age=60")], Some(60)),
            (&[(cc, "s-maxage=60")], None),
            (&[(cc, "max-age=-1")], None),
            (&[(cc, "max-age=1.5")], None),
            (&[(cc, "max-age=")], None),
            (&[(cc, "max-age=99999999999999999999999999")], Some(1 << 31)),
            (&[(cc, "max-age=60"), ("age", "20")], Some(40)),
            (&[(cc, "max-age=60"), ("age", "90")], Some(0)),
            (&[(cc, "max-age=60"), ("age", "soon")], Some(60)),
            (&[("expires", "0")], Some(0)),
            (&[("expires", "Thu, 01 Jan 2026 00:10:00 GMT")], None),
            (
                &[
                    ("expires", "Thu, 01 Jan 2026 00:10:00 GMT"),
                    ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
                ],
                Some(600),
            ),
            (
                &[
                    ("expires", "Thu, 01 Jan 2026 00:00:00 GMT"),
                    ("date", "Thu, 01 Jan 2026 00:10:00 GMT"),
                ],
                Some(0),
            ),
        ] {
            assert_eq!(of(lines), seconds, "{lines:?}");
        }
    }

    #[test]
    fn ages_are_at_least_what_caches_say() {
        for (lines, seconds) in [
            (&[][..], 0),
            (&["0"], 0),
            (&["1"], 2),
            (&[" 300 "], 301),
            (&["300, 0"], 301),
            (&["0", "7"], 8),
            (&["99999999999999999999999999"], LARGEST + 1),
            (&["-1"], LARGEST + 1),
            (&["soon"], LARGEST + 1),
            (&[""], LARGEST + 1),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AGE, HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(age(&headers).as_secs(), seconds, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_has_an_answer(name in 0_usize..3, value: Vec<u8>) {
            let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
            let mut headers = HeaderMap::new();
            headers.insert([CACHE_CONTROL, EXPIRES, AGE][name].clone(), value);
            let _ = lifetime(&headers);
            prop_assert!(age(&headers).as_secs() <= LARGEST + 1);
        }

        #[test]
        fn any_number_is_read(seconds: u32) {
            let told = of(&[("cache-control", &format!("max-age={seconds}"))]);
            prop_assert_eq!(told, Some(u64::from(seconds.min(1 << 31))));
        }
    }
}

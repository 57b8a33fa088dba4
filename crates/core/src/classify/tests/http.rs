//! HTTP.

use super::*;
use crate::{Clock as _, SystemClock};

#[test]
fn every_status_says_what_its_row_says() {
    let asked = headers([("retry-after", "7")]);
    let mut next = 100;
    for (range, plain, with_wait) in BY_STATUS {
        assert_eq!(*range.start(), next, "a status without a row, or with two");
        next = range.end() + 1;
        for status in range.clone() {
            let plainly = head(Protocol::Http, status, &HeaderMap::new());
            assert_eq!(plainly, *plain, "{status}");
            assert_eq!(head(Protocol::Http, status, &asked), *with_wait, "{status}");
        }
    }
    assert_eq!(next, 1_000);
}

#[test]
fn the_only_client_takes_429_for_overload_and_nothing_else_differently() {
    let ours = HttpOutcomes::new().as_only_client();
    for headers in [HeaderMap::new(), headers([("retry-after", "7")])] {
        for status in (100..1_000).filter(|status| *status != 429) {
            let theirs = head(Protocol::Http, status, &headers);
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(ours.head(Protocol::Http, status, &headers), theirs);
        }
    }
    for (value, expected) in [("7", Some(7_000)), ("soon", None)] {
        let headers = headers([("retry-after", value)]);
        let too_many = ours.head(Protocol::Http, StatusCode::TOO_MANY_REQUESTS, &headers);
        assert_eq!(too_many, overload(expected), "{value}");
    }
}

#[test]
fn retry_after_is_a_number_of_seconds_of_an_hour_at_most() {
    for (value, expected) in [
        ("0", Some(Duration::ZERO)),
        ("007", Some(Duration::from_secs(7))),
        ("3600", Some(HOUR)),
        ("3601", Some(HOUR)),
        ("18446744073709551616", Some(HOUR)),
        ("999999999999999999999999999999", Some(HOUR)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1 s", None),
        (" 1", None),
        ("1, 2", None),
        ("soon", None),
        ("\u{661}", None),
    ] {
        assert_eq!(
            wait(&headers([("retry-after", value)])),
            expected,
            "{value}"
        );
    }
}

#[test]
fn retry_after_is_a_date_counted_from_the_date_of_the_answer() {
    const DATE: &str = "Fri, 31 Dec 1999 23:59:30 GMT";
    for (value, expected) in [
        (
            "Fri, 31 Dec 1999 23:59:59 GMT",
            Some(Duration::from_secs(29)),
        ),
        ("Friday, 31-Dec-99 23:59:59 GMT", None),
        ("Fri Dec 31 23:59:59 1999", None),
        ("Fri, 31 Dec 1999 23:59:30 GMT", Some(Duration::ZERO)),
        ("Fri, 31 Dec 1999 23:59:29 GMT", Some(Duration::ZERO)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(Duration::ZERO)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(HOUR)),
        ("Fri, 31 Dec 1999 23:59:61 GMT", None),
        ("Fri, 32 Dec 1999 23:59:59 GMT", None),
        ("31 Dec 1999", None),
        ("1999-12-31T23:59:59Z", None),
    ] {
        let headers = headers([("retry-after", value), ("date", DATE)]);
        assert_eq!(wait(&headers), expected, "{value}");
    }
}

#[test]
fn retry_after_is_counted_from_our_clock_where_the_answer_has_no_date() {
    let later = SystemClock.wall() + Duration::from_secs(600);
    let later = std::time::UNIX_EPOCH + later.since_epoch();
    let later = httpdate::fmt_http_date(later);
    for headers in [
        headers([("retry-after", &later)]),
        headers([("retry-after", &later), ("date", "today")]),
    ] {
        let wait = wait(&headers).unwrap();
        // A second is lost to whole seconds, the others to a slow machine.
        assert!(wait > Duration::from_secs(540), "{wait:?}");
        assert!(wait <= Duration::from_secs(600), "{wait:?}");
    }
    let past = headers([("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")]);
    assert_eq!(wait(&past), Some(Duration::ZERO));
}

#[test]
fn the_end_of_a_body_is_a_success_of_http_whatever_the_trailers_are() {
    let trailers = headers([("grpc-status", "14")]);
    assert_eq!(end(Protocol::Http, None), Outcome::Success);
    assert_eq!(end(Protocol::Http, Some(&trailers)), Outcome::Success);
    assert_eq!(head(Protocol::Http, 200, &trailers), AtHead::Open);
}

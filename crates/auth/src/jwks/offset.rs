//! How far the clock of an issuer is from ours.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, DATE};
use portcullis_core::UnixTime;

/// A larger difference is not believed: it is more likely the `Date` of a cache that keeps it than the clock of an
/// issuer whose tokens anybody could use.
const BELIEVED: Duration = Duration::from_secs(60);

/// The `Date` that an origin gave just now (RFC 9110 section 6.6.1); none if a cache answered.
pub(super) fn date(headers: &HeaderMap) -> Option<UnixTime> {
    if headers.contains_key(AGE) {
        return None;
    }
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(httpdate::parse_http_date(date).ok()?.into())
}

/// How many milliseconds the clock that gave `date` is ahead of ours, to a question that was sent at `sent` and
/// answered by `received`. Zero if both may agree, or differ incredibly.
///
/// A date is in whole seconds, so there is a span of answers. The lowest is taken: then a token looks newer than
/// it is, by a second and the time of the answer at most, and never older. Whoever logs out everywhere and in again
/// must not be out.
pub(super) fn ahead_millis(date: UnixTime, sent: UnixTime, received: UnixTime) -> i64 {
    let millis = |time: UnixTime| i64::try_from(time.since_epoch().as_millis()).unwrap_or(i64::MAX);
    let lowest = millis(date).saturating_sub(millis(received));
    let highest = millis(date)
        .saturating_add(1_000)
        .saturating_sub(millis(sent));
    let agree = lowest <= 0 && highest >= 0;
    if agree || u128::from(lowest.unsigned_abs()) > BELIEVED.as_millis() {
        return 0;
    }
    lowest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_date_of_an_origin_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(date(&headers), None);
        headers.insert(DATE, "Thu, 01 Jan 1970 00:01:00 GMT".parse().unwrap());
        assert_eq!(date(&headers), Some(UnixTime::from_secs(60)));
        headers.insert(AGE, "0".parse().unwrap());
        assert_eq!(date(&headers), None);
        headers.remove(AGE);
        headers.insert(DATE, "yesterday".parse().unwrap());
        assert_eq!(date(&headers), None);
    }

    #[test]
    fn hostile_dates_neither_wrap_nor_panic() {
        for date in [UnixTime::EPOCH, UnixTime::MAX] {
            for sent in [UnixTime::EPOCH, UnixTime::MAX] {
                for received in [UnixTime::EPOCH, UnixTime::MAX] {
                    let ahead = ahead_millis(date, sent, received);
                    assert!(ahead.unsigned_abs() <= 60_000, "{ahead}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_never_more_than_the_truth_and_little_less(
            ahead in -58_000_i64..=60_000, sent in 1_000_000_u64..1_002_000,
            there in 0_u64..500, back in 0_u64..500,
        ) {
            let at = |millis: u64| UnixTime::from_duration(Duration::from_millis(millis));
            let theirs = (sent + there).saturating_add_signed(ahead);
            let date = UnixTime::from_secs(theirs / 1_000);
            let measured = ahead_millis(date, at(sent), at(sent + there + back));
            let least = ahead - 1_000 - i64::try_from(back).unwrap();
            if measured == 0 {
                // They may agree.
                let close = 1_000 + i64::try_from(there + back).unwrap();
                prop_assert!(ahead.abs() <= close, "{ahead}");
            } else {
                prop_assert!(measured <= ahead && measured >= least, "{measured} for {ahead}");
            }
        }
    }
}

//! The date of HTTP, in the form that everybody must write (RFC 9110 section 5.6.7).

use ::http::HeaderValue;

use crate::UnixTime;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`; the day of the week adds nothing and is not looked at. The two
/// forms that nobody may write any more are none.
#[rustfmt::skip]
pub(super) fn read(value: &HeaderValue) -> Option<UnixTime> {
    let &[
        _, _, _, b',', b' ', d1, d2, b' ', b1, b2, b3, b' ', y1, y2, y3, y4, b' ',
        h1, h2, b':', m1, m2, b':', s1, s2, b' ', b'G', b'M', b'T',
    ] = value.as_bytes() else {
        return None;
    };
    let month = MONTHS.iter().position(|name| **name == [b1, b2, b3])? as u64 + 1;
    let year = number([y1, y2, y3, y4], 1970, 9999)?;
    let (first, next) = (first_day(year, month), first_day(year, month + 1));
    let day = number([d1, d2], 1, next - first)?;
    let hour = number([h1, h2], 0, 23)?;
    let minute = number([m1, m2], 0, 59)?;
    let second = number([s1, s2], 0, 59)?;

    let days = first + day - 1;
    Some(UnixTime::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

/// The days from 1970-01-01 to the first of a month; the 13th is the next January. A year that begins in
/// March has its leap day at its end.
const fn first_day(year: u64, month: u64) -> u64 {
    /// The days from 0000-03-01 to 1970-01-01.
    const EPOCH: u64 = 719_468;
    let (year, since_march) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (since_march * 153 + 2) / 5 - EPOCH
}

fn number<const N: usize>(digits: [u8; N], least: u64, most: u64) -> Option<u64> {
    let number = digits.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        Some(number * 10 + u64::from(digit))
    })?;
    (least..=most).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    fn read_text(text: &str) -> Option<UnixTime> {
        read(&HeaderValue::from_bytes(text.as_bytes()).unwrap())
    }

    #[test]
    fn every_day_until_the_year_2500_is_read() {
        for day in 0..193_600 {
            let seconds = day * 86_400 + day % 86_400;
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(
                read_text(&text),
                Some(UnixTime::from_secs(seconds)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_date_is_read(seconds in 0..253_402_300_800_u64) {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            prop_assert_eq!(read_text(&text), Some(UnixTime::from_secs(seconds)));
        }

        #[test]
        fn what_is_nearly_a_date_is_read_as_others_read_it(
            text in ", [0-3][0-9] (Jan|Feb|Mar|Jul|Dec|DEC) (19|20|99|00)[0-9]{2} \
                [0-2][0-9]:[0-6][0-9]:[0-6][0-9] (GMT|UTC)"
        ) {
            // Others want the right day of the week.
            let others = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
                .iter()
                .find_map(|day| httpdate::parse_http_date(&format!("{day}{text}")).ok());
            let ours = read_text(&format!("Sun{text}"));
            prop_assert_eq!(ours, others.map(UnixTime::from), "{}", text);
        }
    }
}

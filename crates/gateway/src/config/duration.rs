//! Durations as people write them.

use std::time::Duration;

use portcullis_core::ConfigError;
use toml::Value;

/// The longest duration that can be configured: keeps every sum of instants in range.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads a whole number with its unit: `500ms`, `30s`, `5m`, `1h`.
pub(super) fn read(value: &Value) -> Result<Duration, ConfigError> {
    let wrong = |message: &str| {
        ConfigError::new(
            "",
            message,
            "write a whole number and its unit: \"500ms\", \"30s\", \"5m\", \"1h\"",
        )
    };
    let Value::String(text) = value else {
        return Err(wrong("is not a duration"));
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let Ok(number) = number.parse::<u64>() else {
        return Err(wrong("is not a duration"));
    };
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60 * 1_000),
        "h" => number.checked_mul(60 * 60 * 1_000),
        _ => return Err(wrong("is not a duration")),
    };
    millis
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| wrong("is longer than a year"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<u128> {
        read(&Value::from(text)).ok().map(|d| d.as_millis())
    }

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        for (text, millis) in [
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("", None),
            ("s", None),
            ("30", None),
            ("30 s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1d", None),
            ("9999999h", None),
            ("18446744073709551615h", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(of(text), millis, "{text}");
        }
    }

    #[test]
    fn a_bare_number_has_no_unit_and_is_refused() {
        let error = read(&Value::from(30)).unwrap_err().to_string();
        assert!(error.contains("unit"), "{error}");
    }
}

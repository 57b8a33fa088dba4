//! Sizes as people write them.

use portcullis_core::ConfigError;
use toml::Value;

/// Reads a whole number with its unit: `512B`, `32KiB`, `10MiB`, `1GiB`.
pub(super) fn read(value: &Value) -> Result<u64, ConfigError> {
    let wrong = |message: &str| {
        ConfigError::new(
            "",
            message,
            "write a whole number and its unit: \"512B\", \"32KiB\", \"10MiB\", \"1GiB\"",
        )
    };
    let Value::String(text) = value else {
        return Err(wrong("is not a size"));
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let Ok(number) = number.parse::<u64>() else {
        return Err(wrong("is not a size"));
    };
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong("is not a size")),
    };
    number
        .checked_mul(factor)
        // What TOML and JSON can say as a number, so that it can be shown anywhere.
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| wrong("is too large to be counted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_binary_unit() {
        for (text, bytes) in [
            ("0B", Some(0)),
            ("512B", Some(512)),
            ("32KiB", Some(32 << 10)),
            ("10MiB", Some(10 << 20)),
            ("1GiB", Some(1 << 30)),
            ("", None),
            ("10", None),
            ("10 MiB", None),
            ("10MB", None),
            ("10kib", None),
            ("1.5MiB", None),
            ("-1B", None),
            ("99999999999GiB", None),
            ("9223372036854775808B", None),
            ("99999999999999999999B", None),
        ] {
            assert_eq!(read(&Value::from(text)).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn a_bare_number_has_no_unit_and_is_refused() {
        let error = read(&Value::from(30)).unwrap_err().to_string();
        assert!(error.contains("unit"), "{error}");
    }
}

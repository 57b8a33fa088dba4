//! Arbitrary bytes.

use proptest::prelude::*;

use super::*;

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[0-9]{0,25}".prop_map(String::into_bytes),
        "-?[0-9]{1,4}".prop_map(String::into_bytes),
        "[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
            .prop_map(String::into_bytes),
        "application/grpc(-web)?(-text)?[+; ]?.{0,3}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #[test]
    fn arbitrary_headers_keep_every_promise(lines in prop::collection::vec(value(), 0..8)) {
        fuzz_classify(&lines.join(&b'\n'));
    }

    #[test]
    fn a_number_of_seconds_is_read_as_the_plain_oracle_reads_it(value in "[-+ ]?[0-9]{0,22}x?") {
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let expected = digits.then(|| {
            let seconds: u128 = value.parse().unwrap();
            Duration::from_secs(seconds.min(3_600) as u64)
        });
        prop_assert_eq!(wait(&headers([("retry-after", &value)])), expected);
    }
}

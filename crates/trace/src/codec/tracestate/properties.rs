use proptest::prelude::*;

use super::tests::{MOST, carried, headers};
use super::*;

/// Text that is a good list, or nearly.
fn near_a_list() -> impl Strategy<Value = Vec<u8>> {
    let member = prop_oneof![
        40 => "[a-d]{1,2}(@|\\*)?=[ -+.-<>-~]{0,3}[!-+.-<>-~]",
        4 => "[a-d]=[a-z]{120,140}",
        2 => "[a-d]{254,257}=1",
        2 => "[a-d]=[a-z]{254,257}",
        3 => "[ \t]{0,2}",
        1 => "[@A-c.]{1,2}=[a= ]{0,2}",
    ];
    let comma = prop_oneof![6 => Just(","), 1 => Just(" ,"), 1 => Just(",\t ")];
    let piece = (member, comma).prop_map(|(member, comma)| member + comma);
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("of a header", |byte| {
        HeaderValue::from_bytes(&[*byte]).is_ok()
    });
    prop_oneof![8 => near_a_list(), 1 => proptest::collection::vec(byte, 0..40)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_handed_on_is_what_the_plain_rules_say(
        lines in proptest::collection::vec(any_line(), 0..4),
        most in prop_oneof![Just(MOST), 0..700_usize],
    ) {
        prop_assert_eq!(carried(&lines, most), oracle::carry(&lines, most));
    }

    #[test]
    fn a_state_that_is_written_and_read_is_the_same(line in near_a_list()) {
        if let Ok(state) = TraceState::parse(&line) {
            prop_assert_eq!(state.to_string().parse(), Ok(state.clone()));
            let value = state.to_header_value();
            prop_assert_eq!(value, carry(&headers(&[line]), usize::MAX));
        }
    }

    #[test]
    fn arbitrary_bytes_keep_the_promises(data: Vec<u8>) {
        fuzz_tracestate(&data);
    }
}

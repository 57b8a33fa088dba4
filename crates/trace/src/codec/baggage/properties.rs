use proptest::prelude::*;

use super::*;

fn near_a_list() -> impl Strategy<Value = Vec<u8>> {
    let member = prop_oneof![
        12 => "[a-e]{1,2}[ ]?=[ ]?[!#-+.-:<-Z^-~]{0,5}(%[0-9a-g]{1,2})?(;[a-c](=[0-9])?){0,2}",
        1 => "[a-c]=v{2000,3000}",
        1 => "[a-c]=v{8180,8200}",
        2 => "[ -~]{0,6}",
    ];
    proptest::collection::vec(member, 0..90).prop_map(|members| members.join(",").into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn lines_near_the_grammar_keep_the_promises(
        lines in proptest::collection::vec(near_a_list(), 0..3),
    ) {
        fuzz_baggage(&lines.join(&b'\n'));
    }

    #[test]
    fn arbitrary_bytes_keep_the_promises(data: Vec<u8>) {
        fuzz_baggage(&data);
    }

    #[test]
    fn any_value_comes_out_as_it_went_in(key in "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,9}", value: String) {
        let mut baggage = Baggage::parse(b"a=1,b=2");
        baggage.insert(&key, &value).unwrap();
        let sent = baggage.to_header_value().unwrap();
        let read = Baggage::parse(sent.as_bytes());
        prop_assert_eq!(read.get(&key), Some(value.into()));
        prop_assert_eq!(read, baggage);
    }
}

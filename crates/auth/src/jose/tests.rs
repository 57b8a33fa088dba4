use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::Reason;

fn claims(text: &str) -> Result<Claims<'_>, Reason> {
    Claims::read(text.as_bytes())
}

fn header(text: &str) -> Result<Header<'_>, Reason> {
    Header::read(text.as_bytes())
}

#[test]
fn three_nonempty_parts_are_a_token_and_nothing_else_is() {
    assert!(Compact::split("a.b.c").is_ok());
    for bad in [
        "",
        ".",
        "..",
        "a",
        "a.b",
        "a.b.",
        ".b.c",
        "a..c",
        "a.b.c.d",
        "a.b.c.d.e",
        "a.b..c",
    ] {
        assert_eq!(
            Compact::split(bad).err(),
            Some(Reason::Malformed),
            "{bad:?}"
        );
    }
}

#[test]
fn base64_is_strict() {
    let mut buffer = [0; SIGNATURE_MAX];
    // "e30" is {}; padding, the other alphabet, white space and stray bits are other spellings of it.
    for bad in ["e30=", "e31", "e3 0", "e30\n", "e+_A", "e", "é"] {
        let token = format!("{bad}.e30.AA");
        assert_eq!(
            Compact::split(&token)
                .unwrap()
                .header(&mut [0; HEADER_BUFFER]),
            Err(Reason::Malformed),
            "{bad:?}"
        );
        let token = format!("e30.e30.{bad}");
        assert_eq!(
            Compact::split(&token).unwrap().signature(&mut buffer),
            Err(Reason::Malformed)
        );
    }
    let long = format!("e30.e30.{}", "A".repeat(1_368));
    assert_eq!(
        Compact::split(&long).unwrap().signature(&mut buffer),
        Err(Reason::Malformed)
    );
}

#[test]
fn a_header_decodes_alike_inside_the_buffer_and_beyond_it() {
    for length in [0, 1, 2, 3, 511, 512, 513, 600] {
        let bytes = vec![b'x'; length + 2];
        let token = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(&bytes));
        let mut buffer = [0; HEADER_BUFFER];
        let decoded = Compact::split(&token)
            .unwrap()
            .header(&mut buffer)
            .unwrap()
            .into_owned();
        assert_eq!(decoded, bytes);
    }
}

#[test]
fn duplicate_members_are_refused_at_every_level_and_escapes_do_not_hide_them() {
    for bad in [
        r#"{"alg":"RS256","alg":"none"}"#,
        r#"{"alg":"RS256","\u0061lg":"none"}"#,
        r#"{"x":{"a":1,"b":{},"a":2}}"#,
        r#"{"x":[{"a":1,"a":2}]}"#,
    ] {
        assert_eq!(scan(bad), Err(Reason::Malformed), "{bad}");
    }
    for good in [
        r#"{"a":{"a":{"a":1}},"b":["a","a"],"c":"a"}"#,
        r#"{"a":[{"b":1},{"b":1}]}"#,
        "{}",
    ] {
        assert_eq!(scan(good), Ok(()), "{good}");
    }
}

#[test]
fn depth_members_nul_surrogates_and_private_names_are_refused() {
    let deep = |n: usize| format!("{{\"a\":{}1{}}}", "[".repeat(n), "]".repeat(n));
    assert_eq!(scan(&deep(31)), Ok(()));
    assert_eq!(scan(&deep(32)), Err(Reason::Malformed));
    assert_eq!(scan(&deep(100_000)), Err(Reason::Malformed));
    let wide = |n: usize| {
        let members: Vec<_> = (0..n).map(|i| format!("\"m{i}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(scan(&wide(256)), Ok(()));
    assert_eq!(scan(&wide(257)), Err(Reason::Malformed));
    for bad in [
        r#"{"a":"\u0000"}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"{"a":{"\u0024serde_json::private::RawValue":"1"}}"#,
        "[]",
        "\"{}\"",
        "1",
        "",
        "{\"a",
        "{}}",
    ] {
        assert_eq!(scan(bad), Err(Reason::Malformed), "{bad}");
    }
    assert_eq!(scan(r#"{"a":"\ud83d\ude00 \" \\"}"#), Ok(()));
}

#[test]
fn a_number_that_no_reader_can_hold_is_refused_wherever_it_is() {
    let long = |digits: usize| "9".repeat(digits);
    for bad in [
        "1e400".to_owned(),
        "-1e400".to_owned(),
        "1E+309".to_owned(),
        "0.1e999999999999".to_owned(),
        long(400),
        format!("-{}", long(400)),
    ] {
        for text in [
            format!(r#"{{"x":{bad}}}"#),
            format!(r#"{{"x":[0,{{"y":{bad}}}]}}"#),
        ] {
            assert_eq!(scan(&text), Err(Reason::Malformed), "{text}");
        }
        assert_eq!(scan(&format!(r#"{{"x":"{bad}"}}"#)), Ok(()), "a string");
    }
    for good in ["1e308", "-1.5E+3", "1e-400", "0", "-0", "0e0", &long(300)] {
        assert_eq!(scan(&format!(r#"{{"x":{good},"y":1}}"#)), Ok(()), "{good}");
    }
}

#[test]
fn extensions_in_the_header_are_refused_whatever_their_value() {
    for bad in [
        r#"{"alg":"RS256","crit":["exp"]}"#,
        r#"{"alg":"RS256","crit":[]}"#,
        r#"{"alg":"RS256","crit":null}"#,
        r#"{"alg":"RS256","b64":false}"#,
        r#"{"alg":"RS256","zip":"DEF"}"#,
        r#"{"alg":"RS256","enc":"A128GCM"}"#,
        r#"{"alg":"RS256","cty":"jwt"}"#,
    ] {
        assert_eq!(header(bad).err(), Some(Reason::UnsupportedHeader), "{bad}");
    }
    let ignored =
        r#"{"alg":"RS256","jku":"https://evil","x5u":"u","jwk":{"kty":"oct"},"x5c":["c"]}"#;
    assert!(header(ignored).is_ok());
}

#[test]
fn a_key_id_is_a_short_string_or_impossible() {
    assert_eq!(header(r#"{"kid":"k1"}"#).unwrap().key_id(), Ok(Some("k1")));
    assert_eq!(header("{}").unwrap().key_id(), Ok(None));
    let long = format!(r#"{{"kid":"{}"}}"#, "k".repeat(257));
    for bad in [
        r#"{"kid":null}"#,
        r#"{"kid":7}"#,
        r#"{"kid":-1.5}"#,
        r#"{"kid":true}"#,
        r#"{"kid":"\n"}"#,
        &long,
    ] {
        assert_eq!(
            header(bad).unwrap().key_id(),
            Err(Reason::UnknownKey),
            "{bad}"
        );
    }
    assert_eq!(header(r#"{"kid":["k1"]}"#).err(), Some(Reason::Malformed));
}

#[test]
fn the_media_type_is_read_without_its_prefix() {
    assert_eq!(
        header(r#"{"typ":"application/at+jwt"}"#)
            .unwrap()
            .media_type(),
        Some("at+jwt")
    );
    assert_eq!(
        header(r#"{"typ":"Application/AT+JWT"}"#)
            .unwrap()
            .media_type(),
        Some("AT+JWT")
    );
    assert_eq!(
        header(r#"{"typ":"JWT"}"#).unwrap().media_type(),
        Some("JWT")
    );
    assert_eq!(header("{}").unwrap().media_type(), None);
}

#[test]
fn dates_are_numbers_from_the_epoch_on() {
    let exp =
        |value: &str| claims(&format!(r#"{{"exp":{value}}}"#)).map(|claims| claims.exp.unwrap());
    assert_eq!(exp("1700000000").unwrap().floor().as_secs(), 1_700_000_000);
    assert_eq!(
        exp("1700000000.9").unwrap().floor().as_secs(),
        1_700_000_000
    );
    assert_eq!(exp("1700000000.1").unwrap().ceil().as_secs(), 1_700_000_001);
    assert_eq!(exp("1.7e9").unwrap().ceil().as_secs(), 1_700_000_000);
    assert_eq!(
        exp("9223372036854775808").unwrap().floor().as_secs(),
        1 << 63
    );
    assert_eq!(
        exp("18446744073709551616").unwrap().ceil().as_secs(),
        u64::MAX
    );
    assert_eq!(exp("1e300").unwrap().ceil().as_secs(), u64::MAX);
    for bad in ["-1", "-0.5", "\"1700000000\"", "null", "true", "[1]", "{}"] {
        assert_eq!(exp(bad).err(), Some(Reason::MalformedClaim), "{bad}");
    }
    // Numbers that JSON cannot hold are no JSON.
    for bad in ["1e400", "NaN", "01", "+1"] {
        assert_eq!(exp(bad).err(), Some(Reason::Malformed), "{bad}");
    }
}

#[test]
fn audiences_are_one_string_or_several() {
    let aud = |value: &str| {
        claims(&format!(r#"{{"aud":{value}}}"#)).map(|claims| {
            claims
                .aud
                .unwrap()
                .iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(aud(r#""a""#), Ok(vec!["a".to_owned()]));
    assert_eq!(
        aud(r#"["a","b"]"#),
        Ok(vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(aud("[]"), Ok(vec![]));
    for bad in ["null", "1", "{}", "[1]", "[null]", "[[\"a\"]]", r#""a\n""#] {
        assert_eq!(aud(bad), Err(Reason::MalformedClaim), "{bad}");
    }
}

#[test]
fn what_decides_must_have_its_type_and_what_describes_may_be_null() {
    for bad in [
        r#"{"iss":null}"#,
        r#"{"iss":["a"]}"#,
        r#"{"iss":1}"#,
        r#"{"sub":1}"#,
        r#"{"jti":{}}"#,
        r#"{"nbf":"0"}"#,
    ] {
        assert_eq!(claims(bad).err(), Some(Reason::MalformedClaim), "{bad}");
    }
    let nulls = r#"{"sid":null,"acr":null,"amr":null,"scope":null,"auth_time":null,"azp":null}"#;
    let read = claims(nulls).unwrap();
    assert!(
        read.sid.is_none() && read.acr.is_none() && read.scope.is_none() && read.client().is_none()
    );
    assert_eq!(
        claims(r#"{"cid":"okta","azp":null}"#).unwrap().client(),
        Some("okta")
    );
    assert!(claims(r#"{"cnf":{"jkt":"x"}}"#).unwrap().cnf);
}

#[test]
fn an_array_is_not_read_as_an_object() {
    assert_eq!(
        claims(r#"["https://idp","sub"]"#).err(),
        Some(Reason::Malformed)
    );
    assert_eq!(header(r#"["RS256"]"#).err(), Some(Reason::Malformed));
}

//! Rows 20 and 21: JSON that two readers could read differently. All of it under a valid signature.

use portcullis_auth::Reason;
use portcullis_core::Clock;

use crate::stand::{AUDIENCE, ISSUER, Stand};

/// The members of a good header and of good claims, as text.
fn good(stand: &Stand) -> (String, String) {
    let kid = stand.key.kid().expect("a kid");
    let exp = stand.clock.wall().as_secs() + 300;
    (
        format!(r#""alg":"ES256","kid":"{kid}""#),
        format!(r#""iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","exp":{exp}"#),
    )
}

async fn refuses_header(stand: &Stand, header: &str) {
    let (_, claims) = good(stand);
    let token = stand
        .key
        .sign_raw(header.as_bytes(), format!("{{{claims}}}").as_bytes());
    stand.refuses(&token, Reason::Malformed).await;
}

async fn refuses_claims(stand: &Stand, claims: &str) {
    let (header, _) = good(stand);
    let token = stand
        .key
        .sign_raw(format!("{{{header}}}").as_bytes(), claims.as_bytes());
    stand.refuses(&token, Reason::Malformed).await;
}

/// With these members more, whichever part they are in, the token is refused.
async fn refuses_members(stand: &Stand, members: &str) {
    let (header, claims) = good(stand);
    for part in [
        format!("{{{members},{header}}}"),
        format!("{{{header},{members}}}"),
    ] {
        refuses_header(stand, &part).await;
    }
    for part in [
        format!("{{{members},{claims}}}"),
        format!("{{{claims},{members}}}"),
    ] {
        refuses_claims(stand, &part).await;
    }
}

/// With these members more the token is as good as without.
async fn admits_members(stand: &Stand, members: &str) {
    let (header, claims) = good(stand);
    let token = stand.key.sign_raw(
        format!("{{{header},{members}}}").as_bytes(),
        format!("{{{claims},{members}}}").as_bytes(),
    );
    stand.admits(&token).await;
}

#[tokio::test]
async fn row_20_a_member_that_is_there_twice_is_refused() {
    let stand = Stand::new();
    let (header, claims) = good(&stand);
    for twin in [
        r#""alg":"ES256""#,
        r#""alg":"none""#,
        r#""kid":"other""#,
        r#""typ":"JWT","typ":"JWT""#,
        r#""crit":["x"],"crit":["x"]"#,
        // An escape does not hide the name, nor does a value that is the same or nothing.
        r#""\u0061lg":"none""#,
        r#""al\u0067":"ES256""#,
        r#""kid":null"#,
    ] {
        refuses_header(&stand, &format!("{{{header},{twin}}}")).await;
        refuses_header(&stand, &format!("{{{twin},{header}}}")).await;
    }
    for twin in [
        r#""exp":99999999999"#,
        r#""\u0065xp":99999999999"#,
        r#""iss":"https://evil.example.com""#,
        r#""i\u0073s":"https://idp.example.com""#,
        r#""aud":["https://api.example.com"]"#,
        r#""sub":"root""#,
        r#""sub":null"#,
    ] {
        refuses_claims(&stand, &format!("{{{claims},{twin}}}")).await;
        refuses_claims(&stand, &format!("{{{twin},{claims}}}")).await;
    }
}

#[tokio::test]
async fn row_20_a_nested_or_unknown_member_that_is_there_twice_is_refused_too() {
    let stand = Stand::new();
    for members in [
        r#""x":1,"x":1"#,
        r#""x":1,"\u0078":2"#,
        r#""":1,"":2"#,
        r#""a":{"b":1,"b":2}"#,
        r#""a":[{"b":1},{"b":1,"c":2,"b":3}]"#,
        r#""a":{"b":{"c":[{"d":1,"d":1}]}}"#,
        r#""a":"b","a":{"a":"a"}"#,
    ] {
        refuses_members(&stand, members).await;
    }
    for members in [
        r#""x":1,"X":2"#,
        r#""a":{"a":{"a":1}},"b":["a","a","b","b"]"#,
        r#""a":[{"b":1},{"b":1}]"#,
        r#""x":"x","y":"x""#,
    ] {
        admits_members(&stand, members).await;
    }
}

#[tokio::test]
async fn row_21_json_deeper_than_32_is_refused() {
    let stand = Stand::new();
    let arrays = |depth: usize| format!(r#""x":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    let objects =
        |depth: usize| format!(r#""x":{}1{}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth));
    // The object round it is the first of 32.
    admits_members(&stand, &arrays(31)).await;
    admits_members(&stand, &objects(31)).await;
    for depth in [32, 33, 127, 128, 129, 600] {
        refuses_members(&stand, &arrays(depth)).await;
        refuses_members(&stand, &objects(depth)).await;
    }
    // Never closed.
    let (_, claims) = good(&stand);
    refuses_claims(&stand, &format!("{{{claims},\"x\":{}", "[".repeat(2_000))).await;
}

#[tokio::test]
async fn row_21_more_than_256_members_are_refused() {
    let stand = Stand::new();
    let (header, claims) = good(&stand);
    let wide = |count: usize| {
        let members: Vec<String> = (0..count).map(|n| format!("\"{n}\":0")).collect();
        members.join(",")
    };
    let count = |members: &str| members.matches("\":").count();
    let signed = |header: &str, claims: &str| {
        let (header, claims) = (format!("{{{header}}}"), format!("{{{claims}}}"));
        stand.key.sign_raw(header.as_bytes(), claims.as_bytes())
    };
    let room = 256 - count(&claims);
    stand
        .admits(&signed(&header, &format!("{claims},{}", wide(room))))
        .await;
    refuses_claims(&stand, &format!("{{{claims},{}}}", wide(room + 1))).await;
    let room = 256 - count(&header);
    stand
        .admits(&signed(&format!("{header},{}", wide(room)), &claims))
        .await;
    refuses_header(&stand, &format!("{{{header},{}}}", wide(room + 1))).await;
    // Those of nested objects count, those of arrays do not.
    refuses_members(
        &stand,
        &format!("\"a\":{{{}}},\"b\":[{{{}}}]", wide(128), wide(128)),
    )
    .await;
    admits_members(&stand, &format!("\"a\":[{}]", vec!["0"; 1_000].join(","))).await;
}

#[tokio::test]
async fn row_21_what_is_no_object_is_refused() {
    let stand = Stand::new();
    for text in [
        "",
        " ",
        "null",
        "true",
        "7",
        "\"text\"",
        "[]",
        "[{}]",
        r#"["https://idp.example.com","alice"]"#,
        "{}{}",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":NaN}",
        "{\"a\":01}",
        "\u{feff}{}",
    ] {
        let (header, claims) = good(&stand);
        if !text.is_empty() {
            refuses_header(&stand, text).await;
            refuses_claims(&stand, text).await;
        }
        let spoilt = text.trim_start_matches('{');
        refuses_header(&stand, &format!("{{{header}}}{spoilt}x")).await;
        refuses_claims(&stand, &format!("{{{claims}}}{spoilt}x")).await;
    }
}

#[tokio::test]
async fn row_21_nul_half_pairs_and_private_names_are_refused() {
    let stand = Stand::new();
    for members in [
        r#""x":"\u0000""#,
        r#""x\u0000":1"#,
        r#""x":"\ud800""#,
        r#""x":"\udc00""#,
        r#""x":"\ud800\u0041""#,
        r#""x":"\udc00\ud800""#,
        r#""x":["a",{"b":"\uDFFF"}]"#,
        r#""$serde_json::private::Number":"1""#,
        r#""$serde_json::private::RawValue":"{}""#,
        r#""x":{"\u0024serde_json::private::RawValue":"{}"}"#,
    ] {
        refuses_members(&stand, members).await;
    }
    for members in [
        r#""x":"\ud83d\ude00""#,
        r#""x":"\u0001\u001f""#,
        r#""x":"\\u0000""#,
        r#""x":"$serde_json::private::Number""#,
    ] {
        admits_members(&stand, members).await;
    }
    let (header, claims) = good(&stand);
    for bytes in [
        &b"\xff"[..],
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\x00",
        b"\xfe\xff\x00{",
    ] {
        let spoil =
            |members: &str| [b"{", members.as_bytes(), b",\"x\":\"", bytes, b"\"}"].concat();
        let plain = |members: &str| format!("{{{members}}}").into_bytes();
        for (header, claims) in [
            (spoil(&header), plain(&claims)),
            (plain(&header), spoil(&claims)),
        ] {
            let token = stand.key.sign_raw(&header, &claims);
            stand.refuses(&token, Reason::Malformed).await;
        }
    }
}

//! Arbitrary bytes against the facts that must hold for every `tracestate`.

use http::{HeaderMap, HeaderValue};

use super::{TraceState, carry, list};
use crate::codec::names::TRACESTATE;

/// Reads `data` as the lines of a `tracestate` and checks what is handed on.
///
/// # Panics
/// Something is handed on that is no good list, is too long, or was not in the input.
pub fn fuzz_tracestate(data: &[u8]) {
    let lines: Vec<_> = data.split(|&byte| byte == b'\n').collect();
    let headers = headers(&lines);
    let all = carry(&headers, usize::MAX);
    for most in [0, 64, 512, 2048] {
        let Some(value) = carry(&headers, most) else {
            continue;
        };
        let whole = all.as_ref().expect("a part of something");
        assert!(!value.is_empty() && value.len() <= most);
        assert_eq!(whole.len() <= most, value == *whole);
        check(&value, &lines);
    }
    if let Some(value) = all {
        check(&value, &lines);
        with_one_more(&value);
    }
}

fn check(value: &HeaderValue, lines: &[&[u8]]) {
    let text = value.to_str().expect("visible text");
    let state = TraceState::parse(value.as_bytes()).expect("a good list");
    assert_eq!(state.to_string(), text);
    assert_eq!(state.to_header_value().as_ref(), Some(value));

    let again = carry(&headers(&[value.as_bytes()]), usize::MAX).expect("a good list");
    assert_eq!(again.as_bytes(), value.as_bytes());

    let given: Vec<_> = lines.iter().flat_map(|line| list::members(line)).collect();
    assert!(state.iter().count() <= 32);
    for (key, value) in state.iter() {
        assert_eq!(state.get(key), Some(value), "a key twice");
        let member = format!("{key}={value}");
        assert!(given.contains(&member.as_bytes()), "{member:?} is new");
    }
}

fn with_one_more(value: &HeaderValue) {
    let state = TraceState::parse(value.as_bytes()).expect("a good list");
    let more = state.with("own@us", "1").expect("a good entry");
    assert_eq!(more.iter().next(), Some(("own@us", "1")));
    assert!(more.iter().count() <= 32);
    assert_eq!(TraceState::parse(more.to_string().as_bytes()), Ok(more));
}

fn headers(lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(&TRACESTATE, value);
        }
    }
    headers
}

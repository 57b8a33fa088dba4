//! Arbitrary bytes against the facts that must hold for every `baggage`.

use http::{HeaderMap, HeaderValue};

use super::{BAGGAGE, Baggage, MOST_BYTES, MOST_MEMBERS, carry, list, only};

/// Reads `data` as the lines of a `baggage` and checks what is handed on and what is read.
///
/// # Panics
/// Something exceeds the limits, was not in the input, or is lost without need.
pub fn fuzz_baggage(data: &[u8]) {
    let lines: Vec<_> = data.split(|&byte| byte == b'\n').collect();
    let headers = headers(&lines);
    let given: Vec<_> = headers
        .get_all(&BAGGAGE)
        .iter()
        .flat_map(|line| list::members(line.as_bytes()))
        .collect();
    let Some(value) = carry(&headers) else {
        assert!(given.iter().all(|member| member.len() > MOST_BYTES));
        return;
    };
    let carried: Vec<_> = list::members(value.as_bytes()).collect();
    assert!(value.len() <= MOST_BYTES);
    assert!((1..=MOST_MEMBERS).contains(&carried.len()));
    let mut given = given.into_iter();
    for member in &carried {
        assert!(given.any(|one| one == *member), "out of order, or new");
    }
    let again = carry(&self::headers(&[value.as_bytes()]));
    assert_eq!(again.as_ref(), Some(&value));

    read(&value, &carried);
}

fn read(value: &HeaderValue, carried: &[&[u8]]) {
    let mut baggage = Baggage::parse(value.as_bytes());
    let text = baggage.to_string();
    assert_eq!(Baggage::parse(text.as_bytes()), baggage);
    let sent = baggage.to_header_value();
    assert_eq!(
        sent.as_ref().map_or(&b""[..], HeaderValue::as_bytes),
        text.as_bytes()
    );
    assert!(list::members(text.as_bytes()).all(|member| carried.contains(&member)));
    assert!(baggage.len() <= carried.len());

    // Some of them, for this looks at everything for each.
    let keys = baggage.iter().map(|(key, ..)| key.to_owned());
    let keys: Vec<_> = keys.take(4).collect();
    for key in &keys {
        assert!(baggage.get(key).is_some());
        let some = only(value, std::slice::from_ref(key)).expect("a member of this key");
        assert!(list::members(some.as_bytes()).all(|member| carried.contains(&member)));
        assert_eq!(Baggage::parse(some.as_bytes()).get(key), baggage.get(key));
    }
    assert_eq!(only(value, &[]), None);

    let before = baggage.clone();
    let arbitrary = String::from_utf8_lossy(value.as_bytes());
    match baggage.insert("own", &arbitrary) {
        Ok(()) => assert_eq!(baggage.get("own"), Some(arbitrary)),
        Err(_) => assert_eq!(baggage, before),
    }
    assert!(baggage.to_string().len() <= MOST_BYTES && baggage.len() <= MOST_MEMBERS);
}

fn headers(lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(&BAGGAGE, value);
        }
    }
    headers
}

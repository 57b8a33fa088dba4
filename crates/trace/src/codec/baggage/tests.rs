use super::*;

fn headers<T: AsRef<[u8]>>(lines: &[T]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(&BAGGAGE, HeaderValue::from_bytes(line.as_ref()).unwrap());
    }
    headers
}

fn carried<T: AsRef<[u8]>>(lines: &[T]) -> Option<String> {
    let value = carry(&headers(lines))?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn numbered(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|n| format!("k{n}=v")).collect();
    members.join(",")
}

fn of_length(key: &str, length: usize) -> String {
    format!("{key}={}", "v".repeat(length - key.len() - 1))
}

fn shared(text: &str) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes::Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn is_same(from: &HeaderValue, to: &HeaderValue) -> bool {
    from.as_bytes().as_ptr() == to.as_bytes().as_ptr() && from == to
}

#[test]
fn a_header_within_the_limits_is_handed_on_without_a_copy_and_unread() {
    let longest = of_length("a", MOST_BYTES);
    for line in [
        "a=1",
        "a=1 , b=2;p;q=1,,",
        "not a baggage",
        "===",
        "k=%zz",
        &numbered(MOST_MEMBERS),
        &longest,
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(&BAGGAGE, shared(line));
        assert!(
            is_same(&headers[&BAGGAGE], &carry(&headers).unwrap()),
            "{line}"
        );
    }
    assert_eq!(carried(&[b"a=\xff"]).as_deref(), Some("a=\u{fffd}"));
}

#[test]
fn all_lines_are_handed_on_as_one() {
    for (lines, expected) in [
        (&["a=1", "b=2"][..], "a=1,b=2"),
        (&["a=1;p , b=2", "", " c=b=c;q=1 "], "a=1;p,b=2,c=b=c;q=1"),
        (&["a=1", "a=1"], "a=1,a=1"),
        (&["", "a"], "a"),
    ] {
        assert_eq!(carried(lines).as_deref(), Some(expected), "{lines:?}");
    }
}

#[test]
fn nothing_is_handed_on_of_nothing() {
    assert_eq!(carry(&HeaderMap::new()), None);
    for lines in [&[""][..], &[" ,\t, "], &["", ","]] {
        assert_eq!(carried(lines), None, "{lines:?}");
    }
}

#[test]
fn members_beyond_sixty_four_go_from_the_right() {
    assert_eq!(carried(&[numbered(65)]), Some(numbered(64)));
    assert_eq!(carried(&[numbered(64), numbered(9)]), Some(numbered(64)));
    let with_empty = format!(",{}", numbered(64).replace(',', ",,"));
    assert_eq!(carried(&[with_empty]), Some(numbered(64)));
}

#[test]
fn members_beyond_the_bytes_go_whole_and_from_the_right_but_never_all() {
    let (half, rest) = (of_length("a", 4096), of_length("b", 4095));
    let full = format!("{half},{rest}");
    assert_eq!(full.len(), MOST_BYTES);
    assert_eq!(carried(&[&half, &rest]), Some(full.clone()));
    assert_eq!(carried(&[format!("{half},{rest}v")]), Some(half.clone()));
    assert_eq!(
        carried(&[format!("{half},{rest}v,c=3")]),
        Some(half.clone())
    );
    assert_eq!(carried(&[format!("{half} , {rest}")]), Some(full));

    let too_long = of_length("x", MOST_BYTES + 1);
    assert_eq!(
        carried(&[format!("{too_long},c=3")]).as_deref(),
        Some("c=3")
    );
    assert_eq!(
        carried(&[format!("{half},{too_long},c=3")]),
        Some(format!("{half},c=3"))
    );
    assert_eq!(carried(&[too_long]), None);
}

#[test]
fn only_members_whose_key_is_listed_leave() {
    let keys = ["tenant".to_owned(), "a".to_owned()];
    for (line, expected) in [
        ("tenant=1;p=2,secret=3,a=b=c", Some("tenant=1;p=2,a=b=c")),
        (" tenant = 1 , secret=3", Some("tenant = 1")),
        ("secret=3", None),
        ("Tenant=1", None),
        ("tenant", None),
        ("tenant;p=1", None),
        ("xtenant=1,tenantx=1", None),
        ("secret=1;tenant=2", None),
        ("a=1,secret=2,a=3", Some("a=1,a=3")),
        ("", None),
        (",", None),
    ] {
        let value = only(&shared(line), &keys);
        assert_eq!(
            value.as_ref().map(|value| value.to_str().unwrap()),
            expected,
            "{line}"
        );
    }
    let all = shared("a=1,tenant=2;p");
    assert!(is_same(&all, &only(&all, &keys).unwrap()));
    assert_eq!(only(&all, &[]), None);
}

#[test]
fn values_are_read_as_they_were_meant() {
    for (line, value) in [
        ("k=v", Some("v")),
        ("k = v", Some("v")),
        ("k=", Some("")),
        ("k=b=c", Some("b=c")),
        ("k=dGVzdA==", Some("dGVzdA==")),
        ("k=a%20b", Some("a b")),
        ("k=%E2%82%AC", Some("\u{20ac}")),
        ("k=%ff", Some("\u{fffd}")),
        ("k=a%E2%82z", Some("a\u{fffd}z")),
        ("k=%zz%4", Some("%zz%4")),
        ("k=a+b", Some("a+b")),
        ("k=v;p;q=1", Some("v")),
        ("k=1,k=2", Some("2")),
        ("other=1", None),
        ("K=1", None),
        ("%6b=1", None),
    ] {
        let baggage = Baggage::parse(line.as_bytes());
        assert_eq!(baggage.get("k").as_deref(), value, "{line}");
    }
    // A key is not percent-encoded, even if it looks like it.
    let baggage = Baggage::parse(b"%6b=1,a%20b=2");
    assert_eq!(baggage.get("%6b").as_deref(), Some("1"));
    assert_eq!(baggage.get("a%20b").as_deref(), Some("2"));
}

#[test]
fn properties_are_kept_as_they_are() {
    let baggage = Baggage::parse(b"a=1;p;q=1, b=2 ; r = %20 ;s , c=3");
    let all: Vec<_> = baggage.iter().collect();
    assert_eq!(all[0], ("a", "1".into(), "p;q=1"));
    assert_eq!(all[1], ("b", "2".into(), " r = %20 ;s"));
    assert_eq!(all[2], ("c", "3".into(), ""));
    assert_eq!(baggage.to_string(), "a=1;p;q=1,b=2 ; r = %20 ;s,c=3");
}

#[test]
fn an_entry_that_cannot_be_read_is_passed_over() {
    for wrong in [
        "a", "=1", "a b=1", "a@b=1", "k=a b", "k=\"a\"", "k=a\\b", "k=\u{e9}", "k=1;", "k=1;;p",
        "k=1;=2", "k=1;p q", "k;p=1",
    ] {
        let line = format!("first=1,{wrong},last=2");
        let baggage = Baggage::parse(line.as_bytes());
        assert_eq!(baggage.to_string(), "first=1,last=2", "{wrong}");
    }
    assert_eq!(Baggage::parse(b"k=\xff,a=1").to_string(), "a=1");
}

#[test]
fn what_is_read_keeps_the_limits() {
    assert_eq!(
        Baggage::parse(numbered(65).as_bytes()).to_string(),
        numbered(64)
    );
    let half = of_length("a", 5000);
    let both = format!("{half},{}", half.replace("a=", "b="));
    assert_eq!(Baggage::parse(both.as_bytes()).to_string(), half);

    // Whatever is not read costs nothing, wherever it is cut.
    for extra in 0..6 {
        let padding = " ".repeat(typed::MOST_READ - 6 + extra);
        let text = format!("a=1,{padding}b=22,c=3");
        let read = Baggage::parse(text.as_bytes()).to_string();
        assert!(["a=1", "a=1,b=22"].contains(&&*read), "{read}");
    }
    let endless = "v".repeat(100_000);
    assert!(Baggage::parse(endless.as_bytes()).is_empty());
    assert!(Baggage::parse(format!("a={endless}").as_bytes()).is_empty());
}

#[test]
fn an_entry_goes_last_and_its_value_is_encoded() {
    let mut baggage = Baggage::parse(b"a=1;p,b=2,a=3");
    baggage.insert("a", "x, y;=\"\\%\u{20ac}\n").unwrap();
    assert_eq!(
        baggage.to_string(),
        "b=2,a=x%2C%20y%3B%3D%22%5C%25%E2%82%AC%0A"
    );
    assert_eq!(baggage.get("a").as_deref(), Some("x, y;=\"\\%\u{20ac}\n"));
    baggage.remove("b");
    baggage.insert("c", "").unwrap();
    assert_eq!(baggage.len(), 2);
    assert_eq!(baggage.get("c").as_deref(), Some(""));
}

#[test]
fn an_entry_that_does_not_go_in_changes_nothing() {
    let mut baggage = Baggage::parse(numbered(64).as_bytes());
    for key in ["", "a b", "a=b", "a,b", "\u{e9}", "a@b", "a;b"] {
        assert_eq!(baggage.insert(key, "1"), Err(BadBaggage::Key), "{key}");
    }
    assert_eq!(baggage.insert("more", "1"), Err(BadBaggage::Full));
    assert_eq!(
        baggage.insert("k0", &" ".repeat(4000)),
        Err(BadBaggage::Full)
    );
    assert_eq!(
        baggage.insert("k0", &"v".repeat(9000)),
        Err(BadBaggage::Full)
    );
    assert_eq!(baggage.to_string(), numbered(64));
    baggage.insert("k0", "1").unwrap();
    assert_eq!(baggage.len(), 64);

    let mut baggage = Baggage::default();
    baggage.insert("a", &"v".repeat(MOST_BYTES - 2)).unwrap();
    assert_eq!(baggage.to_string().len(), MOST_BYTES);
}

#[test]
fn an_empty_baggage_sends_nothing() {
    for baggage in [
        Baggage::default(),
        Baggage::parse(b" , "),
        Baggage::parse(b"?"),
    ] {
        assert!(baggage.is_empty());
        assert_eq!((baggage.len(), baggage.to_header_value()), (0, None));
    }
    let baggage = Baggage::parse(b"a=1");
    assert_eq!(baggage.to_header_value().unwrap(), "a=1");
}

#[test]
fn debugging_shows_no_value_and_no_key() {
    let baggage = Baggage::parse(b"user=alice,tenant=blue");
    assert_eq!(format!("{baggage:?}"), "Baggage { len: 2, .. }");
}

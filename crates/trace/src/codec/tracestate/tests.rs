use super::*;

pub(super) const MOST: usize = 2048;

pub(super) fn headers<T: AsRef<[u8]>>(lines: &[T]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(&TRACESTATE, HeaderValue::from_bytes(line.as_ref()).unwrap());
    }
    headers
}

pub(super) fn carried<T: AsRef<[u8]>>(lines: &[T], most: usize) -> Option<String> {
    let value = carry(&headers(lines), most)?;
    Some(value.to_str().unwrap().to_owned())
}

fn numbered(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|n| format!("k{n}=v")).collect();
    members.join(",")
}

#[test]
fn a_good_header_is_handed_on_without_a_copy() {
    let longest = format!("{}={}", "k".repeat(256), "v".repeat(256));
    for line in ["a=1", "foo=1,bar=2", &longest, &numbered(32), "a= lead"] {
        // What comes from the network is shared, and so is its copy.
        let mut headers = HeaderMap::new();
        let shared = bytes::Bytes::copy_from_slice(line.as_bytes());
        let value = HeaderValue::from_maybe_shared(shared).unwrap();
        headers.insert(&TRACESTATE, value);
        let carried = carry(&headers, MOST).unwrap();
        let (from, to) = (headers[&TRACESTATE].as_bytes(), carried.as_bytes());
        assert_eq!((from.as_ptr(), from), (to.as_ptr(), to));
    }
}

#[test]
fn lines_are_joined_in_order() {
    for (lines, expected) in [
        (&["a=1", "b=2"][..], "a=1,b=2"),
        (&["a=1,b=2", "c=3", "d=4"], "a=1,b=2,c=3,d=4"),
        (&["b=2", "", "a=1"], "b=2,a=1"),
        (&["", " \t", "a=1"], "a=1"),
    ] {
        assert_eq!(carried(lines, MOST).as_deref(), Some(expected), "{lines:?}");
    }
}

#[test]
fn blanks_around_members_and_empty_members_go() {
    for (line, expected) in [
        ("a=1 , b=2", "a=1,b=2"),
        ("a=1\t,\tb=2", "a=1,b=2"),
        (" a=1 ", "a=1"),
        ("a=1,,b=2", "a=1,b=2"),
        (",a=1,", "a=1"),
        (", \t ,a=1, ,", "a=1"),
        ("a=1,  ", "a=1"),
        ("a= 1 ", "a= 1"),
    ] {
        assert_eq!(
            carried(&[line], MOST).as_deref(),
            Some(expected),
            "{line:?}"
        );
    }
}

#[test]
fn nothing_is_handed_on_of_nothing() {
    assert_eq!(carry(&HeaderMap::new(), MOST), None);
    for lines in [&[""][..], &[" "], &[","], &["", ""], &[" ,\t,", ","]] {
        assert_eq!(carried(lines, MOST), None, "{lines:?}");
    }
}

#[test]
fn keys_of_level_two_are_keys() {
    for key in [
        "foo@",
        "a@@b",
        "a",
        "0",
        "0a",
        "9@9",
        "a_-*/@",
        "tenant@vendor",
    ] {
        let line = format!("{key}=1");
        assert_eq!(carried(&[&line], MOST), Some(line));
    }
    let longest = format!("{}=1", "k".repeat(256));
    assert_eq!(carried(&[&longest], MOST), Some(longest));
}

#[test]
fn whatever_is_no_key_drops_all() {
    let long = "k".repeat(257);
    for key in [
        "@a", "A", "aB", "a.b", "a ", "a\t", "_a", "-a", "*a", "/a", "", "a b", "a;b", "a:b",
        "\u{e9}", &long,
    ] {
        for lines in [
            vec![format!("{key}=1")],
            vec![format!("ok=1,{key}=1")],
            vec![format!("{key}=1"), "ok=1".to_owned()],
            vec!["ok=1".to_owned(), format!("{key}=1")],
        ] {
            assert_eq!(carried(&lines, MOST), None, "{lines:?}");
        }
    }
}

#[test]
fn values_of_every_visible_character_are_values() {
    let visible: String = (' '..='~').filter(|one| !",=".contains(*one)).collect();
    for value in ["1", "a b", "  lead", "\"", ";", "a:b;c", visible.as_str()] {
        let line = format!("a={value}");
        assert_eq!(carried(&[&line], MOST), Some(line));
    }
}

#[test]
fn whatever_is_no_value_drops_all() {
    let long = "v".repeat(257);
    for value in [
        "", " ", "\t", "a=b", "=", "a\tb", "\u{e9}", "a\u{a0}", &long,
    ] {
        for lines in [
            vec![format!("foo={value}")],
            vec![format!("ok=1,foo={value},b=2")],
        ] {
            assert_eq!(carried(&lines, MOST), None, "{lines:?}");
        }
    }
    assert_eq!(carried(&["foo"], MOST), None);
    assert_eq!(carried(&["ok=1,foo"], MOST), None);
    // Bytes that are no text at all.
    assert_eq!(carried(&[b"a=\xff"], MOST), None);
}

#[test]
fn more_than_thirty_two_members_drop_all() {
    assert_eq!(carried(&[numbered(32)], MOST), Some(numbered(32)));
    assert_eq!(carried(&[numbered(33)], MOST), None);
    assert_eq!(carried(&[numbered(32), "one=more".to_owned()], MOST), None);
    // One that would be dropped for its key is a member too; an empty one is none.
    assert_eq!(carried(&[numbered(32), "k0=v".to_owned()], MOST), None);
    let with_empty = format!(",, ,{},,", numbered(32));
    assert_eq!(carried(&[with_empty], MOST), Some(numbered(32)));
}

#[test]
fn the_first_of_a_key_is_kept() {
    for (lines, expected) in [
        (&["foo=1,foo=2"][..], "foo=1"),
        (&["foo=1,foo=1"], "foo=1"),
        (&["foo=1", "foo=2"], "foo=1"),
        (&["foo=1,bar=2", "foo=3,baz=4"], "foo=1,bar=2,baz=4"),
        (&["foo=1,foo@=2"], "foo=1,foo@=2"),
    ] {
        assert_eq!(carried(lines, MOST).as_deref(), Some(expected), "{lines:?}");
    }
    assert_eq!(carried(&["foo=1,foo=\t"], MOST), None);
}

#[test]
fn beyond_the_limit_long_members_go_first_and_then_the_last() {
    let of = |key: &str, length: usize| format!("{key}={}", "v".repeat(length - key.len() - 1));
    let (long, long2, short) = (of("l", 129), of("m", 200), of("s", 128));
    let list = format!("a=1,{long},{short},{long2},z=9");
    for (most, expected) in [
        (list.len(), list.clone()),
        (list.len() - 1, format!("a=1,{long},{short},z=9")),
        (266, format!("a=1,{long},{short},z=9")),
        (265, format!("a=1,{short},z=9")),
        (136, format!("a=1,{short},z=9")),
        (135, format!("a=1,{short}")),
        (131, "a=1".to_owned()),
        (3, "a=1".to_owned()),
    ] {
        assert_eq!(carried(&[&list], most), Some(expected), "{most}");
    }
    assert_eq!(carried(&[&list], 2), None);
    assert_eq!(carried(&[&list], 0), None);
    // At the least 512 bytes go on at the usual limit, whatever they are.
    let full = format!("{},{}", of("a", 255), of("b", 256));
    assert_eq!(carried(&[&full], MOST), Some(full));
}

#[test]
fn one_s_own_entry_goes_left_and_its_old_one_goes() {
    let state = TraceState::parse(b"a=1,own=old,b=2").unwrap();
    assert_eq!(
        state.with("own", "new").unwrap().to_string(),
        "own=new,a=1,b=2"
    );
    assert_eq!(
        state.with("c", " 3").unwrap().to_string(),
        "c= 3,a=1,own=old,b=2"
    );
    assert_eq!(
        TraceState::default().with("a", "1").unwrap().to_string(),
        "a=1"
    );

    let full: TraceState = numbered(32).parse().unwrap();
    let more = full.with("own", "1").unwrap();
    assert_eq!(more.to_string(), format!("own=1,{}", numbered(31)));
    let same = full.with("k31", "w").unwrap();
    assert_eq!(same.to_string(), format!("k31=w,{}", numbered(31)));
}

#[test]
fn an_entry_that_is_none_is_refused() {
    let state = TraceState::parse(b"a=1").unwrap();
    for key in ["", "A", "@a", "a.b", "a,b", "a=b", " a", &"k".repeat(257)] {
        assert_eq!(state.with(key, "1"), Err(BadTraceState::Key), "{key:?}");
    }
    for value in [
        "",
        " ",
        "a ",
        "a=",
        "a,b",
        "a\n",
        "\u{e9}",
        &"v".repeat(257),
    ] {
        assert_eq!(
            state.with("b", value),
            Err(BadTraceState::Value),
            "{value:?}"
        );
    }
}

#[test]
fn a_state_is_read_or_says_why_not() {
    for (text, why) in [
        ("A=1", BadTraceState::Key),
        ("=1", BadTraceState::Key),
        ("a", BadTraceState::Value),
        ("a=", BadTraceState::Value),
        ("a=b=c", BadTraceState::Value),
        (&numbered(33), BadTraceState::Members),
    ] {
        assert_eq!(TraceState::parse(text.as_bytes()), Err(why), "{text}");
    }
    let state: TraceState = " a=1,,b= 2,a=3".parse().unwrap();
    assert_eq!(state.to_string(), "a=1,b= 2");
    assert_eq!(
        (state.get("a"), state.get("b"), state.get("c")),
        (Some("1"), Some(" 2"), None)
    );
    assert_eq!(state.iter().collect::<Vec<_>>(), [("a", "1"), ("b", " 2")]);
    assert_eq!(state.to_header_value().unwrap(), "a=1,b= 2");
}

#[test]
fn an_empty_state_sends_nothing() {
    for state in [TraceState::default(), TraceState::parse(b" , ").unwrap()] {
        assert!(state.is_empty());
        assert_eq!(state.iter().count(), 0);
        assert_eq!(state.to_header_value(), None);
    }
}

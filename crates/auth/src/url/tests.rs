use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> String {
    let url = HttpUrl::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    url.to_string()
}

#[test]
fn a_url_is_brought_into_its_normal_form() {
    for (text, normal) in [
        ("https://id.example", "https://id.example/"),
        ("HTTPS://ID.Example/Keys", "https://id.example/Keys"),
        ("https://id.example?a=b", "https://id.example/?a=b"),
        ("https://id.example:443/", "https://id.example/"),
        ("https://id.example:/", "https://id.example/"),
        ("https://id.example:80/", "https://id.example:80/"),
        ("http://id.example:80/", "http://id.example/"),
        ("http://id.example:08080/", "http://id.example:8080/"),
        ("https://id.example/a/./b/../c", "https://id.example/a/c"),
        ("https://id.example/../a/..", "https://id.example/"),
        ("https://id.example/a//../b/.", "https://id.example/a/b/"),
        ("https://id.example/?x=/../", "https://id.example/?x=/../"),
        ("https://[0:0::1]:8443/", "https://[::1]:8443/"),
        ("https://127.0.0.1/", "https://127.0.0.1/"),
        (
            "https://xn--bcher-kva.example/%C3%BC",
            "https://xn--bcher-kva.example/%C3%BC",
        ),
        ("http://my_idp.svc./", "http://my_idp.svc./"),
        ("http://3f2a41:8080/", "http://3f2a41:8080/"),
    ] {
        assert_eq!(parse(text), normal, "{text}");
    }
}

#[test]
fn what_is_no_url_of_the_web_is_refused() {
    use UrlFault::{Form, Fragment, Scheme, UserInfo};
    for (text, fault) in [
        ("", Form),
        ("id.example", Form),
        ("//id.example/", Form),
        ("/keys", Form),
        ("https:/id.example/", Form),
        ("https://", Form),
        ("https:///keys", Form),
        ("https://:443/", Form),
        ("https://.example/", Form),
        ("https://id..example/", Form),
        ("https://id.example../", Form),
        ("https://id.example:https/", Form),
        ("https://id.example:+80/", Form),
        ("https://id.example:65536/", Form),
        ("https://id.example:80:80/", Form),
        ("https://[::1/", Form),
        ("https://[::1]x/", Form),
        ("https://[id.example]/", Form),
        ("https://[fe80::1%25eth0]/", Form),
        ("https://::1/", Form),
        ("https://1.2.3/", Form),
        ("https://0x7f.0x1/", Form),
        ("https://id.256/", Form),
        ("https://id%2eexample/", Form),
        ("https://bücher.example/", Form),
        ("https://id.example/ü", Form),
        ("https://id.example/a b", Form),
        (" https://id.example/", Form),
        ("https://id.example/\n", Form),
        ("https://id.example\\@evil.example/", Form),
        ("https://id.example/{tenant}", Form),
        ("https://id.example/%", Form),
        ("https://id.example/%4", Form),
        ("https://id.example/%4g", Form),
        ("1https://id.example/", Form),
        ("ftp://id.example/", Scheme),
        ("file:///etc/keys", Scheme),
        ("wss://id.example/", Scheme),
        ("https://me@id.example/", UserInfo),
        ("https://me:secret@id.example/", UserInfo),
        ("https://@id.example/", UserInfo),
        ("https://id.example/keys#", Fragment),
        ("https://id.example#keys", Fragment),
    ] {
        assert_eq!(HttpUrl::parse(text), Err(fault), "{text}");
    }
    let long = format!("https://id.example/{}", "a".repeat(1 << 16));
    assert_eq!(HttpUrl::parse(&long), Err(Form));
}

/// RFC 3986 section 5.4, without what has a fragment or leads to another scheme.
#[test]
fn references_lead_where_the_standard_says() {
    let base = HttpUrl::parse("http://a/b/c/d;p?q").unwrap();
    for (reference, target) in [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        (";x", "http://a/b/c/;x"),
        ("g;x", "http://a/b/c/g;x"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        (".g", "http://a/b/c/.g"),
        ("g..", "http://a/b/c/g.."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/./x", "http://a/b/c/g?y/./x"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("http://other/g", "http://other/g"),
        ("https://other", "https://other/"),
    ] {
        let joined = base.join(reference).map(|url| url.to_string());
        assert_eq!(joined.as_deref(), Ok(target), "{reference:?}");
    }
    for (reference, fault) in [
        ("g:h", UrlFault::Form),
        ("http:g", UrlFault::Form),
        ("#s", UrlFault::Fragment),
        ("g?y#s", UrlFault::Fragment),
        ("//me@g", UrlFault::UserInfo),
        ("ftp://g/", UrlFault::Scheme),
        ("g h", UrlFault::Form),
        ("\\\\g", UrlFault::Form),
    ] {
        assert_eq!(base.join(reference), Err(fault), "{reference:?}");
    }
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let from = HttpUrl::parse("https://id.example/a").unwrap();
    for (other, same) in [
        ("https://id.example/b?c", true),
        ("https://ID.example:443/", true),
        ("http://id.example/a", false),
        ("http://id.example:443/a", false),
        ("https://id.example:8443/a", false),
        ("https://id.example./a", false),
        ("https://a.id.example/a", false),
    ] {
        let other = HttpUrl::parse(other).unwrap();
        assert_eq!(from.is_same_origin(&other), same, "{other}");
    }
}

#[test]
fn another_path_drops_the_query_and_keeps_the_place() {
    let url = HttpUrl::parse("http://[::1]:8080/a/b?c").unwrap();
    let other = url.with_path("/d").unwrap();
    assert_eq!(other.to_string(), "http://[::1]:8080/d");
    assert!(other.is_loopback() && other.is_same_origin(&url));
    for path in ["", "0/", "@evil.example/", "?d"] {
        assert_eq!(url.with_path(path), Err(UrlFault::Form), "{path}");
    }
}

/// Texts made of what URLs are made of.
fn nearly_a_url() -> impl Strategy<Value = String> {
    "(https?|HTTP|ftp|)(://|:|//|)([a-zA-Z0-9.\\[\\]@_-]|%[0-9a-f]{2}){0,12}(:[0-9]{0,6})?([/?#.a-z%é:@]|\\.\\./|%2e){0,16}"
}

proptest! {
    #[test]
    fn what_is_in_normal_form_stays(text in nearly_a_url()) {
        if let Ok(url) = HttpUrl::parse(&text) {
            prop_assert_eq!(HttpUrl::parse(&url.to_string()), Ok(url.clone()));
            prop_assert!(url.path().starts_with('/'));
            prop_assert_eq!(url.join(""), Ok(url));
        }
    }

    #[test]
    fn only_a_reference_with_a_place_of_its_own_leaves(text in nearly_a_url()) {
        let base = HttpUrl::parse("https://id.example/a/b?c").unwrap();
        if let Ok(joined) = base.join(&text) {
            let own_place = text.starts_with("//") || text.contains("://");
            prop_assert!(own_place || joined.is_same_origin(&base), "{} to {}", text, joined);
        }
    }

    #[test]
    fn any_text_is_answered(text in ".{0,64}", path in ".{0,16}") {
        let base = HttpUrl::parse("https://id.example/").unwrap();
        let _ = (HttpUrl::parse(&text), base.join(&text), base.with_path(&path));
    }
}

//! JSON of any shape, near what a token holds.

use portcullis_auth::fuzz::{AUDIENCE, CLIENT, ISSUER, NOW};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Any JSON value, with texts and numbers among it that mean something in a token.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let now = NOW.as_secs();
    let meaningful = prop::sample::select(vec![
        json!(ISSUER),
        json!(AUDIENCE),
        json!(CLIENT),
        json!([AUDIENCE, "other"]),
        json!("HS256"),
        json!("none"),
        json!("JWT"),
        json!("at+jwt"),
        json!("application/at+jwt"),
        json!("dpop+jwt"),
        json!("orders:read orders:write"),
        json!(["a", "b"]),
        json!(["a", ["b"]]),
        json!([["b"], {"roles": "b"}]),
        json!({"roles": ["admin", 7]}),
        json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        json!(["http://schemas.openid.net/event/backchannel-logout"]),
        json!("a\u{7}b"),
        json!(""),
        json!([]),
        json!({}),
        json!(-1),
        json!(-0.0),
        json!(0),
        json!(now - 3_631),
        json!(now - 3_630),
        json!(now - 30),
        json!(now - 29),
        json!(now),
        json!(now + 30),
        json!(now + 31),
        json!((now + 30) as f64 + 0.5),
        json!((now - 30) as f64 + 0.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1.8e19),
        json!(1e300),
    ]);
    let leaf = prop_oneof![
        8 => meaningful,
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        2 => any::<String>().prop_map(Value::from),
        1 => "[ -~]{0,300}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A time near those at which something changes.
fn date() -> impl Strategy<Value = Value> {
    let now = NOW.as_secs();
    let near = prop::sample::select(vec![now - 3_630, now - 30, now, now + 30]);
    prop_oneof![
        3 => (near.clone(), -2..=2_i64).prop_map(|(at, off)| json!(at.saturating_add_signed(off))),
        1 => (near, 0.0..1.0_f64).prop_map(|(at, part)| json!(at as f64 + part)),
    ]
}

/// Members of which some replace, and some take away, those of `good`.
fn changed(good: Value, names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        6 => prop::sample::select(names).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let dated = prop::sample::select(vec!["exp", "nbf", "iat"]).prop_map(str::to_owned);
    let change = prop_oneof![
        3 => (name, prop::option::weighted(0.8, value())),
        1 => (dated, date().prop_map(Some)),
    ];
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut members: Map<String, Value> = good.as_object().cloned().unwrap_or_default();
        for (name, value) in changes {
            match value {
                Some(value) => members.insert(name, value),
                None => members.remove(&name),
            };
        }
        Value::Object(members)
    })
}

/// A header near a good one.
pub(crate) fn header() -> impl Strategy<Value = Value> {
    let good = json!({"alg": "HS256", "typ": "at+jwt"});
    changed(
        good,
        &[
            "alg", "typ", "cty", "kid", "crit", "b64", "zip", "enc", "jku", "jwk", "x5c", "x5u",
        ],
    )
}

/// Claims near good ones.
pub(crate) fn claims() -> impl Strategy<Value = Value> {
    changed(good_claims(), CLAIMS)
}

/// Every registered claim.
pub(crate) const CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "client_id",
    "azp",
    "appid",
    "cid",
    "scope",
    "scp",
    "acr",
    "amr",
    "auth_time",
    "cnf",
    "events",
    "roles",
    "realm_access",
];

/// Claims that every verifier of [`verifiers`](portcullis_auth::fuzz::verifiers) takes.
pub(crate) fn good_claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": NOW.as_secs() + 300,
        "iat": NOW.as_secs(),
        "jti": "1",
        "client_id": CLIENT,
        "scope": "orders:read",
    })
}

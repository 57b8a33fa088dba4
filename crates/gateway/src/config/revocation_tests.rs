//! `[store]`, `[revocation]`, and what routes say of them.

use std::fs;

use super::*;

const REST: &str = "[server]\nlisten = '127.0.0.1:1'\n\
    [[issuer]]\nurl = 'https://idp.example.com'\naudiences = ['api']\n";
const ROUTE: &str = "[[route]]\npath = '/'\nupstream = ['http://127.0.0.1:2']\n";

fn said(text: &str) -> Vec<String> {
    let error = match Config::parse(&format!("{REST}{text}")) {
        Ok(_) => return Vec::new(),
        Err(error) => error,
    };
    let problems = error.problems();
    problems
        .map(|problem| format!("{} {}", problem.path, problem.message))
        .collect()
}

/// A file with a secret, in a folder that is there as long as it is held.
fn secret(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    (folder, file)
}

#[test]
fn in_one_process_nothing_needs_to_be_said() {
    let config = Config::parse(&format!("{REST}{ROUTE}[revocation]\n")).unwrap();
    let section = config.revocation.unwrap();
    assert_eq!(config.store, Store::Memory);
    assert_eq!(section.max_age, Duration::from_secs(15));
    assert_eq!((section.secret, section.on_stale), (None, None));
    assert!(
        Config::parse(&format!("{REST}{ROUTE}"))
            .unwrap()
            .revocation
            .is_none()
    );
}

#[test]
fn a_shared_store_demands_a_secret_and_a_word_about_its_outages() {
    let store = "[store]\nurl = 'redis://redis.internal'\n";
    assert_eq!(
        said(&format!("{ROUTE}{store}[revocation]\n")),
        [
            "revocation.secret is missing, and the store is shared",
            "revocation.on_stale_revocation is missing, and the store is shared, which may fail",
        ]
    );
    let (_folder, file) = secret(&"k".repeat(32));
    let with = |more: &str, route: &str| {
        said(&format!(
            "{ROUTE}{route}\n{store}[revocation]\nsecret = '{file}'\n{more}"
        ))
    };
    assert_eq!(with("on_stale_revocation = 'deny'", ""), [""; 0]);
    let allow =
        "on_stale_revocation = { allow_for = '60s', unsafe_methods = true, never_synced = true }";
    assert_eq!(with(allow, ""), [""; 0]);
    assert_eq!(
        with("", "on_stale_revocation = 'deny'"),
        [""; 0],
        "every route says it"
    );
    assert_eq!(with("", "auth = 'none'"), [""; 0], "nobody asks");
}

#[test]
fn what_is_wrong_is_told_at_once_by_path() {
    let (_folder, short) = secret("short\n");
    assert_eq!(
        said(&format!(
            "{ROUTE}freshness = '100ms'\non_stale_revocation = 'perhaps'\n\
             [store]\nurl = 'redis://h:1/x'\n\
             [revocation]\nsecret = '{short}'\nother_secret = {{ env = 'PORTCULLIS_NOBODY_SETS_THIS' }}\n\
             poll_every = '1ms'\nmax_age = '1h'\nmax_token_lifetime = '1s'\ncapacity = 0\n\
             on_stale_revocation = {{ allow_for = '1h' }}\nx = 1"
        )),
        [
            "store.url has a database that is no number",
            "revocation.on_stale_revocation.allow_for is longer than 300 s",
            "revocation.other_secret.env names PORTCULLIS_NOBODY_SETS_THIS, which is not set",
            "revocation.poll_every is 1 ms",
            "revocation.max_age is 3600000 ms",
            "revocation.capacity is 0",
            "revocation.max_token_lifetime is 1 s",
            "revocation.x is not known here",
            "route[0].on_stale_revocation is none of the known answers",
            "route[0].freshness is 100 ms",
        ]
    );
    let text = format!("{ROUTE}[revocation]\nsecret = '{short}'\n");
    assert_eq!(said(&text), ["revocation.secret is shorter than 32 bytes"]);
    let text = format!("{ROUTE}[revocation]\nother_secret = '{short}'\n");
    assert_eq!(
        said(&text),
        ["revocation.other_secret is stated without secret"]
    );
}

#[test]
fn secrets_are_never_in_the_configuration_nor_in_what_is_said_of_it() {
    let (_folder, password) = secret("open sesame");
    let (_folder, same) = secret(&"k".repeat(32));
    let text = format!(
        "{ROUTE}on_stale_revocation = 'deny'\n\
         [store]\nurl = 'redis://gate:hunter2@h'\n\
         [revocation]\nsecret = '{same}'\nother_secret = '{same}'\n"
    );
    let found = said(&text);
    assert_eq!(
        found,
        [
            "store.url holds the password itself",
            "revocation.other_secret is the current secret",
        ]
    );
    let text = format!(
        "{REST}{ROUTE}on_stale_revocation = 'deny'\n\
         [store]\nurl = 'redis://h'\npassword = '{password}'\nreplicas = 2\n\
         [revocation]\nsecret = '{same}'\n"
    );
    let config = Config::parse(&text).unwrap();
    let shown = format!("{config:?} {}", config.summary());
    assert!(
        !shown.contains("sesame") && !shown.contains("kkkk"),
        "{shown}"
    );
    assert_eq!(config.files().len(), 2, "both are watched");
}

#[test]
fn what_nobody_asks_for_is_wrong() {
    assert_eq!(
        said(&format!(
            "{ROUTE}freshness = '2s'\non_stale_revocation = 'deny'\n[store]\nurl = 'memory'\nreplicas = 1\n"
        )),
        [
            "store.replicas is stated of the memory of this process",
            "route[0].freshness is stated, and nothing is ever revoked",
            "route[0].on_stale_revocation is stated, and nothing is ever revoked",
        ]
    );
    let store = format!("{ROUTE}[store]\nurl = 'memory'\n");
    assert_eq!(said(&store), ["store is stated, and nothing is kept there"]);
    assert_eq!(
        said(&format!(
            "{ROUTE}auth = 'none'\nfreshness = '2s'\non_stale_revocation = 'deny'\n[revocation]\n"
        )),
        [
            "route[0].on_stale_revocation is stated where tokens are not looked at",
            "route[0].freshness is stated where tokens are not looked at",
        ]
    );
}

#[test]
fn feeds_have_a_path_of_their_own_and_clients_that_are_known() {
    assert_eq!(
        said(&format!(
            "{ROUTE}[revocation.rfc7009]\npath = '/'\n\
             [[revocation.rfc7009.client]]\nissuer = 'https://other'\nid = ''\nsecret = {{ env = 'CARGO_PKG_NAME' }}\n\
             [revocation.backchannel]\npath = '/'\nclients = []\n"
        )),
        [
            "revocation.rfc7009.client[0].id is empty",
            "revocation.backchannel.clients is empty",
            "revocation.rfc7009.path is that of route[0] too",
            "revocation.backchannel.path is that of route[0] too",
            "revocation.backchannel.path is that of revocation.rfc7009 too",
            "revocation.rfc7009.client[0].issuer is trusted nowhere",
        ]
    );
}

#[test]
fn control_needs_somebody_who_may_and_an_address_of_its_own() {
    assert_eq!(
        said(&format!("{ROUTE}[control]\nlisten = '127.0.0.1:1'\n")),
        [
            "control.scope is missing, and so is key: nobody may revoke",
            "control is stated, and nothing can be revoked",
            "control.listen is the public address",
        ]
    );
    let (_folder, short) = secret("guess");
    let text = format!(
        "{ROUTE}[revocation]\n[control]\nlisten = '127.0.0.1:3'\nkey = '{short}'\nscope = 'a b'\n"
    );
    assert_eq!(
        said(&text),
        [
            "control.scope is not a scope",
            "control.key is shorter than 32 bytes"
        ]
    );
}

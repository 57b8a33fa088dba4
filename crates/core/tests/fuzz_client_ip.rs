//! The committed corpus, and many mutations of it, through the reader of forwarding headers.

use portcullis_core::fuzz::fuzz_client_ip;

mod fuzz_kit;

/// Bytes that mean something to the reader.
const MEANINGFUL: &[u8] = b"0123456789abcdef.:,;=\"\\[]_% \t\nfor";

#[test]
fn corpus_keeps_its_promises() {
    for input in fuzz_kit::corpus("client_ip") {
        fuzz_client_ip(&input);
    }
}

#[test]
fn mutations_of_the_corpus_keep_its_promises() {
    let corpus = fuzz_kit::corpus("client_ip");
    fuzz_kit::mutations(&corpus, MEANINGFUL, 0x00C1_1E47, fuzz_client_ip);
}

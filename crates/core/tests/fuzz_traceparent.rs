//! The committed corpus, and many mutations of it, through the reader of `traceparent`.

use portcullis_core::fuzz::fuzz_traceparent;

mod fuzz_kit;

/// Bytes that mean something to the reader.
const MEANINGFUL: &[u8] = b"0123456789abcdefABCDEF-+. \t,\x80\xff";

#[test]
fn corpus_keeps_its_promises() {
    for input in fuzz_kit::corpus("traceparent") {
        fuzz_traceparent(&input);
    }
}

#[test]
fn mutations_of_the_corpus_keep_its_promises() {
    let corpus = fuzz_kit::corpus("traceparent");
    fuzz_kit::mutations(&corpus, MEANINGFUL, 0x00C0_FFEE, fuzz_traceparent);
}

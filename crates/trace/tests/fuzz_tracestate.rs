//! The committed corpus, and many mutations of it, through the reader of `tracestate`.

use portcullis_trace::fuzz::fuzz_tracestate;

mod fuzz_kit;

/// Bytes that mean something to the reader.
const MEANINGFUL: &[u8] = b"abz019_-*/@=,, \t\n\nA.";

#[test]
fn corpus_keeps_its_promises() {
    for input in fuzz_kit::corpus("tracestate") {
        fuzz_tracestate(&input);
    }
}

#[test]
fn mutations_of_the_corpus_keep_its_promises() {
    let corpus = fuzz_kit::corpus("tracestate");
    fuzz_kit::mutations(&corpus, MEANINGFUL, 0x07AC_E57A, fuzz_tracestate);
}

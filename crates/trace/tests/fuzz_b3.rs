//! The committed corpus, and many mutations of it, through the readers of B3.

use portcullis_trace::fuzz::fuzz_b3;

mod fuzz_kit;

/// Bytes that mean something to the readers.
const MEANINGFUL: &[u8] = b"0123456789abcdef--01d \t\n\nA+";

#[test]
fn corpus_keeps_its_promises() {
    for input in fuzz_kit::corpus("b3") {
        fuzz_b3(&input);
    }
}

#[test]
fn mutations_of_the_corpus_keep_its_promises() {
    let corpus = fuzz_kit::corpus("b3");
    fuzz_kit::mutations(&corpus, MEANINGFUL, 0x0000_B3B3, fuzz_b3);
}

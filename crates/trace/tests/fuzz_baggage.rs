//! The committed corpus, and many mutations of it, through the reader of `baggage`.

use portcullis_trace::fuzz::fuzz_baggage;

mod fuzz_kit;

/// Bytes that mean something to the reader.
const MEANINGFUL: &[u8] = b"abzAZ09=,,;%2%c \t\n\n\"\\!~";

#[test]
fn corpus_keeps_its_promises() {
    for input in fuzz_kit::corpus("baggage") {
        fuzz_baggage(&input);
    }
}

#[test]
fn mutations_of_the_corpus_keep_its_promises() {
    let corpus = fuzz_kit::corpus("baggage");
    fuzz_kit::mutations(&corpus, MEANINGFUL, 0x00BA_66A6, fuzz_baggage);
}

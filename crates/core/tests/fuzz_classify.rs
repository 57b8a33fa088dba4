//! The committed corpus, and many mutations of it, through the classifier of answers.

use portcullis_core::fuzz::fuzz_classify;

mod fuzz_kit;

/// Bytes that mean something to the readers of numbers, dates and content types.
const MEANINGFUL: &[u8] = b"0123456789-+,:; \nGMTJanFeb/";

#[test]
fn corpus_keeps_its_promises() {
    for input in fuzz_kit::corpus("classify") {
        fuzz_classify(&input);
    }
}

#[test]
fn mutations_of_the_corpus_keep_its_promises() {
    let corpus = fuzz_kit::corpus("classify");
    fuzz_kit::mutations(&corpus, MEANINGFUL, 0x00C1_A551, fuzz_classify);
}

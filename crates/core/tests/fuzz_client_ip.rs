//! The committed corpus, and many mutations of it, through the reader of forwarding headers.

use std::{fs, path::Path};

use fastrand::Rng;
use portcullis_core::fuzz::fuzz_client_ip;

const MUTATIONS: usize = 20_000;

/// Bytes that mean something to the reader, so that mutations get past its first check.
const MEANINGFUL: &[u8] = b"0123456789abcdef.:,;=\"\\[]_% \t\nfor";

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/client_ip");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the corpus is committed")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a readable file");
    paths.iter().map(read).collect()
}

#[test]
fn corpus_keeps_its_promises() {
    let corpus = corpus();
    assert!(corpus.len() >= 10, "the corpus is missing");
    for input in corpus {
        fuzz_client_ip(&input);
    }
}

#[test]
fn mutations_of_the_corpus_keep_its_promises() {
    let corpus = corpus();
    // The seed is fixed so that a failure comes again.
    let mut rng = Rng::with_seed(0x00C1_1E47);
    for _ in 0..MUTATIONS {
        let mut input = corpus[rng.usize(..corpus.len())].clone();
        for _ in 0..rng.usize(1..6) {
            mutate(&mut input, &corpus, &mut rng);
        }
        fuzz_client_ip(&input);
    }
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    match rng.u8(..5) {
        0 => input.insert(at, MEANINGFUL[rng.usize(..MEANINGFUL.len())]),
        1 => input.insert(at, rng.u8(..)),
        2 => input.truncate(at),
        3 => drop(input.drain(..at)),
        _ => {
            let other = &corpus[rng.usize(..corpus.len())];
            let from = rng.usize(..=other.len());
            let until = rng.usize(from..=other.len());
            input.splice(at..at, other[from..until].iter().copied());
        }
    }
}

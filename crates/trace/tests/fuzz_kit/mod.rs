//! What the fuzz tests have in common: the corpus, and changes to it.

use std::{fs, path::Path};

use fastrand::Rng;

const MUTATIONS: usize = 20_000;

/// The committed corpus of `folder`.
pub(crate) fn corpus(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the corpus is committed")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a readable file");
    let corpus: Vec<_> = paths.iter().map(read).collect();
    assert!(corpus.len() >= 10, "the corpus is missing");
    corpus
}

/// Hands many changed inputs of `corpus` to `fuzz`, `meaningful` bytes among what is put in, so that
/// changes get past its first check.
pub(crate) fn mutations(corpus: &[Vec<u8>], meaningful: &[u8], seed: u64, fuzz: fn(&[u8])) {
    // The seed is fixed so that a failure comes again.
    let mut rng = Rng::with_seed(seed);
    for _ in 0..MUTATIONS {
        let mut input = corpus[rng.usize(..corpus.len())].clone();
        for _ in 0..rng.usize(1..6) {
            mutate(&mut input, corpus, meaningful, &mut rng);
        }
        fuzz(&input);
    }
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], meaningful: &[u8], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    match rng.u8(..5) {
        0 => input.insert(at, meaningful[rng.usize(..meaningful.len())]),
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

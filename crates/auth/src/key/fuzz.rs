//! The entry point for fuzzing key sets.

use super::{Algorithm, JwksOptions, KeyTable, parse_jwks};

/// Parses any bytes as a JWK Set and uses what comes out; panics if a promise is broken.
pub fn fuzz_jwks(data: &[u8]) {
    let options = JwksOptions::new();
    let parsed = match parse_jwks(data, &options) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(error.to_string().len() < 4096, "an error stays short");
            return;
        }
    };
    assert!(!parsed.keys.is_empty(), "an accepted set has a key");
    assert!(parsed.keys.len() + parsed.dropped.len() <= options.max_keys());
    for dropped in &parsed.dropped {
        assert!(dropped.to_string().len() < 1024, "a reason stays short");
    }
    let Ok(table) = KeyTable::new(parsed.keys) else {
        unreachable!("an accepted set has one key for each id and algorithm")
    };
    for key in table.keys() {
        for algorithm in Algorithm::ALL {
            assert!(
                key.verify(algorithm, b"", &[]).is_err(),
                "nothing is no signature"
            );
            let Some(kid) = key.kid() else { continue };
            let found = table.find(Some(kid), algorithm).ok();
            let expected = key.algorithms().contains(algorithm);
            assert!(!expected || found.is_some_and(|found| found.kid() == Some(kid)));
        }
        assert!(
            !key.algorithms().iter().any(Algorithm::is_symmetric),
            "public keys only"
        );
    }
}

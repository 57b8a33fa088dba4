//! What the cases stand on: the bare services, the signature check alone, and a runtime for set-up.

use std::future::Future;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_bench_harness::Lane;
use portcullis_testing::Algorithm;

use crate::tokens::{Kit, SECRET};

/// The bare service, which answers with a body of nothing.
pub(crate) const BARE: &str = "bare service";
/// The bare service with the body of axum 0.7, for the peer that answers with one.
pub(crate) const BARE_AXUM_07: &str = "bare service, axum 0.7 body";
/// The bare service with the body of axum 0.8, for the peer that answers with one.
pub(crate) const BARE_AXUM_08: &str = "bare service, axum 0.8 body";
/// The signature check that everybody must make, alone: key parsed, signature decoded.
pub(crate) const SIGNATURE: &str = "signature check alone (aws-lc-rs)";

/// Whether a message has this signature.
type Verify = Box<dyn Fn(&[u8], &[u8]) -> bool + Send>;

/// Waits for a future of the set-up.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of one thread")
        .block_on(future)
}

/// A lane that checks the signature of the kit's token and does nothing else.
///
/// # Panics
/// If the token does not verify.
pub(crate) fn signature_lane(kit: &Kit) -> Lane {
    let (input, signature) = kit.token.rsplit_once('.').expect("a compact token");
    let input = input.as_bytes().to_vec();
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .expect("a signature in base64url");
    let verify: Verify = match kit.algorithm {
        Algorithm::Rs256 => public(&RSA_PKCS1_2048_8192_SHA256, kit),
        Algorithm::Es256 => public(&ECDSA_P256_SHA256_FIXED, kit),
        Algorithm::EdDsa => public(&ED25519, kit),
        Algorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            Box::new(move |input, tag| hmac::verify(&key, input, tag).is_ok())
        }
        other => unreachable!("{other} is not compared"),
    };
    Lane::repeat(move || assert!(verify(&input, &signature), "a good token"))
}

fn public(algorithm: &'static dyn VerificationAlgorithm, kit: &Kit) -> Verify {
    let key = ParsedPublicKey::new(algorithm, kit.key.public_der()).expect("a public key in DER");
    Box::new(move |input, signature| key.verify_sig(input, signature).is_ok())
}

//! What is presented: tokens of an access-token's usual size, signed by real keys.

use std::cell::OnceCell;
use std::time::Duration;

use portcullis_bench_harness::Requests;
use portcullis_testing::{Algorithm, KeyMint, RsaSize, SigningKey, jwks};

pub(crate) const ISSUER: &str = "https://idp.example.com/realms/main";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// A shared secret as text, for one of the peers takes no bytes.
pub(crate) const SECRET: &str = "a shared secret of more than thirty-two bytes, as text";
/// How many different tokens the pool holds.
pub(crate) const POOL: usize = 10_000;

/// Longer than any run, so that no token expires on the way.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// One algorithm: its key, and tokens that it signed.
#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: SigningKey,
    /// A good token.
    pub(crate) token: String,
    pool: OnceCell<Requests>,
}

// === impl Kit ===

impl Kit {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::Rs256 => SigningKey::rsa_of("bench", RsaSize::Bits2048),
            // A `kid` although it is a shared secret: one of the peers finds keys by nothing else.
            Algorithm::Hs256 => SigningKey::hmac(SECRET).with_kid("shared-2030"),
            other => SigningKey::generate(other),
        };
        let token = sign(&key, 0);
        Self {
            algorithm,
            key,
            token,
            pool: OnceCell::new(),
        }
    }

    /// The public key, or the shared secret, as a JWK Set.
    pub(crate) fn jwks(&self) -> String {
        jwks([&self.key]).to_string()
    }

    /// [`POOL`] different good tokens, signed when they are first asked for.
    ///
    /// One pool for everybody, so that nobody finds it driven out of the processor's cache by another.
    pub(crate) fn pool(&self) -> Requests {
        self.pool
            .get_or_init(|| Requests::pool(&self.many()))
            .clone()
    }

    /// In no order, so that neighbours in memory are not neighbours in time.
    fn many(&self) -> Vec<String> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (share, key) = (POOL.div_ceil(threads), &self.key);
        let mut tokens: Vec<String> = std::thread::scope(|scope| {
            let signing: Vec<_> = (0..threads)
                .map(|part| {
                    let numbers = 1 + part * share..1 + POOL.min((part + 1) * share);
                    scope.spawn(move || numbers.map(|number| sign(key, number)).collect())
                })
                .collect();
            let parts = signing
                .into_iter()
                .map(|thread| -> Vec<String> { thread.join().expect("a key signs") });
            parts.flatten().collect()
        });
        fastrand::Rng::with_seed(1).shuffle(&mut tokens);
        tokens
    }
}

/// What an issuer puts into an access token for a person (RFC 9068, and a few roles).
fn sign(key: &SigningKey, number: usize) -> String {
    KeyMint::new()
        .token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject(&format!("3f1c9a52-7d0e-4b8a-9c41-{number:012x}"))
        .client("web-frontend")
        .session(&format!("c0ffee00-1d2c-4e5f-8a9b-{number:012x}"))
        .scope("openid profile api:read api:write")
        .claim("roles", ["editor", "reviewer"])
        .expires_in(LIFETIME)
        .sign(key)
}

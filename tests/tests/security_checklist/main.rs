//! The security checklist: what each hostile or broken request gets, by row.
//!
//! Every row is asked through the whole stack, [`AuthLayer`](portcullis_auth::AuthLayer) with a
//! [`JwtVerifier`](portcullis_auth::JwtVerifier) round a tower service, with real keys and real
//! signatures, once as HTTP and once as gRPC. What comes back is compared to the last byte with the words
//! that are written down in [`words`].

mod answers;
mod any_request;
mod claims;
mod header;
mod issuer_keys;
mod json;
mod key_ids;
mod keys;
mod kinds;
mod malformed;
mod preflight;
mod presented;
mod published;
mod query;
mod signatures;
mod stand;
mod times;
mod words;

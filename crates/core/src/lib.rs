//! The nouns that every Portcullis layer shares: identity, refusal, request context, observer, clock.

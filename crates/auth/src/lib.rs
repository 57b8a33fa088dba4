//! A tower layer that verifies access tokens and stays right while the identity provider is broken.

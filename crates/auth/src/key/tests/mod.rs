//! What no single file of the module shows alone: keys made and signed with elsewhere, published
//! vectors, every row of the refusal tables.

mod kit;
mod loading;
mod numbers;
mod pem_der;
mod rings;
mod sets;
mod signatures;
mod table;
mod vectors;

//! The compact form of a signed JWT, read once and strictly (RFC 7515, RFC 7519, RFC 8725).
//!
//! Nothing here does I/O or knows a key. Whatever a parser of the field lets pass by habit (padding,
//! trailing bits, duplicate members, deep nesting, a string where a date belongs) is refused here, so
//! that a token has one reading only.

mod claims;
mod compact;
pub(crate) mod fuzz;
mod header;
mod known;
mod scan;

pub(crate) use claims::{Claims, LogoutEvent, Strings};
pub(crate) use compact::{Compact, HEADER_BUFFER, SIGNATURE_MAX};
pub(crate) use header::Header;
pub(crate) use known::{KnownHeader, KnownHeaders};
use scan::scan;

#[cfg(test)]
mod tests;

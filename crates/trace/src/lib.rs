//! Trace propagation.

mod codec;

//! Trace propagation.

mod arrive;
mod body;
mod client;
mod codec;
mod egress;
mod future;
mod layer;
mod propagation;
mod sampling;
mod server;
mod span;
mod stage;
mod timings;
mod trust;
mod watch;

pub use body::TraceBody;
pub use client::{Client, ResendCount, TraceClient};
pub use egress::Egress;
pub use future::ResponseFuture;
pub use layer::TraceContextLayer;
pub use propagation::{Format, Formats};
pub use sampling::{Heard, Roots, Sampling};
pub use server::{Server, TraceServer};
pub use span::Spans;
pub use stage::{Stage, StageFuture, StageLayer};
pub use timings::{ServerTiming, Timings};
pub use trust::{Trust, TrustLevel};

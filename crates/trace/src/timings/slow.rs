//! The event of a request that took too long.

use std::fmt;
use std::time::Duration;

use portcullis_core::{RequestEnded, StageTimes, Stages};

/// Tells the log, and what took most of the time.
pub(super) fn tell(event: &RequestEnded<'_>) {
    let context = event.context;
    let Some(stages) = context.and_then(|context| context.stages()) else {
        return;
    };
    let body = event
        .head_after
        .map_or(Duration::ZERO, |head| event.took.saturating_sub(head));
    let (name, own, waited) = match stages.bottleneck() {
        Some(stage) if stage.own >= body => (stage.name, stage.own, stage.waiting()),
        // While the answer was written: mostly by who reads it.
        _ => ("body", body, body),
    };
    let method = event.began.method;
    tracing::warn!(
        target: "portcullis::slow",
        trace_id = %event.span.trace_id,
        span_id = %event.span.span_id,
        method,
        route = context.and_then(|context| context.route()).unwrap_or("-"),
        status = event.status.map(|status| status.as_u16()),
        end = event.end.as_str(),
        took_ms = millis(event.took),
        bottleneck = name,
        bottleneck_ms = millis(own),
        bottleneck_waited_ms = millis(waited),
        body_ms = millis(body),
        stages = %Listed(stages),
        "slow_request"
    );
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// `auth=12ms (waited 11ms) handler=3ms (waited 0ms)`.
struct Listed<'a>(&'a Stages);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |f: &mut fmt::Formatter<'_>, stage: StageTimes| {
            let (own, waited) = (millis(stage.own), millis(stage.waiting()));
            write!(f, "{}={own}ms (waited {waited}ms)", stage.name)
        };
        for (index, stage) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            one(f, stage)?;
        }
        Ok(())
    }
}

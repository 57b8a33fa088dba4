//! Keyed coalescing of one asynchronous need: many callers, one call.

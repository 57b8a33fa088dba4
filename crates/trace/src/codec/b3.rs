//! To come.
use super::Extracted;
pub(crate) fn extract_single(_: &http::HeaderMap) -> Extracted {
    Extracted::Absent
}
pub(crate) fn extract_multi(_: &http::HeaderMap) -> Extracted {
    Extracted::Absent
}
pub(crate) fn inject_single(_: &mut http::HeaderMap, _: &portcullis_core::TraceContext) {}
pub(crate) fn inject_multi(_: &mut http::HeaderMap, _: &portcullis_core::TraceContext) {}

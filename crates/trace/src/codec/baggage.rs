//! To come.
pub(crate) fn carry(h: &http::HeaderMap) -> Option<http::HeaderValue> {
    h.get("baggage").cloned()
}

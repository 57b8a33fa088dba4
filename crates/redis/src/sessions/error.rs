//! What an error of the link means for the directory.

use portcullis_revocation::sessions::DirectoryError;

use crate::link::{Cause, LinkError, ServerError};

/// What an error of the link means for a question.
pub(super) fn directory_error(error: &LinkError) -> DirectoryError {
    match error {
        LinkError::Down(Cause::Authentication(_)) => DirectoryError::Refused,
        LinkError::Down(Cause::Refused(error)) | LinkError::Refused(error) => refused(error.code()),
        LinkError::Down(Cause::Nonsense) | LinkError::Nonsense => DirectoryError::Malformed,
        LinkError::Timeout => DirectoryError::Timeout,
        LinkError::Down(_) | LinkError::Silent | LinkError::Busy | LinkError::Lost => {
            DirectoryError::Unavailable
        }
    }
}

fn refused(code: &str) -> DirectoryError {
    match code {
        // A replica, a primary that may not write, a server that is not ready: another answers, or this one later.
        "READONLY" | "MASTERDOWN" | "NOREPLICAS" | "MISCONF" | "LOADING" | "BUSY" | "TRYAGAIN"
        | "CLUSTERDOWN" => DirectoryError::Unavailable,
        _ => DirectoryError::Refused,
    }
}

/// The error without the words of the server, which may quote the key.
pub(super) fn unquoted(error: LinkError) -> LinkError {
    match error {
        LinkError::Refused(error) => LinkError::Refused(ServerError::new(error.code(), "")),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_is_an_absence_and_each_has_its_name() {
        let server = |code| LinkError::Refused(ServerError::new(code, "…"));
        let cause = |code| Cause::Refused(ServerError::new(code, ""));
        for (error, label) in [
            (LinkError::Down(Cause::Authentication("NOAUTH")), "refused"),
            (LinkError::Down(Cause::Replica), "unavailable"),
            (LinkError::Down(Cause::ConnectionRefused), "unavailable"),
            (LinkError::Down(Cause::Timeout), "unavailable"),
            (LinkError::Down(Cause::Nonsense), "malformed"),
            (LinkError::Down(cause("LOADING")), "unavailable"),
            (LinkError::Down(cause("ERR")), "refused"),
            (LinkError::Silent, "unavailable"),
            (LinkError::Busy, "unavailable"),
            (LinkError::Lost, "unavailable"),
            (LinkError::Timeout, "timeout"),
            (LinkError::Nonsense, "malformed"),
            (server("READONLY"), "unavailable"),
            (server("MASTERDOWN"), "unavailable"),
            (server("NOREPLICAS"), "unavailable"),
            (server("LOADING"), "unavailable"),
            (server("NOPERM"), "refused"),
            (server("ERR"), "refused"),
        ] {
            assert_eq!(directory_error(&error).label(), label, "{error:?}");
        }
    }

    #[test]
    fn what_a_server_quotes_is_left_out() {
        let quoted = ServerError::new("ERR", "unknown command, with args beginning with: hunter2");
        let error = unquoted(LinkError::Refused(quoted));
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        assert_eq!(unquoted(LinkError::Silent), LinkError::Silent);
    }
}

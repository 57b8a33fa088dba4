//! What is asked of the kernel for every connection.

use tokio::net::TcpStream;

/// Prepares a socket, of a client or of an upstream.
///
/// Nothing waits for more to be sent with it. And little waits in the kernel that the other end has no room
/// for yet: else megabytes could, whose slow way would look here as if nothing moved. What was sent and is
/// not acknowledged does not count, so a long way costs no speed.
pub(crate) fn prepare(stream: &TcpStream) {
    // Both are wishes.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(128 << 10);
}

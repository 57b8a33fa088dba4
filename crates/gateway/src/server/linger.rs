//! Closing a connection whose client is still sending.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::place::Place;

/// For how long, and how much, is read that nobody wants.
pub(super) const MOMENT: Duration = Duration::from_secs(1);
pub(super) const MOST_BYTES: usize = 1 << 20;

/// Reads on after the last answer. A socket that is closed with bytes unread makes the kernel reset the
/// connection, and a reset overtakes an answer that the client has not read yet (RFC 9112 section 9.6).
pub(super) fn linger(mut stream: TcpStream, place: Place) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    runtime.spawn(async move {
        let reading = async {
            let mut unread = [0; 8 << 10];
            let mut read = 0;
            while let Ok(length @ 1..) = stream.read(&mut unread).await {
                read += length;
                if read > MOST_BYTES {
                    break;
                }
            }
        };
        // However it ends, the connection is closed with it.
        let _ = timeout(MOMENT, reading).await;
        drop(place);
    });
}

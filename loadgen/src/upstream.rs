//! The scripted server as a program of its own, for trying things out and for
//! tests that stop a process.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use upstream::Upstream;

use crate::sender::Stop;

/// Answers at `listen` as CoreDNS and the Internet would, until a signal
/// comes. Its address is the first line of `out`.
///
/// # Errors
///
/// When the address cannot be bound, or `out` cannot be written.
#[expect(clippy::disallowed_methods, reason = "waiting for a signal is all this thread does")]
pub fn serve(listen: SocketAddr, stop: &Stop, out: &mut impl Write) -> io::Result<()> {
    let server = Upstream::builder()
        .script(upstream::kubernetes())
        .listen(listen)
        .start()
        .map_err(|error| io::Error::other(format!("{error:#}")))?;
    writeln!(out, "{}", server.addr())?;
    out.flush()?;
    while stop.signal().is_none() {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Between two looks at the signal.
const PAUSE: Duration = Duration::from_millis(50);

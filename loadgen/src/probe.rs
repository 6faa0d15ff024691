//! The guard: a name that somebody else needs, asked beside the load. When it is not
//! answered any more, the load ends.
//!
//! It has a thread and a socket of its own, a new one for each query: a full connection
//! table drops new flows, and keeps old ones.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dns::{Header, Name, Rcode, Rtype};

use crate::random::SplitMix;
use crate::sender::Stop;

/// Whom the guard asks, and when it ends the load.
#[derive(Clone, Debug)]
pub struct GuardProbe {
    /// The server.
    pub server: SocketAddr,
    /// The name, which must have an answer of NOERROR.
    pub name: Name,
    /// Between two queries, and how long each waits.
    pub every: Duration,
    /// So many failures in a row end the load.
    pub fails: u32,
}

impl GuardProbe {
    /// Asks until the run `is_over`, or ends it.
    #[expect(clippy::disallowed_methods, reason = "its own thread, a query each second")]
    pub fn watch(&self, stop: &Stop, seed: u64, is_over: impl Fn() -> bool) {
        let mut random = SplitMix::new(seed);
        let mut strikes = Strikes::new(self.fails);
        while !is_over() {
            let end = Instant::now() + self.every;
            let id = (random.next() >> 48) as u16;
            let is_well = self.ask(id, end, &is_over).unwrap_or(false);
            while Instant::now() < end && !is_over() {
                std::thread::sleep(LOOK);
            }
            if !is_over() && strikes.is_out(is_well) {
                stop.set(Stop::BY_GUARD);
            }
        }
    }

    /// Asks once; returns whether it was answered until `end`.
    #[expect(clippy::disallowed_methods, reason = "as long as an answer may take")]
    fn ask(&self, id: u16, end: Instant, is_over: impl Fn() -> bool) -> io::Result<bool> {
        let any: IpAddr = match self.server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(self.server)?;
        socket.set_read_timeout(Some(LOOK))?;
        socket.send(&dns::query(id, &self.name, Rtype::A))?;
        let mut answer = [0; 512];
        while Instant::now() < end && !is_over() {
            match socket.recv(&mut answer) {
                Ok(len) => {
                    let message = answer.get(..len).unwrap_or_default();
                    if let Some(header) = Header::of_response(message, id) {
                        return Ok(header.flags.rcode() == Rcode::NOERROR);
                    }
                }
                Err(error) if is_patience(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

fn is_patience(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Failures in a row.
#[derive(Debug)]
struct Strikes {
    most: u32,
    in_a_row: u32,
}

impl Strikes {
    const fn new(most: u32) -> Self {
        Self { most, in_a_row: 0 }
    }

    /// Takes one more; returns whether it was the last that may be.
    const fn is_out(&mut self, is_well: bool) -> bool {
        self.in_a_row = if is_well { 0 } else { self.in_a_row + 1 };
        self.in_a_row >= self.most
    }
}

/// Between two looks: the load ends within 100 ms of the last failure.
const LOOK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_in_a_row_count() {
        let mut strikes = Strikes::new(3);
        let answered = [false, false, true, false, false, false];
        let out = answered.map(|is_well| strikes.is_out(is_well));
        assert_eq!(out, [false, false, false, false, false, true]);
    }
}

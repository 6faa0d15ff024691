//! Reading: answers, and the errors that ICMP brings.
//!
//! HOT: every answer passes here.

use std::io;
use std::time::Duration;

use mio::Events;
use udp::ErrorOrigin;

use super::{RunClock, UdpSender};
use crate::recorder::Icmp;

impl UdpSender {
    /// Reads all sockets that have something.
    pub(super) fn receive_all(&mut self, clock: &RunClock) -> io::Result<()> {
        self.clocks.look();
        loop {
            match self
                .sockets
                .poll
                .poll(&mut self.events, Some(Duration::ZERO))
            {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                polled => polled?,
            }
            // The events are lent from `self`; a swap costs three words.
            let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
            let mut count = 0;
            for event in &events {
                count += 1;
                let socket = u16::try_from(event.token().0).unwrap_or(u16::MAX);
                self.receive(socket, clock);
                if event.is_error() {
                    self.read_errors(socket, clock.now());
                }
            }
            self.events = events;
            if count < EVENTS {
                return Ok(());
            }
        }
    }

    /// Reads one socket until it is empty: epoll is edge-triggered.
    fn receive(&mut self, socket: u16, clock: &RunClock) {
        let mut errors = 0;
        loop {
            let Some(open) = self.sockets.get(socket) else { return };
            let count = match open.recv_batch(&mut self.received, usize::MAX) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if errors < MAX_ERRORS => {
                    errors += 1;
                    if !self.read_errors(socket, clock.now()) {
                        let errno = error.raw_os_error().unwrap_or(0);
                        self.state.account.socket_error(socket, errno);
                    }
                    continue;
                }
                // It will not become better; what waits on it is lost in its time.
                Err(_) => return,
            };
            let mut ended = None;
            for datagram in self.received.iter() {
                let stamp = datagram
                    .received
                    .and_then(|stamp| self.clocks.instant_of(stamp));
                let at = stamp.map_or_else(|| clock.now(), |stamp| clock.at(stamp));
                for message in datagram.segments() {
                    ended = self.state.account.receive(socket, message, at).or(ended);
                }
            }
            if let Some(slot) = ended {
                self.sockets.release(slot.socket);
            }
            if count < self.received.capacity() {
                return;
            }
        }
    }

    /// Reads what became of earlier queries of this socket; returns whether there
    /// was anything.
    pub(super) fn read_errors(&mut self, socket: u16, now: u64) -> bool {
        let mut is_any = false;
        loop {
            let Some(open) = self.sockets.get(socket) else { return is_any };
            let Ok(error) = open.recv_error(&mut self.errors) else { return is_any };
            is_any = true;
            let ErrorOrigin::Icmp { kind, code } = error.origin else {
                self.state.account.socket_error(socket, error.errno);
                continue;
            };
            let icmp = Icmp { is_v6: self.is_v6, kind, code };
            if let Some(slot) = self.state.account.refuse(socket, error.bytes, icmp, now) {
                self.sockets.release(slot.socket);
            }
        }
    }
}

/// Sockets of one `epoll_wait`.
pub(super) const EVENTS: usize = 256;
/// Errors of a socket that one round reads past. A refusal is told once, to the
/// call that comes next.
const MAX_ERRORS: usize = 64;

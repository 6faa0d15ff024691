//! What comes: answers over UDP and TCP, ICMP, ends of connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::Events;
use stub::client::Event;
use udp::ErrorOrigin;

use super::endpoints::Kind;
use super::running::{Running, broken};
use super::{ClientSender, Instants, Pending, RunClock};
use crate::recorder::Icmp;

impl ClientSender {
    /// Reads all sockets that have something.
    pub(super) fn receive_all(&mut self, clock: &RunClock) -> io::Result<()> {
        self.clocks.look();
        loop {
            let poll = &mut self.endpoints.poll;
            match poll.poll(&mut self.events, Some(Duration::ZERO)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                polled => polled?,
            }
            let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
            let count = events.iter().count();
            let mut outcome = Ok(());
            for event in &events {
                let place = u32::try_from(event.token().0).unwrap_or(u32::MAX);
                outcome = outcome.and_then(|()| self.look_at(place, event.is_error(), clock));
            }
            self.events = events;
            outcome?;
            if count < super::EVENTS {
                return Ok(());
            }
        }
    }

    fn look_at(&mut self, place: u32, is_error: bool, clock: &RunClock) -> io::Result<()> {
        let Some(endpoint) = self.endpoints.get_mut(place) else { return Ok(()) };
        let lookup = endpoint.lookup;
        if matches!(endpoint.kind, Kind::Stream(_)) {
            return self.look_at_stream(place, clock);
        }
        while self.read_one(place, clock)? {}
        // The lookup may have closed it, and another may have its place.
        let is_same = |endpoint: &mut super::endpoints::Endpoint| endpoint.lookup == lookup;
        if is_error && self.endpoints.get_mut(place).is_some_and(is_same) {
            self.tell_errors(place, clock)?;
        }
        Ok(())
    }

    /// Reads one datagram and tells its lookup; returns whether there may be another.
    fn read_one(&mut self, place: u32, clock: &RunClock) -> io::Result<bool> {
        let Some(endpoint) = self.endpoints.get_mut(place) else { return Ok(false) };
        let (index, socket) = (endpoint.lookup, endpoint.socket);
        let (Kind::Connected(udp) | Kind::Open(udp)) = &endpoint.kind else { return Ok(false) };
        match udp.recv_batch(&mut self.received, 1) {
            Ok(count) if count > 0 => {}
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                self.tell_errors(place, clock)?;
                return Ok(self
                    .endpoints
                    .get_mut(place)
                    .is_some_and(|open| open.lookup == index));
            }
            _ => return Ok(false),
        }
        let Some(datagram) = self.received.get(0) else { return Ok(false) };
        let stamp = datagram
            .received
            .and_then(|stamp| self.clocks.instant_of(stamp));
        let at = stamp.map_or_else(|| clock.now(), |stamp| clock.at(stamp));
        let taken = self
            .lookups
            .get_mut(index as usize)
            .and_then(Option::as_mut);
        let Some(running) = taken else { return Ok(false) };
        let kind = self
            .clients
            .kind_of(running.client)
            .map(|(_, kind, _)| kind);
        let is_peer = |server: &SocketAddr| *server == datagram.peer;
        let server = kind.and_then(|kind| kind.servers.iter().position(is_peer));
        let server = server.and_then(|server| u8::try_from(server).ok());
        let recorder = &mut self.state.account.recorder;
        let Some(server) = server else {
            recorder.phase(running.phase).counts.wrong += 1;
            return Ok(true);
        };
        let workload = &self.state.workload;
        let from = (socket, Some(server));
        let Some((ended, event)) = running.receive(from, datagram.bytes, at, workload, recorder)
        else {
            return Ok(true);
        };
        self.waiting -= ended;
        self.feed(index, event, Instants::of(at), clock)?;
        Ok(self
            .endpoints
            .get_mut(place)
            .is_some_and(|open| open.lookup == index))
    }

    fn look_at_stream(&mut self, place: u32, clock: &RunClock) -> io::Result<()> {
        let Some(endpoint) = self.endpoints.get_mut(place) else { return Ok(()) };
        let (index, socket) = (endpoint.lookup, endpoint.socket);
        let Kind::Stream(stream) = &mut endpoint.kind else { return Ok(()) };
        let looked = stream.look();
        let at = clock.now();
        let mut events = Vec::new();
        let recorder = &mut self.state.account.recorder;
        if let Some(running) = self
            .lookups
            .get_mut(index as usize)
            .and_then(Option::as_mut)
        {
            if looked.has_written {
                running.left_by(socket, at, recorder);
            }
            for message in &looked.messages {
                let workload = &self.state.workload;
                let from = (socket, None);
                if let Some((ended, event)) = running.receive(from, message, at, workload, recorder)
                {
                    self.waiting -= ended;
                    events.push(event);
                }
            }
        }
        events.extend(looked.end.map(|errno| broken(socket, errno)));
        for event in events {
            self.feed(index, event, Instants::of(at), clock)?;
        }
        Ok(())
    }

    /// Reads the errors of a socket and tells its lookup.
    fn tell_errors(&mut self, place: u32, clock: &RunClock) -> io::Result<()> {
        let Some(endpoint) = self.endpoints.get_mut(place) else { return Ok(()) };
        let index = endpoint.lookup;
        let mut pending = Pending::new();
        let taken = self.lookups.get_mut(index as usize).and_then(Option::take);
        let Some(mut running) = taken else { return Ok(()) };
        self.read_errors(place, &mut running, &mut pending);
        self.actions.clear();
        self.go_on(index, running, Instants::of(clock.now()), pending, clock)
    }

    /// Reads what became of earlier packets of a socket.
    pub(super) fn read_errors(&mut self, place: u32, running: &mut Running, pending: &mut Pending) {
        loop {
            let Some(endpoint) = self.endpoints.get_mut(place) else { return };
            let socket = endpoint.socket;
            let (Kind::Connected(udp) | Kind::Open(udp)) = &endpoint.kind else { return };
            let Ok(error) = udp.recv_error(&mut self.errors) else { return };
            let recorder = &mut self.state.account.recorder;
            let ErrorOrigin::Icmp { kind, code } = error.origin else {
                let errors = &mut recorder.phase(running.phase).socket_errors;
                *errors.entry(error.errno).or_default() += 1;
                continue;
            };
            let is_v6 = udp.local_addr().is_ok_and(|local| local.is_ipv6());
            let icmp = Icmp { is_v6, kind, code };
            let id = error.bytes.first_chunk().copied().map(u16::from_be_bytes);
            self.waiting -= running.refuse(socket, id, icmp, recorder);
            if is_told(icmp) {
                pending.push_back(broken(socket, error.errno));
            }
        }
    }

    /// Sends the batch by a socket, one query after the other.
    pub(super) fn flush(
        &mut self,
        running: &mut Running,
        socket: u16,
        pending: &mut Pending,
        clock: &RunClock,
    ) {
        let Some(place) = running.place_of(socket) else { return self.batch.clear() };
        let before = clock.now();
        let Some(endpoint) = self.endpoints.get_mut(place) else { return };
        let (Kind::Connected(udp) | Kind::Open(udp)) = &endpoint.kind else {
            // A connection that is up at once is written by the next look.
            return;
        };
        let report = udp.send_batch(&mut self.batch).unwrap_or_default();
        let at = before.midpoint(clock.now());
        let recorder = &mut self.state.account.recorder;
        for failure in self.batch.failures() {
            if let Some(flight) = self.queued.get(failure.index) {
                self.waiting -= running.unsent(*flight, failure.errno, recorder);
                let event: Event = broken(socket, failure.errno);
                pending.push_back(event);
            }
        }
        for flight in self.queued.drain(..) {
            running.left(flight, at, recorder);
        }
        self.batch.clear();
        if report.refused > 0 {
            self.read_errors(place, running, pending);
        }
    }
}

/// Whether a connected socket without an error queue is told: what `icmp_err_convert`
/// of the kernel calls fatal.
const fn is_told(icmp: Icmp) -> bool {
    match (icmp.is_v6, icmp.kind) {
        (false, 3) => matches!(icmp.code, 2 | 3 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15),
        (true, 1) => matches!(icmp.code, 1 | 4),
        _ => false,
    }
}

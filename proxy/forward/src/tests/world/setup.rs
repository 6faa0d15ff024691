//! How a world begins, and a client that is in a hurry.

use super::*;
use crate::TcpReply;
use resolver::Room;

impl World {
    /// Every upstream does this from now on.
    pub(crate) fn all(mut self, conduct: impl Into<Conduct>) -> Self {
        let conduct = conduct.into();
        self.upstreams.fill(conduct);
        self
    }

    /// One upstream does this from now on.
    pub(crate) fn upstream(mut self, number: usize, conduct: impl Into<Conduct>) -> Self {
        self.upstreams[number] = conduct.into();
        self
    }

    /// One upstream does this after a while.
    pub(crate) fn later(&mut self, after: Duration, number: usize, conduct: impl Into<Conduct>) {
        self.at(after, Event::Change(number, Box::new(conduct.into())));
    }

    /// No upstream answers names below this one.
    pub(crate) fn mute(mut self, name: &str) -> Self {
        self.muted = Some(Name::from_text(name).unwrap());
        self
    }

    /// Every upstream does this with queries over TCP.
    pub(crate) fn tcp(mut self, tcp: Tcp) -> Self {
        self.upstreams
            .iter_mut()
            .for_each(|conduct| conduct.tcp = tcp);
        self
    }

    /// The zone is asked over TCP.
    pub(crate) fn over_tcp(self) -> Self {
        let upstreams: Vec<_> = (0..self.upstreams.len()).map(addr_of).collect();
        let config = super::super::config(Transport::Tcp, &upstreams);
        Self { upstreams: self.upstreams, ..Self::with(self.seed, config) }
    }

    /// A client asks now, with these marks.
    pub(crate) fn ask_marked(&mut self, name: &str, client: u16, marks: [u64; 4]) -> u64 {
        let number = self.number();
        let name = Name::from_text(name).unwrap();
        let ask = self.question(name, (client_of(client), number), self.now);
        let hops = marks.into_iter().fold(Hops::default(), Hops::with);
        self.at(Duration::ZERO, Event::Ask(Box::new(Ask { hops, ..ask })));
        number
    }

    /// All sockets that are open are destroyed, and none of them tells.
    pub(crate) fn destroy_sockets(&mut self) {
        self.destroyed = self.number();
    }

    /// All sockets that are open are destroyed, and each of them tells.
    pub(crate) fn abort_sockets(&mut self) {
        self.destroy_sockets();
        for socket in 0..self.sockets.len() {
            let error = FlightError::Died { socket, errno: EDESTADDRREQ };
            self.at(Duration::ZERO, Event::Error(error));
        }
    }

    /// A client asks over TCP now; returns the number of its query.
    pub(crate) fn ask_over_tcp(&mut self, name: &str, client: u16) -> u64 {
        let number = self.number();
        let name = Name::from_text(name).unwrap();
        let ask = self.question(name, (client_of(client), number), self.now);
        let (reply, _) = TcpReply::new(client_of(client), 1, &Room::new(0));
        let reply_to = ReplyTo::Tcp(reply);
        self.at(Duration::ZERO, Event::Ask(Box::new(Ask { reply_to, ..ask })));
        number
    }

    /// A client asks, and at once again.
    pub(crate) fn ask_twice(&mut self, name: &str, client: u16) {
        self.ask(name, client);
        let first = self.events.values().last();
        let Some(Event::Ask(first)) = first else { panic!("it was just asked") };
        let ask =
            Ask { limit: 0, ..self.question(first.query.qname, (client_of(client), 0), self.now) };
        let (id, number) = (first.query.id, self.number());
        let query = Retained { id, ..ask.query };
        let limit = usize::try_from(number).unwrap();
        self.at(Duration::ZERO, Event::Ask(Box::new(Ask { query, limit, ..ask })));
    }

    /// An upstream's host asks for what we may be asking it or another, after a while.
    pub(crate) fn ask_back(&mut self, after: Duration, name: &str, (upstream, port): (usize, u16)) {
        let name = Name::from_text(name).unwrap();
        let peer = (addr_of(upstream).ip(), port).into();
        let ask = self.question(name, (peer, self.number()), self.now + after);
        self.at(after, Event::Ask(Box::new(ask)));
    }

    /// A client asks from another port after a while.
    pub(crate) fn ask_from(&mut self, after: Duration, name: &str, (client, port): (u16, u16)) {
        let name = Name::from_text(name).unwrap();
        let peer = (client_of(client).ip(), port).into();
        let ask = self.question(name, (peer, self.number()), self.now + after);
        self.at(after, Event::Ask(Box::new(ask)));
    }
}

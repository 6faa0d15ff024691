//! The way to the upstreams and back.

use super::*;

impl World {
    /// One way or back.
    pub(super) fn latency(&mut self, upstream: usize) -> Duration {
        let Conduct { latency, jitter, .. } = self.upstreams[upstream];
        latency / 2 + jitter.mul_f64(self.rng.random())
    }

    fn happens(&mut self, part: f64) -> bool {
        part > 0.0 && self.rng.random_bool(part)
    }

    /// Notes that a query was sent.
    pub(super) fn sent(&mut self, upstream: usize, over: Transport, octets: &[u8], port: u64) {
        let question = Question::parse(octets).unwrap();
        let name = Name::from_wire(question.qname).unwrap();
        let after = self.now.saturating_since(Moment::from_micros(1_000_000));
        let octets = octets.to_vec();
        let question = (name, self.closed.get(&name).copied().unwrap_or_default());
        self.queries
            .push(Query { name, question, upstream, over, octets, port, after });
    }

    /// A datagram leaves us.
    pub(super) fn send(&mut self, from: SentFrom, octets: Vec<u8>) {
        let Some((opening, upstream)) = self.sockets.get(from.socket).copied() else { return };
        self.sent(upstream, Transport::Udp, &octets, opening);
        let port = Port { from, opening };
        if opening <= self.destroyed {
            let error = FlightError::Died { socket: from.socket, errno: EDESTADDRREQ };
            return self.at(Duration::ZERO, Event::Error(error));
        }
        let conduct = self.upstreams[upstream].clone();
        if conduct.udp == Udp::Forbidden {
            return self.at(Duration::ZERO, Event::Error(FlightError::NotPermitted(from)));
        }
        if conduct.icmp {
            self.at(ICMP, Event::Refused(port));
        }
        if self.happens(conduct.loss) {
            return;
        }
        let latency = self.latency(upstream);
        self.at(latency, Event::Query { upstream, octets, port });
    }

    /// A datagram arrives at an upstream.
    pub(super) fn query(&mut self, upstream: usize, octets: Vec<u8>, port: Port) {
        let conduct = self.upstreams[upstream].clone();
        let qname = Name::from_wire(Question::parse(&octets).unwrap().qname).unwrap();
        if self.muted.is_some_and(|muted| qname.is_within(&muted)) {
            return;
        }
        if conduct.udp == Udp::Closed {
            let latency = self.latency(upstream);
            return self.at(latency, Event::Refused(port));
        }
        for wrong in &conduct.forged {
            let forged = forge(&octets, *wrong);
            self.at(Duration::ZERO, Event::Datagram { octets: forged, port });
        }
        let knows_no_edns = Header::parse(&octets).unwrap().counts[3] > 0;
        let (rcode, more) = match conduct.udp {
            Udp::Answers => (Rcode::NOERROR, 0),
            Udp::Truncates => (Rcode::NOERROR, Flags::TC),
            Udp::Fails(rcode) => (rcode, 0),
            Udp::KnowsNoEdns if knows_no_edns => (Rcode::FORMERR, 0),
            Udp::KnowsNoEdns => (Rcode::NOERROR, 0),
            Udp::Silent | Udp::Closed | Udp::Forbidden => return,
            Udp::AsksUs => return self.ask_us(upstream, octets, port),
        };
        let reply = response(&octets, rcode, more, address_of(upstream));
        self.reply(upstream, &reply, port);
    }

    /// An upstream sends a datagram to us.
    pub(super) fn reply(&mut self, upstream: usize, octets: &[u8], port: Port) {
        let Conduct { loss, duplicates, .. } = self.upstreams[upstream];
        let copies = 1 + usize::from(self.happens(duplicates));
        for _ in 0..copies {
            if !self.happens(loss) {
                let latency = self.latency(upstream);
                let octets = octets.to_vec();
                self.at(latency, Event::Datagram { octets, port });
            }
        }
    }

    /// An upstream forwards to us what we asked it: a loop.
    fn ask_us(&mut self, upstream: usize, octets: Vec<u8>, port: Port) {
        let question = Question::parse(&octets).unwrap();
        let name = Name::from_wire(question.qname).unwrap();
        let number = self.number();
        let source = 2000 + u16::try_from(number % 60_000).unwrap();
        let peer = (addr_of(upstream).ip(), source).into();
        let ask = self.question(name, (peer, number), self.now);
        self.arrive(ask, Some((upstream, octets, port)));
    }

    /// A query over TCP arrives at an upstream.
    pub(super) fn tcp_query(&mut self, ticket: Ticket, upstream: usize, octets: &[u8]) {
        let qname = Name::from_wire(Question::parse(octets).unwrap().qname).unwrap();
        if self.muted.is_some_and(|muted| qname.is_within(&muted)) {
            return;
        }
        let failed = |reason| Event::Error(FlightError::Tcp { ticket, upstream, reason });
        let event = match self.upstreams[upstream].tcp {
            Tcp::Answers => {
                let message = response(octets, Rcode::NOERROR, 0, address_of(upstream));
                return self
                    .flights
                    .tcp_answer(ticket, upstream, &message, self.now);
            }
            Tcp::Truncates => {
                let message = response(octets, Rcode::NOERROR, Flags::TC, address_of(upstream));
                return self
                    .flights
                    .tcp_answer(ticket, upstream, &message, self.now);
            }
            Tcp::Refuses => failed(UpstreamFailure::Refused),
            Tcp::Closes => failed(UpstreamFailure::Closed),
            Tcp::ClosesIdle => Event::Error(FlightError::Unasked { ticket }),
            Tcp::Hangs | Tcp::Busy => return,
        };
        let latency = self.latency(upstream);
        self.at(latency, event);
    }
}

/// How soon forged ICMP comes for a datagram.
const ICMP: Duration = Duration::from_micros(100);

//! A lookup on its way, with the packets that it has sent.

use stub::client::{Ending, Event, Fault, Lookup, Packet, Qtype, Reply};

use dns::{Flags, Header, Records, Rtype, Section, skip_name};

use crate::account::answers;
use crate::plan::Due;
use crate::recorder::{Answered, Icmp, Recorder};
use crate::series::Tally;
use crate::workload::{MAX_QUERY_LEN, Workload};

#[derive(Debug)]
pub(super) struct Running {
    pub(super) lookup: Lookup,
    /// Its walk in the workload.
    item: u32,
    pub(super) client: u32,
    pub(super) phase: u8,
    due: u64,
    /// When its first packet left.
    sent: Option<u64>,
    pub(super) timer: Option<u64>,
    /// Open sockets: the model's number, and the place among all.
    sockets: Vec<(u16, u32)>,
    flights: Vec<Flight>,
}

/// A packet, and what became of it.
#[derive(Clone, Copy, Debug)]
struct Flight {
    packet: Packet,
    due: u64,
    sent: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Queued,
    Waiting,
    Answered,
    Ended,
}

impl Flight {
    const fn is_open(&self) -> bool {
        matches!(self.state, State::Queued | State::Waiting)
    }
}

impl Running {
    pub(super) const fn new(lookup: Lookup, item: u32, client: u32, due: Due) -> Self {
        Self {
            lookup,
            item,
            client,
            phase: due.phase,
            due: due.at,
            sent: None,
            timer: None,
            sockets: Vec::new(),
            flights: Vec::new(),
        }
    }

    pub(super) fn opened(&mut self, socket: u16, place: u32) {
        self.sockets.push((socket, place));
    }

    pub(super) fn place_of(&self, socket: u16) -> Option<u32> {
        let found = self.sockets.iter().find(|(number, _)| *number == socket);
        found.map(|(_, place)| *place)
    }

    pub(super) fn any_socket(&self) -> Option<u16> {
        self.sockets.first().map(|(number, _)| *number)
    }

    /// Forgets a socket; returns its place.
    pub(super) fn closed(&mut self, socket: u16) -> Option<u32> {
        let at = self
            .sockets
            .iter()
            .position(|(number, _)| *number == socket)?;
        Some(self.sockets.swap_remove(at).1)
    }

    /// Takes a packet that is about to leave; returns its place.
    pub(super) fn fly(&mut self, packet: Packet, due: u64) -> usize {
        self.flights
            .push(Flight { packet, due, sent: due, state: State::Queued });
        self.flights.len() - 1
    }

    /// The query of a packet, composed; in `scratch` where its name is its own.
    pub(super) fn query<'a>(
        &self,
        packet: &Packet,
        workload: &'a Workload,
        scratch: &'a mut [u8; MAX_QUERY_LEN],
    ) -> Option<&'a [u8]> {
        let step = workload.step(self.item, u8::try_from(packet.name).ok()?)?;
        let place = u32::from(packet.qtype == Qtype::Aaaa);
        Some(workload.as_sent(step.first + place, self.due, scratch))
    }

    /// Notes that the packet at `place` left at `at`.
    pub(super) fn left(&mut self, place: usize, at: u64, recorder: &mut Recorder) {
        let Some(flight) = self.flights.get_mut(place) else { return };
        if flight.state != State::Queued {
            return;
        }
        (flight.state, flight.sent) = (State::Waiting, at);
        recorder.phase(self.phase).sent(flight.due, at);
        recorder.series.count(flight.due, Tally::Sent);
        self.sent.get_or_insert(at);
    }

    /// Notes that all that is queued for a connection left at `at`.
    pub(super) fn left_by(&mut self, socket: u16, at: u64, recorder: &mut Recorder) {
        for place in 0..self.flights.len() {
            if self
                .flights
                .get(place)
                .is_some_and(|flight| flight.packet.socket == socket)
            {
                self.left(place, at, recorder);
            }
        }
    }

    /// Notes that the system did not take the packet at `place`.
    pub(super) fn unsent(&mut self, place: usize, errno: i32, recorder: &mut Recorder) -> usize {
        let Some(flight) = self.flights.get_mut(place) else { return 0 };
        if flight.state != State::Queued {
            return 0;
        }
        flight.state = State::Ended;
        let record = recorder.phase(self.phase);
        record.counts.unsendable += 1;
        *record.send_errors.entry(errno).or_default() += 1;
        recorder.series.count(flight.due, Tally::NotSent);
        1
    }

    /// Takes a message that `socket` received at `at`: how many packets it ended, and
    /// the event that the lookup gets.
    pub(super) fn receive(
        &mut self,
        (socket, server): (u16, Option<u8>),
        message: &[u8],
        at: u64,
        workload: &Workload,
        recorder: &mut Recorder,
    ) -> Option<(usize, Event)> {
        let found = Header::parse(message)
            .filter(|header| header.flags.has(Flags::QR))
            .and_then(|header| Some((self.find(socket, &header, message, workload)?, header)));
        let record = recorder.phase(self.phase);
        let Some((place, header)) = found else {
            record.counts.wrong += 1;
            return None;
        };
        let flight = self.flights.get_mut(place)?;
        let packet = flight.packet;
        let reply = read(message, &header, packet.qtype);
        let mut ended = 0;
        if flight.state == State::Waiting {
            flight.state = State::Answered;
            ended = 1;
            record.counts.truncated += u64::from(reply.truncated);
            let Flight { due, sent, .. } = *flight;
            let rcode = header.flags.rcode();
            recorder.answered(self.phase, &Answered { due, sent, received: at, rcode });
        } else {
            record.counts.duplicate += 1;
        }
        let server = server.unwrap_or(packet.server);
        Some((ended, Event::Reply { socket, query: packet.query, server, reply }))
    }

    /// The first packet that waits for this message, else one that it answers again.
    fn find(
        &self,
        socket: u16,
        header: &Header,
        message: &[u8],
        workload: &Workload,
    ) -> Option<usize> {
        let fits = |flight: &&Flight| {
            let packet = &flight.packet;
            let mut scratch = [0; MAX_QUERY_LEN];
            let query = self.query(packet, workload, &mut scratch);
            packet.socket == socket
                && packet.id == header.id
                && query.is_some_and(|query| answers(query, message, header))
        };
        let all = || (0..).zip(&self.flights).filter(|(_, flight)| fits(flight));
        let waits = all().find(|(_, flight)| flight.state == State::Waiting);
        let again = || all().find(|(_, flight)| flight.state == State::Answered);
        waits.or_else(again).map(|(place, _)| place)
    }

    /// Counts an ICMP message about the packet with this id; returns how many it ended.
    pub(super) fn refuse(
        &mut self,
        socket: u16,
        id: Option<u16>,
        icmp: Icmp,
        recorder: &mut Recorder,
    ) -> usize {
        *recorder.phase(self.phase).icmp.entry(icmp).or_default() += 1;
        let is_it = |flight: &&mut Flight| {
            let packet = &flight.packet;
            flight.state == State::Waiting && packet.socket == socket && Some(packet.id) == id
        };
        let Some(flight) = self.flights.iter_mut().find(is_it) else { return 0 };
        if icmp.is_about_size() {
            return 0;
        }
        flight.state = State::Ended;
        recorder.phase(self.phase).counts.refused += 1;
        recorder.series.count(flight.due, Tally::Refused);
        1
    }

    /// Ends what waits on a socket that is closed: nothing that comes can be read any
    /// more. Returns how many packets that were.
    pub(super) fn lose(&mut self, socket: u16, recorder: &mut Recorder) -> usize {
        let phase = self.phase;
        let open = self
            .flights
            .iter_mut()
            .filter(|flight| flight.packet.socket == socket && flight.is_open());
        let mut ended = 0;
        for flight in open {
            let counts = &mut recorder.phase(phase).counts;
            let tally = match flight.state {
                State::Queued => {
                    counts.unconnected += 1;
                    Tally::NotSent
                }
                _ => {
                    counts.lost += 1;
                    Tally::Lost
                }
            };
            recorder.series.count(flight.due, tally);
            flight.state = State::Ended;
            ended += 1;
        }
        ended
    }

    /// The whole lookup is over.
    pub(super) fn end(&self, ending: Ending, at: u64, recorder: &mut Recorder) {
        let record = recorder.phase(self.phase);
        let lookups = &mut record.counts.lookups;
        match ending {
            Ending::Resolved => lookups.resolved += 1,
            Ending::Denied => lookups.denied += 1,
            Ending::Failed => lookups.failed += 1,
        }
        record.lookup_ended(self.due, self.sent.unwrap_or(self.due), at);
    }

    /// Counts what waits as unfinished.
    pub(super) fn interrupt(&self, recorder: &mut Recorder) {
        for flight in self.flights.iter().filter(|flight| flight.is_open()) {
            let counts = &mut recorder.phase(self.phase).counts;
            match flight.state {
                State::Queued => counts.unconnected += 1,
                _ => counts.unfinished += 1,
            }
        }
    }
}

/// What a stub resolver looks at.
fn read(message: &[u8], header: &Header, qtype: Qtype) -> Reply {
    let rtype = match qtype {
        Qtype::A => Rtype::A,
        Qtype::Aaaa => Rtype::AAAA,
    };
    // The question is there, or there would be no match; an error may lack it.
    let questions = usize::from(header.counts[0] > 0);
    let end = if questions == 0 { Some(dns::HEADER_LEN) } else { after_question(message) };
    let mut records = end.map(|end| Records::new(message, end, header));
    let has_address = records.as_mut().is_some_and(|records| {
        records
            .map_while(Result::ok)
            .take_while(|record| record.section == Section::Answer)
            .any(|record| record.rtype == rtype)
    });
    let flags = header.flags;
    Reply {
        rcode: u8::try_from(flags.rcode().0 & 15).unwrap_or(0),
        answers: header.counts[1],
        has_address,
        is_sound: flags.has(Flags::AA) || flags.has(Flags::RA) || header.counts[3] > 0,
        truncated: flags.has(Flags::TC),
    }
}

fn after_question(message: &[u8]) -> Option<usize> {
    Some(skip_name(message, dns::HEADER_LEN).ok()? + TYPE_AND_CLASS)
}

/// The event of a socket that met this error of the system; zero for none.
pub(super) const fn broken(socket: u16, errno: i32) -> Event {
    let fault = match errno {
        ECONNREFUSED => Fault::Refused,
        ECONNRESET => Fault::Reset,
        _ => Fault::Other,
    };
    Event::Broken { socket, fault }
}

const TYPE_AND_CLASS: usize = 4;
/// Linux's numbers.
const ECONNRESET: i32 = 104;
const ECONNREFUSED: i32 = 111;

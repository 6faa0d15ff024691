//! Upstreams of the world: what they do with queries, and the octets of what
//! they send.

use std::time::Duration;

use dns::{Class, Flags, Header, Name, Question, Rcode, Rtype};

/// What an upstream does, and the network before it.
#[derive(Clone, Debug)]
pub(crate) struct Conduct {
    /// One way and back.
    pub(crate) latency: Duration,
    /// What may be added to it, so that messages overtake each other.
    pub(crate) jitter: Duration,
    /// The part of all datagrams that is lost, each way.
    pub(crate) loss: f64,
    /// The part of all datagrams that arrives twice.
    pub(crate) duplicates: f64,
    /// What is sent before the right answer, in vain if all is well.
    pub(crate) forged: Vec<Wrong>,
    /// Whether ICMP is forged for each datagram as soon as it leaves.
    pub(crate) icmp: bool,
    pub(crate) udp: Udp,
    pub(crate) tcp: Tcp,
}

/// What it does with a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Udp {
    Answers,
    /// With TC=1.
    Truncates,
    Fails(Rcode),
    /// FORMERR, if the query has an OPT.
    KnowsNoEdns,
    Silent,
    /// ICMP: nothing listens there.
    Closed,
    /// The system does not let it leave: EPERM.
    Forbidden,
    /// It asks us, and passes our answer on.
    AsksUs,
}

/// What it does with a query over TCP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tcp {
    Answers,
    Truncates,
    /// A reset, instead of a connection.
    Refuses,
    /// No answer, and no end.
    Hangs,
    /// The connection ends before the answer.
    Closes,
    /// The connection ends before the answer; there were answers on it before.
    ClosesIdle,
    /// There is no room on our connections.
    Busy,
}

/// A message that is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wrong {
    Class,
    Id,
    Malformed,
    Name,
    NotAResponse,
    Opcode,
    Owner,
    QuestionCount,
    Short,
    Type,
}

impl Wrong {
    pub(crate) const ALL: [Self; 10] = [
        Self::Class,
        Self::Id,
        Self::Malformed,
        Self::Name,
        Self::NotAResponse,
        Self::Opcode,
        Self::Owner,
        Self::QuestionCount,
        Self::Short,
        Self::Type,
    ];
}

impl Default for Conduct {
    /// A good one, a millisecond away.
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(1),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicates: 0.0,
            forged: Vec::new(),
            icmp: false,
            udp: Udp::Answers,
            tcp: Tcp::Answers,
        }
    }
}

impl From<Udp> for Conduct {
    fn from(udp: Udp) -> Self {
        Self { udp, ..Self::default() }
    }
}

impl From<Tcp> for Conduct {
    fn from(tcp: Tcp) -> Self {
        Self { udp: Udp::Truncates, tcp, ..Self::default() }
    }
}

/// Composes the response to `query`: one A record for NOERROR, else none.
pub(crate) fn response(query: &[u8], rcode: Rcode, more: u16, address: [u8; 4]) -> Vec<u8> {
    let header = Header::parse(query).unwrap();
    let question = Question::parse(query).unwrap();
    let records = u16::from(rcode == Rcode::NOERROR);
    let flags = Flags(Flags::QR | Flags::RD | Flags::RA | more).with_rcode(rcode);
    let mut out = vec![0; dns::HEADER_LEN];
    let counts = [1, records, 0, 0];
    Header { id: header.id, flags, counts }.patch(&mut out);
    out.extend(&query[dns::HEADER_LEN..question.end()]);
    if records > 0 {
        out.extend(record(&[0xc0, 0x0c], address));
    }
    out
}

fn record(owner: &[u8], address: [u8; 4]) -> Vec<u8> {
    let mut out = owner.to_vec();
    out.extend(Rtype::A.0.to_be_bytes());
    out.extend(Class::IN.0.to_be_bytes());
    out.extend([0, 0, 0, 30, 0, 4]);
    out.extend(address);
    out
}

/// Composes a message with a forged address that is no answer to `query`.
pub(crate) fn forge(query: &[u8], wrong: Wrong) -> Vec<u8> {
    let mut out = response(query, Rcode::NOERROR, 0, FORGED);
    let question_end = Question::parse(query).unwrap().end();
    match wrong {
        Wrong::Class => out[question_end - 1] = 3,
        Wrong::Id => out[0] ^= 0x55,
        Wrong::Malformed => out.truncate(out.len() - 2),
        // The first letter of its first label.
        Wrong::Name => out[dns::HEADER_LEN + 1] ^= 0x01,
        Wrong::NotAResponse => out[2] &= 0x7f,
        Wrong::Opcode => out[2] |= 0x10,
        Wrong::Owner => {
            out.truncate(question_end);
            out.extend(record(Name::from_text("evil.test.").unwrap().as_wire(), FORGED));
        }
        Wrong::QuestionCount => out[5] = 2,
        Wrong::Short => out.truncate(7),
        Wrong::Type => out[question_end - 3] = 28,
    }
    out
}

/// What no client may ever see.
pub(crate) const FORGED: [u8; 4] = [203, 0, 113, 66];

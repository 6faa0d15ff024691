//! Who is where in the world, and what is read from messages.

use super::*;

pub(super) type What = (Rcode, Option<IpAddr>, Origin);

pub(super) fn read(entry: &Entry, origin: Origin) -> What {
    (entry.head.rcode, address(&entry.message), origin)
}

/// The first address in a message.
pub(super) fn address(message: &[u8]) -> Option<IpAddr> {
    let (header, question) = (Header::parse(message)?, Question::parse(message).ok()?);
    let mut records = Records::new(message, question.end(), &header);
    let record =
        records.find_map(|record| record.ok().filter(|record| record.rtype == Rtype::A))?;
    let octets: [u8; 4] = message[record.rdata].try_into().ok()?;
    Some(octets.into())
}

/// Where a client is.
pub(super) fn client_of(client: u16) -> SocketAddr {
    (Ipv4Addr::from(0x0af4_0000 + u32::from(client)), 1000 + client).into()
}

/// What of an end one who waits gets.
pub(super) fn told(closed: &Closed, ask: &Ask) -> What {
    let over_udp = matches!(ask.reply_to, ReplyTo::Udp { .. });
    match closed.truncated.as_ref().filter(|_| over_udp) {
        Some(truncated) => read(truncated, Origin::Upstream),
        None => read(&closed.entry, closed.origin),
    }
}

pub(super) fn number_of(ask: &Ask) -> u64 {
    ask.limit as u64
}

pub(super) fn retained(qname: Name, id: u16) -> Retained {
    let opt = Opt { udp_payload_size: 1232, extended_rcode: 0, version: 0, dnssec_ok: false };
    let (qtype, qclass) = (Rtype::A, dns::Class::IN);
    Retained { id, flags: Flags(Flags::RD), qname, qtype, qclass, edns: Some(opt) }
}

/// Where an upstream is.
pub(crate) fn addr_of(upstream: usize) -> SocketAddr {
    (Ipv4Addr::new(10, 96, 0, 10 + u8::try_from(upstream).unwrap()), 53).into()
}

/// What an upstream answers.
pub(crate) fn address_of(upstream: usize) -> [u8; 4] {
    [192, 0, 2, 1 + u8::try_from(upstream).unwrap()]
}

/// The socket through which all clients ask. Nothing is sent through it.
pub(super) fn socket() -> Arc<::udp::Socket> {
    static SOCKET: OnceLock<Arc<::udp::Socket>> = OnceLock::new();
    let bind = || ::udp::Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), &Default::default());
    Arc::clone(SOCKET.get_or_init(|| Arc::new(bind().unwrap())))
}

/// What the system says of a port where nothing listens.
pub(super) const ECONNREFUSED: i32 = 111;

/// What the system says when there is no descriptor left.
pub(super) const EMFILE: i32 = 24;

/// What the system says to a send from a socket that was destroyed.
pub(super) const EDESTADDRREQ: i32 = 89;

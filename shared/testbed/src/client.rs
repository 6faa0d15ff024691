//! A blocking DNS client on hickory-proto alone.
//!
//! It hears only the address it asked: its UDP socket is connected, so a reply
//! from elsewhere is silence. Octets can be sent that no client would send.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

pub use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
pub use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

/// A query to be, recursion desired and nothing else set.
#[derive(Clone, Debug)]
pub struct Query {
    message: Message,
}

/// Asks for `name`, in this very case, and a type by its mnemonic (`A`,
/// `TYPE65280`).
///
/// # Panics
///
/// When either is not one.
pub fn query(name: &str, qtype: &str) -> Query {
    Query::new(name, qtype)
}

impl Query {
    /// See [`query`].
    ///
    /// # Panics
    ///
    /// When `name` is no name or `qtype` no type: a test is misspelled.
    pub fn new(name: &str, qtype: &str) -> Self {
        let mut qname = Name::from_ascii(name).unwrap_or_else(|error| bad(name, &error));
        qname.set_fqdn(true);
        let number = qtype
            .strip_prefix("TYPE")
            .and_then(|digits| digits.parse::<u16>().ok());
        let qtype = match number {
            Some(number) => RecordType::from(number),
            None => qtype.parse().unwrap_or_else(|error| bad(qtype, &error)),
        };
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(hickory_proto::op::Query::query(qname, qtype));
        Self { message }
    }

    /// Sets the id; random by default.
    #[must_use]
    pub fn id(mut self, id: u16) -> Self {
        self.message.metadata.id = id;
        self
    }

    /// Clears RD.
    #[must_use]
    pub fn no_recursion(mut self) -> Self {
        self.message.metadata.recursion_desired = false;
        self
    }

    /// Sets CD.
    #[must_use]
    pub fn checking_disabled(mut self) -> Self {
        self.message.metadata.checking_disabled = true;
        self
    }

    /// Sets AD.
    #[must_use]
    pub fn authentic_data(mut self) -> Self {
        self.message.metadata.authentic_data = true;
        self
    }

    /// Adds an OPT with this UDP payload size.
    #[must_use]
    pub fn edns(mut self, udp_payload_size: u16) -> Self {
        self.edns_mut().set_max_payload(udp_payload_size);
        self
    }

    /// Adds an OPT with DO.
    #[must_use]
    pub fn dnssec_ok(mut self) -> Self {
        self.edns_mut().set_dnssec_ok(true);
        self
    }

    /// Adds an OPT with this version (0 is the only one there is).
    #[must_use]
    pub fn edns_version(mut self, version: u8) -> Self {
        self.edns_mut().set_version(version);
        self
    }

    /// Adds an EDNS option of this code and content.
    #[must_use]
    pub fn edns_option(mut self, code: u16, content: &[u8]) -> Self {
        use hickory_proto::rr::rdata::opt::EdnsOption;
        self.edns_mut()
            .options_mut()
            .insert(EdnsOption::Unknown(code, content.to_vec()));
        self
    }

    /// Asks in another class.
    #[must_use]
    pub fn class(mut self, class: u16) -> Self {
        if let Some(question) = self.message.queries.first_mut() {
            question.set_query_class(DNSClass::from(class));
        }
        self
    }

    /// Changes anything else.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Message)) -> Self {
        change(&mut self.message);
        self
    }

    /// The message id.
    pub fn message_id(&self) -> u16 {
        self.message.metadata.id
    }

    /// The octets that are sent.
    ///
    /// # Panics
    ///
    /// When a change made the message one that has no wire form.
    pub fn octets(&self) -> Vec<u8> {
        self.message
            .to_vec()
            .unwrap_or_else(|error| bad("query", &error))
    }

    fn edns_mut(&mut self) -> &mut Edns {
        self.message.edns.get_or_insert_with(|| {
            let mut edns = Edns::new();
            edns.set_max_payload(1232);
            edns
        })
    }
}

/// A client: its source, its server, and how long it waits.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    server: SocketAddr,
    source: Option<IpAddr>,
    timeout: Duration,
}

impl Client {
    /// Asks `server` from any address and waits five seconds, as glibc does.
    pub fn new(server: SocketAddr) -> Self {
        Self { server, source: None, timeout: Duration::from_secs(5) }
    }

    /// Asks from this address.
    #[must_use]
    pub fn from(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Waits this long for each reply.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks by UDP; the reply has the query's id.
    ///
    /// # Errors
    ///
    /// Silence is `TimedOut`, a closed port `ConnectionRefused`, a reply that
    /// does not parse or has another id `InvalidData`.
    pub fn udp(&self, query: &Query) -> io::Result<Message> {
        let octets = self
            .exchange_udp(&query.octets())?
            .ok_or(ErrorKind::TimedOut)?;
        answer_to(query, &octets)
    }

    /// Asks by TCP, on a connection of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::udp`]; the end of the connection is `UnexpectedEof`.
    pub fn tcp(&self, query: &Query) -> io::Result<Message> {
        let mut connection = self.connect()?;
        connection.send(&query.octets())?;
        let octets = connection.receive()?.ok_or(ErrorKind::UnexpectedEof)?;
        answer_to(query, &octets)
    }

    /// Sends a datagram of any octets; `None` is silence.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn exchange_udp(&self, octets: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let socket = self.socket()?;
        socket.send(octets)?;
        receive_datagram(&socket)
    }

    /// A UDP socket that is connected to the server, with the timeout set.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn socket(&self) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(self.local())?;
        socket.connect(self.server)?;
        socket.set_read_timeout(Some(self.timeout))?;
        Ok(socket)
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// Those of the socket; a SYN without answer is `TimedOut`.
    pub fn connect(&self) -> io::Result<Connection> {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::for_address(self.server), Type::STREAM, None)?;
        socket.bind(&self.local().into())?;
        socket.connect_timeout(&self.server.into(), self.timeout)?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream })
    }

    fn local(&self) -> SocketAddr {
        let any = if self.server.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
        SocketAddr::new(self.source.unwrap_or(any), 0)
    }
}

/// A TCP connection of length-prefixed messages (RFC 1035, section 4.2.2).
#[derive(Debug)]
pub struct Connection {
    /// The stream itself, for what the methods do not offer.
    pub stream: TcpStream,
}

impl Connection {
    /// Sends one message in one write.
    ///
    /// # Errors
    ///
    /// Those of the socket; a message above 65,535 octets is `InvalidInput`.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(octets)?)
    }

    /// Sends many queries in one write, pipelined (RFC 7766, section 6.2.1.1).
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn send_all(&mut self, queries: &[Query]) -> io::Result<()> {
        let frames: io::Result<Vec<_>> =
            queries.iter().map(|query| frame(&query.octets())).collect();
        self.stream.write_all(&frames?.concat())
    }

    /// Sends octets as they are, without a length.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn send_raw(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets)
    }

    /// Reads one message; `None` when the peer ended the connection cleanly.
    ///
    /// # Errors
    ///
    /// Silence is `TimedOut`; an end inside a frame is `UnexpectedEof`.
    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut length = [0; 2];
        if self.stream.read(&mut length[..1]).map_err(timed_out)? == 0 {
            return Ok(None);
        }
        self.stream
            .read_exact(&mut length[1..])
            .map_err(timed_out)?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut octets).map_err(timed_out)?;
        Ok(Some(octets))
    }
}

/// Receives one datagram; `None` is silence.
///
/// # Errors
///
/// Those of the socket but for its timeout.
pub fn receive_datagram(socket: &UdpSocket) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    match socket.recv(&mut buffer).map_err(timed_out) {
        Ok(length) => {
            buffer.truncate(length);
            Ok(Some(buffer))
        }
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(None),
        Err(error) => Err(error),
    }
}

/// Parses a message.
///
/// # Errors
///
/// `InvalidData`, with hickory's reason.
pub fn parse(octets: &[u8]) -> io::Result<Message> {
    Message::from_vec(octets).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

/// The addresses of a message's A and AAAA records, in order.
pub fn addresses(message: &Message) -> Vec<IpAddr> {
    let address = |record: &Record| match &record.data {
        RData::A(a) => Some(a.0.into()),
        RData::AAAA(aaaa) => Some(aaaa.0.into()),
        _ => None,
    };
    message.answers.iter().filter_map(address).collect()
}

fn answer_to(query: &Query, octets: &[u8]) -> io::Result<Message> {
    let message = parse(octets)?;
    if message.metadata.id != query.message_id() {
        return Err(io::Error::new(ErrorKind::InvalidData, "the reply has another id"));
    }
    Ok(message)
}

fn frame(octets: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(octets.len()).map_err(|_| ErrorKind::InvalidInput)?;
    Ok([&length.to_be_bytes(), octets].concat())
}

/// A socket's timeout is EAGAIN on Linux, which reads like a busy socket.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

#[expect(clippy::panic, reason = "a misspelled test should fail loudly, at its own line")]
fn bad(what: &str, why: &dyn std::error::Error) -> ! {
    panic!("{what}: {why}")
}

//! One query, and what became of it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use diagnose::Tries;
use dns::{Flags, Header, Name, Rcode, Rtype};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

/// A query to be sent.
#[derive(Clone, Debug)]
pub(super) struct Question {
    id: u16,
    message: Vec<u8>,
}

impl Question {
    /// A query with recursion desired.
    pub(super) fn new(name: &Name, qtype: Rtype) -> Self {
        let id = rand::random();
        Self { id, message: dns::query(id, name, qtype) }
    }

    fn header_of(&self, octets: &[u8]) -> Option<Header> {
        Header::of_response(octets, self.id)
    }
}

/// Where a query over UDP came from, and its answer.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) from: Option<SocketAddr>,
    pub(super) answer: Option<Vec<u8>>,
}

/// Sends a query from a port of its own.
pub(super) async fn udp(server: SocketAddr, question: &Question, tries: &mut Tries) -> Asked {
    let mut asked = Asked::default();
    tries.sent += 1;
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = match UdpSocket::bind((any, 0)).await {
        Ok(socket) => socket,
        Err(error) => {
            failed(error.kind(), tries);
            return asked;
        }
    };
    let started = Instant::now();
    if let Err(error) = socket.connect(server).await {
        failed(error.kind(), tries);
        return asked;
    }
    asked.from = socket.local_addr().ok();
    if let Err(error) = socket.send(&question.message).await {
        failed(error.kind(), tries);
        return asked;
    }
    let answer = async {
        let mut octets = vec![0; 4096];
        loop {
            let len = socket.recv(&mut octets).await?;
            if let Some(header) = question.header_of(octets.get(..len).unwrap_or_default()) {
                octets.truncate(len);
                return Ok::<_, std::io::Error>((header, octets));
            }
        }
    };
    match timeout(PATIENCE, answer).await {
        Ok(Ok((header, octets))) => {
            answered(header, started.elapsed(), tries);
            asked.answer = Some(octets);
        }
        Ok(Err(error)) => failed(error.kind(), tries),
        Err(_) => tries.timeouts += 1,
    }
    asked
}

/// Sends a query by a connection of its own.
pub(super) async fn tcp(server: SocketAddr, question: &Question, tries: &mut Tries) {
    tries.sent += 1;
    let started = Instant::now();
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        let len = u16::try_from(question.message.len()).unwrap_or_default();
        stream
            .write_all(&[&len.to_be_bytes()[..], &question.message].concat())
            .await?;
        let mut head = [0; 2];
        stream.read_exact(&mut head).await?;
        let mut octets = vec![0; u16::from_be_bytes(head).into()];
        stream.read_exact(&mut octets).await?;
        Ok::<_, std::io::Error>(octets)
    };
    match timeout(PATIENCE, exchange).await {
        Ok(Ok(octets)) => match question.header_of(&octets) {
            Some(header) => answered(header, started.elapsed(), tries),
            None => tries.timeouts += 1,
        },
        Ok(Err(error)) => failed(error.kind(), tries),
        Err(_) => tries.timeouts += 1,
    }
}

fn answered(header: Header, took: Duration, tries: &mut Tries) {
    let (rcode, flags) = (header.flags.rcode(), header.flags);
    *tries.rcodes.entry(rcode.to_string()).or_default() += 1;
    tries.slow += u32::from(took > SLOW);
    if rcode == Rcode::SERVFAIL {
        tries.relayed += u32::from(flags.has(Flags::RA));
        tries.not_synced += u32::from(flags.has(Flags::AA) && !flags.has(Flags::RA));
    }
}

/// What the system's error is evidence of: by a firewall's or REJECT's EPERM the kernel
/// did not even send.
fn failed(kind: ErrorKind, tries: &mut Tries) {
    match kind {
        ErrorKind::PermissionDenied => tries.not_permitted += 1,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => tries.refused += 1,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => tries.unreachable += 1,
        _ => tries.timeouts += 1,
    }
}

/// Longer than a healthy server ever takes, shorter than a person waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// The limit of the runbooks for the p99 of DNS.
const SLOW: Duration = Duration::from_millis(500);

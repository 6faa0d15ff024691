//! Forwarders that a loop can be made of, with what they forward counted.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testbed::client::{Edns, Message, RecordType, ResponseCode, parse};
use testbed::pace;

/// A forwarder that answers NXDOMAIN to everything until it is told to whom
/// to forward; then it does that, with an id and a socket of its own for each
/// query, and relays what comes back.
pub(crate) struct Forwarder {
    pub(crate) addr: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    kind: Kind,
    target: Mutex<Option<SocketAddr>>,
    received: AtomicU64,
    per_name: Mutex<Vec<String>>,
}

/// What a forwarder makes of a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Its octets under another id.
    Naive,
    /// A query of its own for the same question, as systemd-resolved does: with
    /// its own OPT, and once more without when that fails.
    Stub,
    /// As `Stub`, but it answers for no HINFO and no TXT.
    Picky,
    /// As `Naive`, but it takes its time.
    Slow,
}

impl Forwarder {
    pub(crate) fn start(kind: Kind) -> Self {
        // Another test may have the port of one of them for the other.
        let both = (0..20).find_map(|_| {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            Some((TcpListener::bind(udp.local_addr().unwrap()).ok()?, udp))
        });
        let (tcp, udp) = both.unwrap();
        let addr = udp.local_addr().unwrap();
        let inner = Arc::new(Inner {
            kind,
            target: Mutex::new(None),
            received: AtomicU64::new(0),
            per_name: Mutex::default(),
        });
        let (over_udp, over_tcp) = (Arc::clone(&inner), Arc::clone(&inner));
        // They end with the test's process.
        std::thread::spawn(move || over_udp.serve_udp(&udp));
        std::thread::spawn(move || over_tcp.serve_tcp(&tcp));
        Self { addr, inner }
    }

    /// Forwards to `target` from here on.
    pub(crate) fn forward_to(&self, target: SocketAddr) {
        *self.inner.target.lock().unwrap() = Some(target);
    }

    /// Queries for `name` and names below it.
    pub(crate) fn count(&self, name: &str) -> usize {
        let names = self.inner.per_name.lock().unwrap();
        names.iter().filter(|other| other.ends_with(name)).count()
    }

    pub(crate) fn total(&self) -> u64 {
        self.inner.received.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn serve_udp(self: Arc<Self>, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while let Ok((len, peer)) = socket.recv_from(&mut buffer) {
            let (query, inner) = (buffer[..len].to_vec(), Arc::clone(&self));
            let socket = socket.try_clone().unwrap();
            std::thread::spawn(move || {
                if let Some(reply) = inner.answer(&query, exchange_udp) {
                    socket.send_to(&reply, peer).ok();
                }
            });
        }
    }

    fn serve_tcp(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            let inner = Arc::clone(&self);
            std::thread::spawn(move || {
                let mut stream = stream;
                while let Some(query) = read_frame(&mut stream) {
                    let Some(reply) = inner.answer(&query, exchange_tcp) else { continue };
                    write_frame(&mut stream, &reply);
                }
            });
        }
    }

    fn answer(&self, octets: &[u8], exchange: Exchange) -> Option<Vec<u8>> {
        let query = parse(octets).ok()?;
        // A loop that is not broken must end with its test.
        if self.received.fetch_add(1, Ordering::Relaxed) >= RUNAWAY {
            return None;
        }
        let name = query.queries.first()?.name().to_string().to_lowercase();
        self.per_name.lock().unwrap().push(name);
        let qtype = query.queries.first()?.query_type();
        if self.kind == Kind::Picky && qtype == RecordType::HINFO {
            return respond(&query, ResponseCode::Refused).to_vec().ok();
        }
        if self.kind == Kind::Picky && qtype == RecordType::TXT {
            return respond(&query, ResponseCode::NotImp).to_vec().ok();
        }
        let Some(target) = *self.target.lock().unwrap() else {
            return respond(&query, ResponseCode::NXDomain).to_vec().ok();
        };
        let mut reply = match self.kind {
            Kind::Naive | Kind::Slow => {
                if self.kind == Kind::Slow {
                    pace(SLOW);
                }
                let mut forwarded = octets.to_vec();
                forwarded[..2].copy_from_slice(&other_id(octets));
                exchange(target, &forwarded)?
            }
            Kind::Stub | Kind::Picky => stub(&query, other_id(octets), target, exchange)?,
        };
        reply[..2].copy_from_slice(&octets[..2]);
        Some(reply)
    }
}

type Exchange = fn(SocketAddr, &[u8]) -> Option<Vec<u8>>;

fn stub(query: &Message, id: [u8; 2], target: SocketAddr, exchange: Exchange) -> Option<Vec<u8>> {
    let mut own = Message::query();
    own.metadata.id = u16::from_be_bytes(id);
    own.metadata.recursion_desired = true;
    own.queries.clone_from(&query.queries);
    let mut edns = Edns::new();
    edns.set_max_payload(1472);
    own.edns = Some(edns);
    let reply = exchange(target, &own.to_vec().ok()?)?;
    if parse(&reply).ok()?.metadata.response_code != ResponseCode::ServFail {
        return Some(reply);
    }
    own.edns = None;
    own.metadata.id ^= 1;
    exchange(target, &own.to_vec().ok()?)
}

fn respond(query: &Message, rcode: ResponseCode) -> Message {
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.response_code = rcode;
    reply.metadata.recursion_available = true;
    reply.queries.clone_from(&query.queries);
    reply
}

/// Any other than the one it came with.
fn other_id(octets: &[u8]) -> [u8; 2] {
    [octets[0] ^ 0x55, octets[1].wrapping_add(1)]
}

fn exchange_udp(target: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.connect(target).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.send(query).ok()?;
    let mut reply = vec![0; 4096];
    let len = socket.recv(&mut reply).ok()?;
    reply.truncate(len);
    Some(reply)
}

fn exchange_tcp(target: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(target).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write_frame(&mut stream, query);
    read_frame(&mut stream)
}

fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut message = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

fn write_frame(stream: &mut TcpStream, message: &[u8]) {
    let len = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&len, message].concat()).ok();
}

/// Longer than any patience that the proxy has with a probe.
const SLOW: Duration = Duration::from_millis(600);

/// CoreDNS made 20,000 of one query in three seconds.
const RUNAWAY: u64 = 2000;

/// As systemd-resolved.
const PATIENCE: Duration = Duration::from_secs(5);

//! A question that has to be asked, and where its answer goes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dns::Rcode;
use tokio::sync::mpsc;

use resolver::{Held, Hops, Moment, Retained, Room, Waiter};
use resolver::{Key, KeyView};

/// One client's question.
#[derive(Debug)]
pub struct Ask {
    /// The hash of the key of its answer: taken once, when the cache
    /// was looked into.
    pub hash: u64,
    /// The query as it came.
    pub query: Retained,
    /// The proxies that it passed.
    pub hops: Hops,
    /// Where the answer goes.
    pub reply_to: ReplyTo,
    /// Octets of the longest answer its client takes.
    pub limit: usize,
    /// When it arrived.
    pub arrived: Moment,
}

/// Where an answer goes.
#[derive(Debug)]
pub enum ReplyTo {
    /// Out of the socket it was asked through.
    Udp {
        /// That socket.
        socket: Arc<udp::Socket>,
        /// The client.
        peer: SocketAddr,
        /// Our address that it asked.
        local: Option<udp::LocalAddr>,
    },
    /// To the connection it was asked through.
    Tcp(TcpReply),
    /// To ourselves: only its RCODE is of interest, if anything.
    Probe(ProbeReply),
    /// To the cache alone: the client has an answer already.
    Refresh,
}

/// A question of our own, which looks for a loop behind one upstream.
#[derive(Clone, Debug)]
pub struct ProbeReply {
    /// The number of the only upstream that it is sent to.
    pub upstream: usize,
    /// The random number in its name.
    pub nonce: u64,
    /// Takes the RCODE; none if it is not needed.
    pub tx: Option<mpsc::Sender<Rcode>>,
}

/// The way to a client's connection.
///
/// A connection that takes no more answers loses them: it has room for as many
/// as it may have queries in flight.
#[derive(Clone, Debug)]
pub struct TcpReply {
    peer: SocketAddr,
    tx: mpsc::Sender<TcpAnswer>,
    room: Arc<Room>,
}

/// What a connection gets.
#[derive(Debug)]
pub enum TcpAnswer {
    /// A message without its length prefix, and the room that it takes.
    Message(Box<[u8]>, Held),
    /// There is no room for an answer: the client does not read, or others do not
    /// and hold more.
    NoRoom,
}

impl TcpReply {
    /// Makes the way to a connection with a client at `peer` that may have `queries` in
    /// flight, and its other end. What the client has not taken is kept in `room`.
    #[must_use]
    pub fn new(
        peer: SocketAddr,
        queries: usize,
        room: &Arc<Room>,
    ) -> (Self, mpsc::Receiver<TcpAnswer>) {
        let (tx, rx) = mpsc::channel(queries);
        (Self { peer, tx, room: Arc::clone(room) }, rx)
    }

    /// Returns who is at its other end.
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Hands over a message; returns whether there was room for it.
    pub(crate) fn send(&self, message: &[u8]) -> bool {
        let holder = self.peer.ip().to_canonical();
        match self.room.take(holder, message.len()) {
            Some(held) => {
                let answer = TcpAnswer::Message(message.into(), held);
                self.tx.try_send(answer).is_ok()
            }
            None => {
                // It ends the connection; a second one changes nothing.
                self.tx.try_send(TcpAnswer::NoRoom).ok();
                false
            }
        }
    }
}

impl Ask {
    /// Returns the key of the answer.
    pub(crate) fn key(&self) -> Key {
        Key::with_hash(&self.query, self.hash)
    }

    /// Returns the key of the answer, borrowed from the query.
    pub(crate) fn key_view(&self) -> KeyView<'_> {
        KeyView::with_hash(&self.query.as_query(), self.hash)
    }
}

impl ReplyTo {
    /// Returns the client; none if that is ourselves.
    pub(crate) const fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Udp { peer, .. } => Some(*peer),
            Self::Tcp(reply) => Some(reply.peer()),
            Self::Probe(_) | Self::Refresh => None,
        }
    }

    /// Returns whose share of everything bounded it takes: the client's address,
    /// the same for IPv4 whatever the socket; none for ourselves.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        Some(self.peer()?.ip().to_canonical())
    }
}

impl Waiter for Ask {
    fn repeats(&self, earlier: &Self) -> bool {
        let (ReplyTo::Udp { peer, .. }, ReplyTo::Udp { peer: before, .. }) =
            (&self.reply_to, &earlier.reply_to)
        else {
            return false;
        };
        // The case of the name as well: a client that mixes it wants its own
        // mix back.
        peer == before
            && self.query.id == earlier.query.id
            && self.query.qname.as_wire() == earlier.query.qname.as_wire()
    }

    fn mark(&self) -> u64 {
        let Some(peer) = self.reply_to.peer() else { return 0 };
        let addr = match peer.ip() {
            IpAddr::V4(addr) => addr.to_bits().into(),
            IpAddr::V6(addr) => {
                let [a, b] = [addr.to_bits() >> 64, addr.to_bits() & u128::from(u64::MAX)];
                u64::try_from(a ^ b).unwrap_or_default()
            }
        };
        addr.rotate_left(32) ^ u64::from(peer.port()) << 16 ^ u64::from(self.query.id)
    }

    fn whose(&self) -> Option<IpAddr> {
        self.reply_to.client()
    }
}

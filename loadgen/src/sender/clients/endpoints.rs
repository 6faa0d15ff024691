//! The sockets of all lookups of one thread, by their places.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use socket2::{Domain, Protocol, Type};
use stub::client::Packet;
use udp::{Options, Socket};

use super::composed;
use super::stream::Stream;
use crate::sender::sockets::is_shortage;
use crate::sender::with_context;

#[derive(Debug)]
pub(super) struct Endpoints {
    open: Vec<Option<Endpoint>>,
    free: Vec<u32>,
    pub(super) poll: Poll,
    /// Answers that sockets dropped before we read them.
    pub(super) overruns: u64,
}

/// One socket, of one lookup.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The lookup's place.
    pub(super) lookup: u32,
    /// The model's number.
    pub(super) socket: u16,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Connected(Socket),
    /// For all servers.
    Open(Socket),
    Stream(Box<Stream>),
}

/// What became of an attempt to open a socket.
pub(super) enum Opened {
    At(u32),
    /// The system has no more descriptors, ports or memory.
    Short,
}

impl Endpoints {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { open: Vec::new(), free: Vec::new(), poll: Poll::new()?, overruns: 0 })
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Endpoint> {
        self.open.get_mut(place as usize)?.as_mut()
    }

    /// Returns whether the socket at `place` is for all servers.
    pub(super) fn is_for_all(&self, place: u32) -> bool {
        let endpoint = self.open.get(place as usize).and_then(Option::as_ref);
        endpoint.is_some_and(|endpoint| matches!(endpoint.kind, Kind::Open(_)))
    }

    /// Opens a connected UDP socket.
    pub(super) fn connect(
        &mut self,
        lookup: u32,
        socket: u16,
        source: Option<SocketAddr>,
        server: Option<&SocketAddr>,
    ) -> io::Result<Opened> {
        let Some(server) = server else { return Ok(Opened::Short) };
        let opened = Socket::connect(source, *server, &options()).map(Kind::Connected);
        self.add(lookup, socket, opened)
    }

    /// Opens a UDP socket that is not connected, of the family of `like`.
    pub(super) fn open_for_all(
        &mut self,
        lookup: u32,
        socket: u16,
        source: Option<SocketAddr>,
        like: Option<&SocketAddr>,
    ) -> io::Result<Opened> {
        let any = match like {
            Some(SocketAddr::V6(_)) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
            _ => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        };
        let opened = Socket::bind(source.unwrap_or(any), &options()).map(Kind::Open);
        self.add(lookup, socket, opened)
    }

    /// Begins to connect over TCP.
    pub(super) fn stream(
        &mut self,
        lookup: u32,
        socket: u16,
        source: Option<SocketAddr>,
        server: Option<&SocketAddr>,
    ) -> io::Result<Opened> {
        let Some(server) = server else { return Ok(Opened::Short) };
        let opened = connect(source, *server).map(|stream| Kind::Stream(Box::new(stream)));
        self.add(lookup, socket, opened)
    }

    fn add(&mut self, lookup: u32, socket: u16, kind: io::Result<Kind>) -> io::Result<Opened> {
        let mut kind = match kind {
            Ok(kind) => kind,
            Err(error) if is_shortage(&error) => return Ok(Opened::Short),
            Err(error) => return Err(with_context(&error, "cannot open a socket of a client")),
        };
        let place = self.free.pop().unwrap_or_else(|| {
            self.open.push(None);
            u32::try_from(self.open.len() - 1).unwrap_or(u32::MAX)
        });
        let (registry, token) = (self.poll.registry(), Token(place as usize));
        match &mut kind {
            Kind::Connected(udp) | Kind::Open(udp) => {
                let fd = udp.as_raw_fd();
                registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
            }
            Kind::Stream(stream) => {
                let both = Interest::READABLE | Interest::WRITABLE;
                registry.register(stream.socket(), token, both)?;
            }
        }
        if let Some(free) = self.open.get_mut(place as usize) {
            *free = Some(Endpoint { lookup, socket, kind });
        }
        Ok(Opened::At(place))
    }

    /// Adds a query to what a connection writes; `false` if it is none.
    pub(super) fn buffer(&mut self, place: u32, query: &[u8], packet: &Packet) -> bool {
        let Some(Kind::Stream(stream)) = self.get_mut(place).map(|endpoint| &mut endpoint.kind)
        else {
            return false;
        };
        let mut message = [0; composed::MAX_LEN];
        let len = composed::compose(query, packet, &mut message);
        stream.push(message.get(..len).unwrap_or_default());
        true
    }

    /// Closes a socket, as the client does: what still comes is refused by the kernel.
    pub(super) fn close(&mut self, place: u32) {
        let Some(closed) = self.open.get_mut(place as usize).and_then(Option::take) else {
            return;
        };
        if let Kind::Connected(udp) | Kind::Open(udp) = &closed.kind {
            self.overruns += u64::from(udp.dropped().unwrap_or(0));
        }
        self.free.push(place);
    }
}

fn options() -> Options {
    Options { timestamps: true, nonblocking: true, queue_errors: true, ..Options::default() }
}

fn connect(source: Option<SocketAddr>, server: SocketAddr) -> io::Result<Stream> {
    let socket =
        socket2::Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = source {
        socket.bind(&source.into())?;
    }
    // An error that comes at once is told by the first look, as a later one is.
    let error = socket.connect(&server.into()).err();
    let failed = error.and_then(|error| error.raw_os_error());
    let failed = failed.filter(|errno| *errno != EINPROGRESS);
    Ok(Stream::new(mio::net::TcpStream::from_std(socket.into()), failed))
}

/// Linux's number.
const EINPROGRESS: i32 = 115;

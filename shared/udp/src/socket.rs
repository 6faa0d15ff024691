//! The socket itself: how it is opened, and one system call per batch.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

use crate::{
    ErrorBuffer, LocalAddr, QueuedError, RecvBatch, SegmentedBatch, SendBatch, SendReport, sys,
};

/// A UDP socket whose datagrams move in batches.
///
/// All methods take `&self`: several threads may use one socket, each with
/// batches of its own.
#[derive(Debug)]
pub struct Socket {
    inner: UdpSocket,
}

/// What to ask of a socket when it is opened. By default, nothing.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Several sockets may bind the same address; the kernel spreads the peers
    /// over them (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Datagrams carry the local address they were sent to (`IP_PKTINFO`,
    /// `IPV6_RECVPKTINFO`), so that a socket bound to the wildcard can answer
    /// from the address that was asked. Costs about 0.2 µs per datagram; a
    /// socket bound to one address does not need it.
    pub pktinfo: bool,
    /// Datagrams carry the moment the kernel received them (`SO_TIMESTAMPNS`).
    pub timestamps: bool,
    /// Bytes of the receive queue (`SO_RCVBUF`). Beyond `net.core.rmem_max`
    /// when the process may (`SO_RCVBUFFORCE` needs `CAP_NET_ADMIN`), silently
    /// limited to it otherwise. The kernel counts its own overhead too, so a
    /// datagram of 100 bytes takes 768.
    pub recv_buffer: Option<usize>,
    /// Bytes of the send queue, by the same rules.
    pub send_buffer: Option<usize>,
    /// How long a blocking receive waits before `WouldBlock`. `None` waits
    /// for ever; zero is refused, since the system would take it for that.
    pub read_timeout: Option<Duration>,
    /// Receive and send never wait.
    pub nonblocking: bool,
    /// Datagrams leave with the Don't Fragment bit, and over IPv6 without a
    /// fragment header, as RFC 9715 section 3.1 asks of DNS responders.
    ///
    /// This is `IP_PMTUDISC_PROBE`: one larger than the interface's MTU fails
    /// with EMSGSIZE. `IP_PMTUDISC_DO` would believe ICMP "packet too big" as
    /// well, which anyone can forge, and then fail to send what fits.
    pub dont_fragment: bool,
    /// Datagrams that a peer sent as a [`SegmentedBatch`] may be received as one
    /// (`UDP_GRO`, Linux 5.0): take them apart with
    /// [`Datagram::segments`](crate::Datagram::segments), and give the batch
    /// buffers of 65,535 octets, or what does not fit is lost.
    pub gro: bool,
    /// Errors of earlier datagrams, such as ICMP port unreachable, are kept with
    /// the datagram that each is about (`IP_RECVERR`, `IPV6_RECVERR`), to be read by
    /// [`recv_error`](Socket::recv_error). The next send or receive still fails
    /// with the last of them.
    pub queue_errors: bool,
    /// Datagrams carry this mark (`SO_MARK`), which rules of the packet filter see.
    /// Silently none for a process without `CAP_NET_ADMIN`.
    pub mark: Option<u32>,
}

impl Socket {
    /// Opens a socket and binds it. An IPv6 one takes IPv6 only
    /// (`IPV6_V6ONLY`), so that `[::]` and `0.0.0.0` can stand beside each
    /// other.
    ///
    /// # Errors
    ///
    /// The system's error: the address is taken or not ours, the port is
    /// privileged, a buffer size or timeout is out of range.
    pub fn bind(addr: SocketAddr, options: &Options) -> io::Result<Self> {
        let socket = open(addr, options)?;
        socket.bind(&addr.into())?;
        Ok(Self { inner: socket.into() })
    }

    /// Opens a socket that talks to `peer` alone, from `local` or, with `None`,
    /// from the address the route gives and a random port of the kernel's.
    ///
    /// Only a connected socket gets the error that its peer's port is closed: see
    /// [`recv_batch`](Self::recv_batch).
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind); also when there is no route to `peer`.
    pub fn connect(
        local: Option<SocketAddr>,
        peer: SocketAddr,
        options: &Options,
    ) -> io::Result<Self> {
        let socket = open(peer, options)?;
        if let Some(local) = local {
            socket.bind(&local.into())?;
        }
        socket.connect(&peer.into())?;
        Ok(Self { inner: socket.into() })
    }

    /// Takes over a socket that was opened elsewhere, with its options as they
    /// are.
    pub const fn from_std(socket: UdpSocket) -> Self {
        Self { inner: socket }
    }

    /// Returns a second handle of the same socket, with the same queue.
    ///
    /// # Errors
    ///
    /// When the process may not open another file descriptor.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.inner.try_clone().map(Self::from_std)
    }

    /// Returns the address the socket is bound to.
    ///
    /// # Errors
    ///
    /// The system's error; none for a socket opened here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Returns the address the socket is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` when it is not.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    /// Receives up to `want` datagrams into `batch`, and returns how many. More
    /// than the batch's capacity is never received, less than one never asked.
    ///
    /// A blocking socket waits for the first one only; the others are those
    /// already there. So `want` of 1 costs least when traffic is thin, and the
    /// caller grows it while batches come back full.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is nothing, or nothing came within the read
    /// timeout. On a connected socket also what ICMP said about an earlier
    /// datagram, such as `ConnectionRefused`: once per message, and the socket
    /// remains usable. The batch is empty after an error.
    pub fn recv_batch(&self, batch: &mut RecvBatch, want: usize) -> io::Result<usize> {
        batch.receive(self.as_fd(), want)
    }

    /// Sends all that is queued in `batch` and empties it.
    ///
    /// A datagram that cannot be sent is counted and skipped; it never holds
    /// back the rest. A blocking socket waits for room in its send queue.
    ///
    /// # Errors
    ///
    /// Only when the socket itself can send nothing any more, for instance
    /// after a shutdown; what failed for one datagram is in the report.
    pub fn send_batch(&self, batch: &mut SendBatch) -> io::Result<SendReport> {
        batch.send(self.as_fd())
    }

    /// Sends the datagrams of `batch` to `peer` (`None` on a connected socket)
    /// by one system call: all of them leave, or none. The batch keeps them,
    /// so that the caller can tell which failed, until it is cleared.
    ///
    /// # Errors
    ///
    /// Only when the socket itself can send nothing any more. Failures that
    /// come from sending them as one are `EINVAL` (longer than the path's
    /// MTU) and `EIO` (the interface computes no checksums), in the report.
    pub fn send_segmented(
        &self,
        batch: &SegmentedBatch,
        peer: Option<SocketAddr>,
    ) -> io::Result<SendReport> {
        batch.send(self.as_fd(), peer)
    }

    /// Asks whether the kernel can send a [`SegmentedBatch`].
    ///
    /// # Errors
    ///
    /// The system's error, such as `ENOPROTOOPT` before Linux 4.18.
    pub fn check_segmentation(&self) -> io::Result<()> {
        // Zero is the default of the option: nothing is cut unless a send asks.
        sys::set_option(self.as_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, 0)
    }

    /// Sends one datagram to `peer`, from `local` when it is given: the way of
    /// an answer that comes after its batch.
    ///
    /// # Errors
    ///
    /// The system's error, such as `PermissionDenied` from a packet filter.
    pub fn send_to(
        &self,
        bytes: &[u8],
        peer: SocketAddr,
        local: Option<LocalAddr>,
    ) -> io::Result<()> {
        sys::send_one(self.as_fd(), bytes, Some(peer), local)
    }

    /// Takes the socket out of those that share its port ([`Options::reuse_port`]): the
    /// kernel hands what comes from here on to the others, or refuses it where there are
    /// none. What was queued before can still be received, and it can still send.
    ///
    /// A close would throw the queue away, and one that is read until it is empty can
    /// get another datagram just before it is closed. So it is connected, to itself: a
    /// connected socket gets the datagrams of its peer alone.
    ///
    /// # Errors
    ///
    /// The system's error; none for a socket that was bound here.
    pub fn leave_port(&self) -> io::Result<()> {
        let mut own = self.local_addr()?;
        if own.ip().is_unspecified() {
            own.set_ip(match own {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        self.inner.connect(own)
    }

    /// Bounds how long a blocking receive waits; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a zero duration.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.inner.set_read_timeout(timeout)
    }

    /// Returns how many datagrams the kernel has dropped since the socket was opened,
    /// most of them because its receive queue was full.
    ///
    /// The same number can come with each datagram (`SO_RXQ_OVFL`), but then each
    /// has a control message to be read, and the last drops are seen only when
    /// traffic goes on.
    ///
    /// # Errors
    ///
    /// The system's error, such as `ENOPROTOOPT` before Linux 4.12.
    pub fn dropped(&self) -> io::Result<u32> {
        let [.., dropped] = sys::memory_info(self.as_fd())?;
        Ok(dropped)
    }

    /// Returns the octets of the receive queue that the kernel granted, by the
    /// measure of [`Options::recv_buffer`].
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn recv_buffer(&self) -> io::Result<usize> {
        // The kernel doubles what it is asked for, for its own overhead (socket(7)).
        Ok(socket2::SockRef::from(&self.inner).recv_buffer_size()? / 2)
    }

    /// Takes the oldest error of the error queue, with
    /// [`Options::queue_errors`]. Never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when the queue is empty.
    pub fn recv_error<'a>(&self, buffer: &'a mut ErrorBuffer) -> io::Result<QueuedError<'a>> {
        buffer.receive(self.as_fd())
    }

    /// Takes the error that is pending on the socket, if there is one, so that
    /// neither the next receive nor the next send fails with it.
    ///
    /// # Errors
    ///
    /// When the system cannot be asked.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

/// Opens a socket of the family of `addr`, with all options set before it is
/// bound: a datagram that arrives early is treated like the others.
fn open(addr: SocketAddr, options: &Options) -> io::Result<socket2::Socket> {
    // With the socket: `set_nonblocking` is two system calls more.
    let kind = if options.nonblocking { Type::DGRAM.nonblocking() } else { Type::DGRAM };
    let socket = socket2::Socket::new(Domain::for_address(addr), kind, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if let Some(bytes) = options.recv_buffer {
        set_recv_buffer(&socket, bytes)?;
    }
    if let Some(bytes) = options.send_buffer {
        set_send_buffer(&socket, bytes)?;
    }
    if options.read_timeout.is_some() {
        // socket2 takes zero for "for ever"; the standard library refuses it.
        if options.read_timeout == Some(Duration::ZERO) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a read timeout of zero"));
        }
        socket.set_read_timeout(options.read_timeout)?;
    }
    if let Some(mark) = options.mark {
        // Where it is not permitted the datagrams are as those of any process.
        socket.set_mark(mark).ok();
    }
    set_per_datagram(&socket, addr, options)?;
    Ok(socket)
}

/// Sets the options that only the raw system call has.
fn set_per_datagram(
    socket: &socket2::Socket,
    addr: SocketAddr,
    options: &Options,
) -> io::Result<()> {
    let fd = socket.as_fd();
    let (level, pktinfo, mtu_discover) = match addr {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO, libc::IP_MTU_DISCOVER),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, libc::IPV6_MTU_DISCOVER),
    };
    if options.pktinfo {
        sys::set_option(fd, level, pktinfo, 1)?;
    }
    if options.dont_fragment {
        // The same number in both families.
        sys::set_option(fd, level, mtu_discover, libc::IP_PMTUDISC_PROBE)?;
    }
    if options.timestamps {
        sys::set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    }
    if options.queue_errors {
        let name = if addr.is_ipv4() { libc::IP_RECVERR } else { libc::IPV6_RECVERR };
        sys::set_option(fd, level, name, 1)?;
    }
    if options.gro {
        sys::set_option(fd, libc::SOL_UDP, libc::UDP_GRO, 1)?;
    }
    Ok(())
}

/// Sets the receive queue's size, past the system's limit if we may.
fn set_recv_buffer(socket: &socket2::Socket, bytes: usize) -> io::Result<()> {
    match force_buffer(socket, libc::SO_RCVBUFFORCE, bytes) {
        Ok(()) => Ok(()),
        Err(_) => socket.set_recv_buffer_size(bytes),
    }
}

/// Sets the send queue's size, past the system's limit if we may.
fn set_send_buffer(socket: &socket2::Socket, bytes: usize) -> io::Result<()> {
    match force_buffer(socket, libc::SO_SNDBUFFORCE, bytes) {
        Ok(()) => Ok(()),
        Err(_) => socket.set_send_buffer_size(bytes),
    }
}

fn force_buffer(socket: &socket2::Socket, option: i32, bytes: usize) -> io::Result<()> {
    let bytes = i32::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    sys::set_option(socket.as_fd(), libc::SOL_SOCKET, option, bytes)
}

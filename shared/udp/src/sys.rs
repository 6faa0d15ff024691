//! The system calls, each wrapped so that its callers need no `unsafe`.
#![expect(unsafe_code, reason = "recvmmsg, sendmmsg and some options exist only as raw calls")]

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::time::Duration;

use crate::LocalAddr;
use crate::control::Control;
use crate::sockaddr::SockAddr;

/// What lies beside the octets of one datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The peer's address.
    pub(crate) peer: SockAddr,
    pub(crate) control: Control,
    /// Octets of the datagram in its buffer.
    pub(crate) len: usize,
    /// The datagram was longer than its buffer.
    pub(crate) truncated: bool,
}

impl Slot {
    pub(crate) const EMPTY: Self =
        Self { peer: SockAddr::NONE, control: Control::EMPTY, len: 0, truncated: false };
}

/// The headers that describe a batch to the kernel.
///
/// Their pointers are written anew before each call (a few ns per datagram, in
/// cache lines the call touches anyway) and never followed after it, so slots
/// and buffers may move in between.
#[derive(Debug)]
pub(crate) struct Headers {
    messages: Vec<libc::mmsghdr>,
    iovecs: Vec<libc::iovec>,
}

// SAFETY: between calls the pointers inside are dead: `describe_*` overwrite
// those of every message they hand to the kernel, and nothing else reads them.
unsafe impl Send for Headers {}

impl Headers {
    pub(crate) fn new(capacity: usize) -> Self {
        // SAFETY: both are plain C structures of integers and pointers, for
        // which all zeros is a value.
        let message: libc::mmsghdr = unsafe { mem::zeroed() };
        let iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        Self { messages: vec![message; capacity], iovecs: vec![iovec; capacity] }
    }

    /// Receives into as many slots as are given, each with `buffer_len` octets
    /// of `buffers`; returns how many were filled.
    pub(crate) fn receive(
        &mut self,
        fd: BorrowedFd<'_>,
        slots: &mut [Slot],
        buffers: &mut [u8],
        buffer_len: usize,
    ) -> io::Result<usize> {
        let described = self.describe_receive(slots, buffers, buffer_len);
        let received = retry(|| {
            // SAFETY: the first `described` messages point to distinct parts of
            // `slots` and `buffers`, both borrowed mutably until we return.
            let n = unsafe {
                libc::recvmmsg(
                    fd.as_raw_fd(),
                    self.messages.as_mut_ptr(),
                    fit(described),
                    fit(libc::MSG_WAITFORONE),
                    ptr::null_mut(),
                )
            };
            count(n)
        })?;
        for (slot, message) in slots.iter_mut().zip(&self.messages).take(received) {
            slot.len = fit::<_, usize>(message.msg_len).min(buffer_len);
            slot.truncated = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            slot.control.set_len(fit(message.msg_hdr.msg_controllen));
        }
        Ok(received)
    }

    /// Sends the datagrams of `slots`, each from its `buffer_len` octets of
    /// `buffers`, until one fails; returns how many were sent, or why the
    /// first was not.
    pub(crate) fn send(
        &mut self,
        fd: BorrowedFd<'_>,
        slots: &[Slot],
        buffers: &[u8],
        buffer_len: usize,
    ) -> io::Result<usize> {
        if let [slot] = slots {
            let bytes = buffers.get(..slot.len.min(buffer_len)).unwrap_or(buffers);
            return send_slot(fd, bytes, slot).map(|()| 1);
        }
        let described = self.describe_send(slots, buffers, buffer_len);
        retry(|| {
            // SAFETY: the first `described` messages point into `slots` and
            // `buffers`, which are borrowed until we return; sending only
            // reads them.
            let n = unsafe {
                libc::sendmmsg(
                    fd.as_raw_fd(),
                    self.messages.as_mut_ptr(),
                    fit(described),
                    fit(libc::MSG_NOSIGNAL),
                )
            };
            count(n)
        })
    }

    /// Writes one header per slot, and returns how many.
    fn describe_receive(
        &mut self,
        slots: &mut [Slot],
        buffers: &mut [u8],
        buffer_len: usize,
    ) -> usize {
        let headers = self.messages.iter_mut().zip(&mut self.iovecs);
        let parts = slots.iter_mut().zip(buffers.chunks_exact_mut(buffer_len));
        let mut described = 0;
        for ((message, iovec), (slot, buffer)) in headers.zip(parts) {
            let peer = slot.peer.octets_mut();
            let control = slot.control.octets_mut();
            iovec.iov_base = buffer.as_mut_ptr().cast();
            iovec.iov_len = buffer.len();
            let header = &mut message.msg_hdr;
            header.msg_name = peer.as_mut_ptr().cast();
            header.msg_namelen = fit(peer.len());
            header.msg_iov = iovec;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = fit(control.len());
            header.msg_flags = 0;
            described += 1;
        }
        described
    }

    /// Writes one header per slot, and returns how many.
    fn describe_send(&mut self, slots: &[Slot], buffers: &[u8], buffer_len: usize) -> usize {
        let headers = self.messages.iter_mut().zip(&mut self.iovecs);
        let parts = slots.iter().zip(buffers.chunks_exact(buffer_len));
        let mut described = 0;
        for ((message, iovec), (slot, buffer)) in headers.zip(parts) {
            let bytes = buffer.get(..slot.len).unwrap_or(buffer);
            message.msg_hdr.msg_flags = 0;
            describe_datagram(&mut message.msg_hdr, iovec, bytes, slot);
            described += 1;
        }
        described
    }
}

/// Sends one datagram.
pub(crate) fn send_one(
    fd: BorrowedFd<'_>,
    bytes: &[u8],
    peer: Option<SocketAddr>,
    local: Option<LocalAddr>,
) -> io::Result<()> {
    let mut slot = Slot::EMPTY;
    slot.peer = peer.map_or(SockAddr::NONE, SockAddr::new);
    slot.control = local.map_or(Control::EMPTY, Control::from);
    send_slot(fd, bytes, &slot)
}

/// Sends one datagram by the call that does least: `send` where its peer is the
/// socket's own and nothing goes with it, else `sendmsg`. Either is cheaper
/// than `sendmmsg` of one.
pub(crate) fn send_slot(fd: BorrowedFd<'_>, bytes: &[u8], slot: &Slot) -> io::Result<()> {
    if slot.peer.octets().is_empty() && slot.control.octets().is_empty() {
        return retry(|| {
            let (start, len) = (bytes.as_ptr().cast(), bytes.len());
            // SAFETY: `bytes` outlives the call, which only reads it.
            let n = unsafe { libc::send(fd.as_raw_fd(), start, len, libc::MSG_NOSIGNAL) };
            if n < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
        });
    }
    // SAFETY: a plain C structure of integers and pointers.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    let mut iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
    describe_datagram(&mut header, &mut iovec, bytes, slot);
    retry(|| {
        // SAFETY: the header points to `iovec`, `slot` and `bytes`, all of which
        // outlive the call; sending only reads them.
        let n = unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) };
        if n < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    })
}

/// Receives one datagram, entry of the error queue or part of a stream into
/// `buffer`, and what lies beside it into `slot`; returns its octets.
pub(crate) fn receive_one(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    slot: &mut Slot,
    flags: i32,
) -> io::Result<usize> {
    let iov_len = buffer.len();
    let mut iovec = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len };
    // SAFETY: a plain C structure of integers and pointers.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    let (peer, control) = (slot.peer.octets_mut(), slot.control.octets_mut());
    let (peer_len, control_len) = (peer.len(), control.len());
    let (peer, control) = (peer.as_mut_ptr(), control.as_mut_ptr());
    header.msg_iov = &raw mut iovec;
    header.msg_iovlen = 1;
    let received = retry(|| {
        // The call overwrites both lengths.
        header.msg_name = peer.cast();
        header.msg_namelen = fit(peer_len);
        header.msg_control = control.cast();
        header.msg_controllen = fit(control_len);
        // SAFETY: the header points to `iovec`, `buffer` and `slot`, which are
        // borrowed mutably or owned until we return.
        let n = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
        usize::try_from(n).map_err(|_| io::Error::last_os_error())
    })?;
    slot.control.set_len(fit(header.msg_controllen));
    Ok(received.min(iov_len))
}

/// Points `header` at one datagram that is to be sent.
fn describe_datagram(
    header: &mut libc::msghdr,
    iovec: &mut libc::iovec,
    bytes: &[u8],
    slot: &Slot,
) {
    let (peer, control) = (slot.peer.octets(), slot.control.octets());
    // The structures have no const pointers; the kernel does not write here.
    iovec.iov_base = bytes.as_ptr().cast_mut().cast();
    iovec.iov_len = bytes.len();
    header.msg_name = pointer_or_null(peer).cast();
    header.msg_namelen = fit(peer.len());
    header.msg_iov = iovec;
    header.msg_iovlen = 1;
    header.msg_control = pointer_or_null(control).cast();
    header.msg_controllen = fit(control.len());
}

const fn pointer_or_null(octets: &[u8]) -> *mut u8 {
    if octets.is_empty() { ptr::null_mut() } else { octets.as_ptr().cast_mut() }
}

/// Sets an integer option of a socket.
pub(crate) fn set_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the value is an `int` that outlives the call, and its size is given.
    let rc = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            fit(size_of::<i32>()),
        )
    };
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads what the kernel accounts to a socket (`SO_MEMINFO`).
pub(crate) fn memory_info(fd: BorrowedFd<'_>) -> io::Result<[u32; MEMORY_FIELDS]> {
    let mut fields = [0_u32; MEMORY_FIELDS];
    let mut len: libc::socklen_t = fit(size_of_val(&fields));
    // SAFETY: `fields` is `len` octets to write to, and both outlive the call.
    let rc = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            (&raw mut fields).cast(),
            &raw mut len,
        )
    };
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(fields) }
}

/// Sets the slack of the calling thread's timers; 0 is the default again.
pub(crate) fn set_timer_slack(nanos: u64) -> io::Result<()> {
    // SAFETY: this option takes one integer and no pointer.
    let rc = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanos) };
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads a clock.
pub(crate) fn clock_time(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a `timespec` to write to.
    let rc = unsafe { libc::clock_gettime(clock, &raw mut time) };
    debug_assert_eq!(rc, 0, "Linux has had all that are read here since 2.6.39");
    Duration::new(fit(time.tv_sec), fit(time.tv_nsec))
}

/// Reads the soft and the hard limit of open descriptors.
pub(crate) fn descriptor_limit() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a `rlimit` to write to.
    let rc = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok((limit.rlim_cur, limit.rlim_max)) }
}

/// Sets both limits of open descriptors.
pub(crate) fn set_descriptor_limit(soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the call only reads `limit`, which outlives it.
    let rc = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits for `fd` to be readable: `ppoll`. A signal ends the wait early.
pub(crate) fn wait_readable(fd: RawFd, timeout: Duration) -> io::Result<bool> {
    let mut pollfd = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let timeout =
        libc::timespec { tv_sec: fit(timeout.as_secs()), tv_nsec: fit(timeout.subsec_nanos()) };
    // SAFETY: one `pollfd` and a `timespec`, both of which outlive the call;
    // a null mask leaves the signals as they are. Any number may be asked
    // about as a descriptor.
    let rc = unsafe { libc::ppoll(&raw mut pollfd, 1, &raw const timeout, ptr::null()) };
    match count(rc) {
        Ok(ready) => Ok(ready > 0),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(error),
    }
}

/// asm-generic/socket.h, for x86, ARM and RISC-V; libc has no name for it.
const SO_MEMINFO: i32 = 55;

/// Fields of `SO_MEMINFO` up to `SK_MEMINFO_DROPS` (`linux/sock_diag.h`).
pub(crate) const MEMORY_FIELDS: usize = 9;

/// Makes a call again for as long as a signal interrupts it.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The number a call returned, or the error it left.
fn count(returned: libc::c_int) -> io::Result<usize> {
    usize::try_from(returned).map_err(|_| io::Error::last_os_error())
}

/// Converts between the integer types that the C libraries chose differently;
/// all values here are small.
fn fit<T: TryInto<U>, U: Default>(value: T) -> U {
    value.try_into().unwrap_or_default()
}

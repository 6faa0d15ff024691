//! Servers that misbehave on order.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

/// What becomes of a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    NxdomainOnSuffix,
    NodataOnSuffix,
    ServfailOnSuffix,
    SilentOnSuffix,
    SilentOnAaaa,
    ServfailOnAaaa,
    Nxdomain,
    Servfail,
    Refused,
    Silent,
    Truncated,
    TruncatedNoTcp,
    /// The address is there, the port is not.
    Closed,
}

/// Answers at `address` until the process ends.
pub(crate) fn serve(address: SocketAddr, mode: Mode) {
    if mode == Mode::Closed {
        return;
    }
    let socket = UdpSocket::bind(address).unwrap();
    thread::spawn(move || {
        let mut octets = [0; 1500];
        while let Ok((len, peer)) = socket.recv_from(&mut octets) {
            if let Some(reply) = reply(&octets[..len], mode, false) {
                socket.send_to(&reply, peer).ok();
            }
        }
    });
    if mode != Mode::TruncatedNoTcp {
        let listener = TcpListener::bind(address).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || converse(stream, mode));
            }
        });
    }
}

fn converse(mut stream: TcpStream, mode: Mode) {
    let mut len = [0; 2];
    while stream.read_exact(&mut len).is_ok() {
        let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
        if stream.read_exact(&mut query).is_err() {
            return;
        }
        if let Some(reply) = reply(&query, mode, true) {
            let len = u16::try_from(reply.len()).unwrap().to_be_bytes();
            stream.write_all(&[&len[..], &reply].concat()).ok();
        }
    }
}

fn reply(query: &[u8], mode: Mode, over_tcp: bool) -> Option<Vec<u8>> {
    let end = 12 + query[12..].iter().position(|octet| *octet == 0)? + 5;
    let is_suffix = query[..end]
        .windows(SUFFIX.len())
        .any(|part| part == SUFFIX);
    let is_aaaa = query[end - 4..end - 2] == [0, 28];
    let (rcode, has_answer, truncated) = match mode {
        Mode::Silent | Mode::Closed => return None,
        Mode::SilentOnSuffix if is_suffix => return None,
        Mode::SilentOnAaaa if is_aaaa => return None,
        Mode::NxdomainOnSuffix if is_suffix => (3, false, false),
        Mode::NodataOnSuffix if is_suffix => (0, false, false),
        Mode::ServfailOnSuffix if is_suffix => (2, false, false),
        Mode::ServfailOnAaaa if is_aaaa => (2, false, false),
        Mode::Nxdomain => (3, false, false),
        Mode::Servfail => (2, false, false),
        Mode::Refused => (5, false, false),
        Mode::Truncated | Mode::TruncatedNoTcp if !over_tcp => (0, false, true),
        _ => (0, true, false),
    };
    let mut reply = query[..end].to_vec();
    reply[2] = 0x81 | if truncated { 2 } else { 0 };
    reply[3] = 0x80 | rcode;
    reply[6..12].copy_from_slice(&[0, u8::from(has_answer), 0, 0, 0, 0]);
    if has_answer {
        reply.extend(b"\xc0\x0c");
        reply.extend(&query[end - 4..end]);
        reply.extend(60_u32.to_be_bytes());
        let address: &[u8] = if is_aaaa { &[0xfd; 16] } else { &[192, 0, 2, 80] };
        reply.extend(u16::try_from(address.len()).unwrap().to_be_bytes());
        reply.extend(address);
    }
    Some(reply)
}

/// The end of each search domain, as on the wire.
const SUFFIX: &[u8] = b"\x07cluster\x05local\0";

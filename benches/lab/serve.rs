//! Servers of the lab's own: the echo, which is the floor under every server on
//! this machine, and the upstream behind the subjects.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::Result;
use clap::ValueEnum;
use dns::{Class, Flags, Header, Name, Question, Rcode, Rtype};
use proxy::serve::{bind_udp, next_want};
use resolver::BATCH;
use udp::{RecvBatch, SendBatch, Socket};

use crate::null;

/// What a server does with a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Mode {
    /// Sends it back with one record appended, in the batches of the proxy
    Echo,
    /// The same, one datagram at a time
    BlockingEcho,
    /// Turns it into a response, in segmented batches; see [`null`]
    Null,
    /// Answers it; see [`answer`]
    Upstream,
}

/// The arguments of a server of ours.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// Threads, each with a socket
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
    /// What it does
    #[arg(long, value_enum)]
    pub(crate) mode: Mode,
}

/// Serves until it is killed.
///
/// # Errors
///
/// When the address cannot be bound.
pub(crate) fn run(args: &ServeArgs) -> Result<()> {
    if args.mode == Mode::Null {
        return null::run(args.listen, args.threads);
    }
    let threads = if args.mode == Mode::Upstream { 1 } else { args.threads };
    let mut workers = Vec::new();
    // The proxy's own sockets and batches, so that the floor lies under it.
    for socket in bind_udp(args.listen, threads)? {
        let mode = args.mode;
        workers.push(std::thread::spawn(move || serve_udp(&socket, mode)));
    }
    let listener = TcpListener::bind(args.listen)?;
    let mode = args.mode;
    workers.push(std::thread::spawn(move || serve_tcp(&listener, mode)));
    crate::output::print_line("serving");
    for worker in workers {
        if let Ok(outcome) = worker.join() {
            outcome?;
        }
    }
    Ok(())
}

fn serve_udp(socket: &Socket, mode: Mode) -> io::Result<()> {
    let mut received = RecvBatch::new(BATCH, 2048);
    let mut send = SendBatch::new(BATCH, 1232);
    let mut want = 1;
    loop {
        let got = match socket.recv_batch(&mut received, want) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        for datagram in received.iter() {
            let Some(buffer) = send.next_buffer() else { break };
            let length = match mode {
                Mode::Upstream => answer(datagram.bytes, buffer),
                Mode::Echo | Mode::BlockingEcho | Mode::Null => echo(datagram.bytes, buffer),
            };
            if let Some(length) = length {
                send.commit(length, Some(datagram.peer), datagram.local);
            }
        }
        socket.send_batch(&mut send)?;
        want = if mode == Mode::BlockingEcho { 1 } else { next_want(want, got) };
    }
}

/// One thread for each connection; all frames of a read leave in one write.
fn serve_tcp(listener: &TcpListener, mode: Mode) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve_connection(stream, mode));
    }
    Ok(())
}

fn serve_connection(mut stream: TcpStream, mode: Mode) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut input = Vec::new();
    let mut output = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let length = stream.read(&mut chunk).ok().filter(|&length| length > 0)?;
        input.extend(chunk.get(..length)?);
        let mut at = 0;
        while let Some(length) = dns::get_u16(&input, at).map(usize::from)
            && let Some(message) = input.get(at + 2..at + 2 + length)
        {
            let mut reply = [0; 1232];
            let reply_length = match mode {
                Mode::Upstream => answer(message, &mut reply),
                Mode::Echo | Mode::BlockingEcho | Mode::Null => echo(message, &mut reply),
            };
            at += 2 + length;
            let reply = reply.get(..reply_length?)?;
            output.extend(u16::try_from(reply.len()).ok()?.to_be_bytes());
            output.extend(reply);
        }
        input.drain(..at);
        stream.write_all(&output).ok()?;
        output.clear();
    }
}

/// The least that a client takes for an answer: the query itself as a response,
/// with an address behind it, or a denial by the rule of [`answer`], so that
/// lookups go as far as with the others. Nothing is parsed.
fn echo(query: &[u8], out: &mut [u8]) -> Option<usize> {
    dns::put_octets(out, 0, query)?;
    // Our clients send no OPT record: type and class end the message.
    let name_end = query.len().checked_sub(4)?;
    if query.get(13) == Some(&b'x') && query.get(..name_end)?.ends_with(CLUSTER) {
        dns::put_octets(out, 2, &[0x81, 0x83])?;
        return Some(query.len());
    }
    dns::put_octets(out, 2, &[0x81, 0x80])?;
    dns::put_u16(out, 6, 1)?;
    dns::put_octets(out, query.len(), &ADDRESS)?;
    Some(query.len() + ADDRESS.len())
}

/// Answers by the first letter of the name and its end: `u…` has TTL 0, so that
/// no cache keeps it; `x….cluster.local` does not exist; all else has an
/// address for an hour.
fn answer(query: &[u8], out: &mut [u8]) -> Option<usize> {
    let asked = Header::parse(query)?;
    let question = Question::parse(query).ok()?;
    let end = question.end();
    dns::put_octets(out, 0, query.get(..end)?)?;
    let first = question.qname.get(1).map(u8::to_ascii_lowercase)?;
    let denied = first == b'x' && question.qname.to_ascii_lowercase().ends_with(CLUSTER);
    let ttl: u32 = if first == b'u' { 0 } else { 3600 };
    let known = [Rtype::A, Rtype::AAAA].contains(&question.qtype) && question.qclass == Class::IN;
    let mut flags = Flags(Flags::QR | Flags::RA).copying(asked.flags, Flags::RD);
    let mut counts = [1, 1, 0, 0];
    let len = if denied || !known {
        flags = flags.with_rcode(if denied { Rcode::NXDOMAIN } else { Rcode::NOERROR });
        counts = [1, 0, 1, 0];
        put_soa(out, end)?
    } else {
        let octets: &[u8] = if question.qtype == Rtype::A { &[10, 0, 0, 1] } else { &[0xfd; 16] };
        dns::put_octets(out, end, &[0xc0, 12])?;
        dns::put_u16(out, end + 2, question.qtype.0)?;
        dns::put_u16(out, end + 4, Class::IN.0)?;
        dns::put_u32(out, end + 6, ttl)?;
        dns::put_u16(out, end + 10, u16::try_from(octets.len()).ok()?)?;
        dns::put_octets(out, end + 12, octets)?;
        end + 12 + octets.len()
    };
    Header { id: asked.id, flags, counts }.patch(out)?;
    Some(len)
}

/// A SOA of the root: one hour, minimum one hour.
fn put_soa(out: &mut [u8], at: usize) -> Option<usize> {
    let root = Name::ROOT;
    let rdata = [root.as_wire(), root.as_wire(), &[0; 16], &3600_u32.to_be_bytes()].concat();
    dns::put_octets(out, at, root.as_wire())?;
    dns::put_u16(out, at + 1, Rtype::SOA.0)?;
    dns::put_u16(out, at + 3, Class::IN.0)?;
    dns::put_u32(out, at + 5, 3600)?;
    dns::put_u16(out, at + 9, u16::try_from(rdata.len()).ok()?)?;
    dns::put_octets(out, at + 11, &rdata)?;
    Some(at + 11 + rdata.len())
}

/// A record for the name in the question: A, IN, an hour, 10.0.0.1.
const ADDRESS: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 10, 0, 0, 1];

const CLUSTER: &[u8] = b"\x07cluster\x05local\0";

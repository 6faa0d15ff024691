//! Queries in a file of dnstap, as CoreDNS, Unbound, Knot and BIND write it: Frame Streams
//! around messages of Protocol Buffers (dnstap.info, `dnstap.proto`).
//!
//! A client's query is one message, its answer another; where a file has the answers alone,
//! they tell of the queries. What servers ask each other is passed over and counted.

use std::collections::HashMap;
use std::net::IpAddr;

use dns::{Flags, Header, get_u32};

use super::Asked;
use super::corelog::Line;

mod fields;
pub use fields::TapError;
use fields::{Fields, Value};

/// What a file has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tapped {
    /// Its queries, in its order.
    pub queries: Vec<Line>,
    /// Whether it has answers of clients.
    pub has_answers: bool,
    /// Messages that are none.
    pub others: u64,
    /// Queries that are open, by client, port and ID.
    open: HashMap<(IpAddr, u64, u16), usize>,
}

/// Returns whether a file begins as one of Frame Streams does: with the control frame START.
pub fn is_dnstap(file: &[u8]) -> bool {
    get_u32(file, 0) == Some(ESCAPE) && get_u32(file, 8) == Some(START)
}

/// Reads a file; its last frame may be cut short.
///
/// # Errors
///
/// Where it is no Frame Stream, of another content, or has a query without a time.
pub fn read(file: &[u8]) -> Result<Tapped, TapError> {
    let mut tapped = Tapped::default();
    let mut at = 0;
    while let Some(len) = get_u32(file, at) {
        let start = at + 4;
        if len == ESCAPE {
            let Some(next) = control(file, start)? else { break };
            at = next;
            continue;
        }
        let len = bounded(len, MAX_FRAME, at)?;
        let Some(frame) = file.get(start..start + len) else {
            tapped.others += 1;
            break;
        };
        tapped.take(frame, start)?;
        at = start + len;
    }
    tapped.open.clear();
    Ok(tapped)
}

/// Reads a control frame: where the next frame begins, `None` after the last.
fn control(file: &[u8], at: usize) -> Result<Option<usize>, TapError> {
    let Some(len) = get_u32(file, at) else { return Ok(None) };
    let (len, start) = (bounded(len, MAX_CONTROL, at)?, at + 4);
    let Some(frame) = file.get(start..start + len) else { return Ok(None) };
    match get_u32(frame, 0) {
        Some(START) => {}
        Some(STOP) => return Ok(None),
        _ => return Err(TapError::new(start, "no control frame that a file has")),
    }
    // A field: its type, its length and what it holds. Only the type of content is defined.
    let len = get_u32(frame, 8).and_then(|len| usize::try_from(len).ok());
    let content = len.and_then(|len| frame.get(12..12 + len));
    match content {
        Some(content) if content != CONTENT => {
            let found = String::from_utf8_lossy(content);
            Err(TapError::new(start + 12, format!("{found:?} is not protobuf:dnstap.Dnstap")))
        }
        _ => Ok(Some(start + frame.len())),
    }
}

fn bounded(len: u32, most: u32, at: usize) -> Result<usize, TapError> {
    let len = usize::try_from(len).ok().filter(|_| len <= most);
    len.ok_or_else(|| TapError::new(at, format!("a frame is longer than {most} octets")))
}

impl Tapped {
    /// Takes a message, which begins at `at`.
    fn take(&mut self, frame: &[u8], at: usize) -> Result<(), TapError> {
        let mut message = None;
        for field in Fields::new(frame, at) {
            if let (MESSAGE, Value::Octets(octets), at) = field? {
                message = Some(Message::read(octets, at)?);
            }
        }
        let Some((client, message)) = message.and_then(|message| Some((message.client?, message)))
        else {
            self.others += 1;
            return Ok(());
        };
        match message.kind {
            CLIENT_QUERY => self.query(client, &message, at),
            CLIENT_RESPONSE => {
                self.answer(client, &message);
                Ok(())
            }
            _ => {
                self.others += 1;
                Ok(())
            }
        }
    }

    fn query(&mut self, client: IpAddr, message: &Message<'_>, at: usize) -> Result<(), TapError> {
        let Some((header, asked)) = message.query.and_then(parse) else {
            self.others += 1;
            return Ok(());
        };
        let time = message.time();
        let time = time.ok_or_else(|| TapError::new(at, "a query without query_time_sec"))?;
        self.open
            .insert((client, message.port, header.id), self.queries.len());
        self.queries.push(message.line(client, time, asked));
        Ok(())
    }

    /// An answer ends its query, or tells of one that is not in the file.
    fn answer(&mut self, client: IpAddr, message: &Message<'_>) {
        let answer = message.response.and_then(parse);
        let Some((header, asked)) = answer.filter(|(header, _)| header.flags.has(Flags::QR)) else {
            self.others += 1;
            return;
        };
        self.has_answers = true;
        let rcode = Some(header.flags.rcode());
        let place = self.open.remove(&(client, message.port, header.id));
        let query = place.and_then(|place| self.queries.get_mut(place));
        match (query, message.time()) {
            (Some(query), _) if query.asked.name == asked.name => query.rcode = rcode,
            (_, Some(time)) => {
                let asked = message
                    .query
                    .and_then(parse)
                    .map_or(asked, |(_, asked)| asked);
                let line = message.line(client, time, asked);
                self.queries.push(Line { rcode, ..line });
            }
            _ => self.others += 1,
        }
    }
}

fn parse(message: &[u8]) -> Option<(Header, Asked)> {
    Some((Header::parse(message)?, Asked::parse(message)?))
}

/// The fields of a message that matter here.
#[derive(Debug, Default)]
struct Message<'a> {
    kind: u64,
    protocol: u64,
    client: Option<IpAddr>,
    port: u64,
    seconds: Option<u64>,
    nanos: u64,
    query: Option<&'a [u8]>,
    response: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    fn read(octets: &'a [u8], at: usize) -> Result<Self, TapError> {
        let mut message = Self::default();
        for field in Fields::new(octets, at) {
            let (number, value, at) = field?;
            match (number, value) {
                (1, Value::Number(kind)) => message.kind = kind,
                (3, Value::Number(protocol)) => message.protocol = protocol,
                (4, Value::Octets(octets)) => message.client = Some(address(octets, at)?),
                (6, Value::Number(port)) => message.port = port,
                (8, Value::Number(seconds)) => message.seconds = Some(seconds),
                (9, Value::Number(nanos)) => message.nanos = nanos,
                (10, Value::Octets(octets)) => message.query = Some(octets),
                (14, Value::Octets(octets)) => message.response = Some(octets),
                _ => {}
            }
        }
        Ok(message)
    }

    /// Nanoseconds since 1970.
    fn time(&self) -> Option<u64> {
        let seconds = self.seconds?;
        Some(seconds.saturating_mul(SECOND).saturating_add(self.nanos))
    }

    const fn line(&self, client: IpAddr, at: u64, asked: Asked) -> Line {
        Line { at, client, asked, over_tcp: self.protocol > UDP, rcode: None }
    }
}

fn address(octets: &[u8], at: usize) -> Result<IpAddr, TapError> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
    let reason = || format!("query_address has {} octets, not 4 or 16", octets.len());
    address.map_err(|_| TapError::new(at, reason()))
}

/// In place of a length: a control frame follows.
const ESCAPE: u32 = 0;
/// The control frames of a file.
const START: u32 = 2;
const STOP: u32 = 3;
const CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";
/// `FSTRM_CONTROL_FRAME_LENGTH_MAX` of the reference implementation.
const MAX_CONTROL: u32 = 512;
/// Two messages of DNS at their longest, and as much again for what describes them.
const MAX_FRAME: u32 = 4 * 65_536;
/// `Dnstap.message`
const MESSAGE: u64 = 14;
/// Values of `Message.type`.
const CLIENT_QUERY: u64 = 5;
const CLIENT_RESPONSE: u64 = 6;
/// Of `SocketProtocol`; all others but the missing one have connections or ciphers.
const UDP: u64 = 1;
const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests;

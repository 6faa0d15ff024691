//! From an entry of the cache to the answer that one client gets.
//!
//! A copy and a few patches; nothing is allocated.

use dns::{ExtendedError, Flags, HEADER_LEN, Header, Opt, Rcode, Rtype};
use dns::{get_u16, get_u32, put_octets, put_u32};

use crate::cache::EntryView;
use crate::clock::Moment;
use crate::query::{Query, own_opt};
use crate::response::Rendered;

/// Renders `entry` for `query` into `out`, in at most `limit` octets; `None` when
/// not even the question fits.
///
/// `rotation`, where given, is the number of records by which each RRset of
/// addresses is rotated. What then does not fit is cut at a whole record, with
/// TC=1; but additional records go without it (RFC 2181, section 9). An Extended
/// DNS Error never displaces anything.
pub fn render(
    entry: &EntryView<'_>,
    query: &Query<'_>,
    now: Moment,
    limit: usize,
    rotation: Option<u32>,
    out: &mut [u8],
) -> Option<Rendered> {
    let stored = Header::parse(entry.message)?;
    let opt_len = if query.edns.is_some() { Opt::LEN } else { 0 };
    let room = limit.checked_sub(opt_len)?;
    let fit = Fit::of(entry, &stored, query.question.end(), room);
    let body = entry.message.get(..fit.end)?;
    put_octets(out, 0, body)?;
    put_octets(out, HEADER_LEN, query.question.qname)?;
    if let Some(rotation) = rotation {
        rotate(entry, usize::from(stored.counts[1]), rotation, out.get_mut(..fit.end)?);
    }

    let age = u32::try_from(now.saturating_since(entry.head.born).as_secs()).unwrap_or(u32::MAX);
    for ttl_at in entry.ttl_offsets().take(fit.records()) {
        let left = get_u32(body, ttl_at)?.saturating_sub(age);
        put_u32(out, ttl_at, if entry.head.stale { STALE_TTL } else { left })?;
    }
    let flags = flags(&stored, entry.head.rcode, query, fit.cut);
    let mut header = Header { id: query.id, flags, counts: fit.counts };
    let mut len = fit.end;
    if let Some(asked) = query.edns {
        header.counts[3] += 1;
        let extended = u8::try_from(entry.head.rcode.0 >> 4).unwrap_or_default();
        let error = error_within(room - fit.end, entry);
        len += own_opt(extended, asked.dnssec_ok).patch(out.get_mut(len..)?, error)?;
    }
    header.patch(out)?;
    // Without an OPT record the client sees the lower four bits alone.
    let rcode = if query.edns.is_some() { entry.head.rcode } else { flags.rcode() };
    Some(Rendered { len, header, rcode })
}

/// How much of a message fits.
struct Fit {
    end: usize,
    counts: [u16; 4],
    /// Something of answer or authority is missing.
    cut: bool,
}

impl Fit {
    fn of(entry: &EntryView<'_>, stored: &Header, question_end: usize, room: usize) -> Self {
        if entry.message.len() <= room {
            return Self {
                end: entry.message.len(),
                counts: stored.counts,
                cut: stored.flags.has(Flags::TC),
            };
        }
        let mut fit =
            Self { end: question_end, counts: [1, 0, 0, 0], cut: stored.flags.has(Flags::TC) };
        let sections = (1..4).flat_map(|section| {
            let count = stored.counts.get(section).copied().unwrap_or_default();
            std::iter::repeat_n(section, count.into())
        });
        for (ttl_at, section) in entry.ttl_offsets().zip(sections) {
            let end = record_end(entry.message, ttl_at);
            if end > room {
                fit.cut |= section < 3;
                break;
            }
            fit.end = end;
            if let Some(count) = fit.counts.get_mut(section) {
                *count += 1;
            }
        }
        fit
    }

    fn records(&self) -> usize {
        let [_, answers, authority, additional] = self.counts.map(usize::from);
        answers + authority + additional
    }
}

fn flags(stored: &Header, rcode: Rcode, query: &Query<'_>, cut: bool) -> Flags {
    // The upper bits of an RCODE stand in the OPT; to whom gets none, the lower
    // ones alone would say something else: those of BADVERS say NOERROR.
    let told = query.edns.is_some() || rcode.0 < 16;
    let rcode = if told { stored.flags.rcode() } else { Rcode::SERVFAIL };
    let authentic = if query.wants_ad() { Flags::AD } else { 0 };
    let flags = Flags(Flags::QR | Flags::RA)
        .copying(stored.flags, Flags::AA | authentic)
        .copying(query.flags, Flags::RD | Flags::CD)
        .with_rcode(rcode);
    if cut { flags.with(Flags::TC) } else { flags }
}

/// The Extended DNS Error of an entry as far as `room` holds it: whole, its code
/// alone, or not at all.
fn error_within<'a>(room: usize, entry: &EntryView<'a>) -> Option<ExtendedError<'a>> {
    let whole = entry.extended_error()?;
    let parts = [whole, ExtendedError { text: &[], ..whole }];
    parts.into_iter().find(|error| error.option_len() <= room)
}

/// Turns each RRset of addresses among the first `answers` records, and writes
/// as much of it as `out` has room for. Of a longer one than [`MAX_TURNED`] as many
/// at a time: what is sent of thousands is some dozens, and the work should be too.
fn rotate(entry: &EntryView<'_>, answers: usize, rotation: u32, out: &mut [u8]) {
    let mut runs = entry.ttl_offsets().take(answers).peekable();
    while let Some(ttl_at) = runs.next() {
        if ttl_at >= out.len() {
            // From here on nothing is sent.
            return;
        }
        let Some(first) = Address::at(entry.message, ttl_at) else { continue };
        let mut count = 1;
        while count < MAX_TURNED
            && let Some(&next) = runs.peek()
            && Address::at(entry.message, next) == Some(first.plus(count))
        {
            count += 1;
            runs.next();
        }
        let by = usize::try_from(rotation).unwrap_or_default() % count;
        if by == 0 {
            continue;
        }
        let turned = first.start + by * first.len;
        let end = first.start + count * first.len;
        let parts = [turned..end, first.start..turned];
        let octets = parts
            .into_iter()
            .filter_map(|part| entry.message.get(part))
            .flatten();
        let places = out.get_mut(first.start..).unwrap_or_default();
        for (place, octet) in places.iter_mut().zip(octets) {
            *place = *octet;
        }
    }
}

/// An A or AAAA record where it lies in a message.
///
/// The records of an RRset have one owner and one length each, so they change
/// places as they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Address {
    start: usize,
    len: usize,
    owner: u16,
    rtype: Rtype,
}

impl Address {
    /// Finds the record whose TTL stands at `ttl_at`. The owner, a pointer of
    /// two octets, type and class stand before it.
    fn at(message: &[u8], ttl_at: usize) -> Option<Self> {
        let rtype = Rtype(get_u16(message, ttl_at.checked_sub(4)?)?);
        let start = ttl_at.checked_sub(6)?;
        let owner = get_u16(message, start)?;
        let len = record_end(message, ttl_at) - start;
        let address = matches!(rtype, Rtype::A | Rtype::AAAA) && owner >= 0xc000;
        address.then_some(Self { start, len, owner, rtype })
    }

    /// The record that stands `count` records further in the same RRset.
    const fn plus(self, count: usize) -> Self {
        Self { start: self.start + count * self.len, ..self }
    }
}

/// TTL of what is past its own: RFC 8767, section 4 recommends 30 s.
const STALE_TTL: u32 = 30;

/// Records of an RRset that change places with each other: three times what fits into
/// a datagram.
const MAX_TURNED: usize = 256;

/// Returns the offset after the record whose TTL stands at `ttl_at`.
fn record_end(message: &[u8], ttl_at: usize) -> usize {
    ttl_at + 6 + usize::from(get_u16(message, ttl_at + 4).unwrap_or_default())
}

#[cfg(test)]
mod tests;

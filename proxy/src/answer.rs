//! From an entry of the cache to the answer that one client gets.
//!
//! A copy and a few patches; nothing is allocated.

use dns::{Flags, HEADER_LEN, Header, Opt, Rtype, get_u16, get_u32, put_octets, put_u32};

use crate::cache::EntryView;
use crate::moment::Moment;
use crate::query::{Query, own_opt};

/// Renders `entry` for `query` into `out` and returns the octets, at most
/// `limit`; `None` when not even the question fits.
///
/// `turn`, where given, says by how many records the first RRset of addresses
/// is rotated. What does not fit is cut at a whole record, with TC=1; but
/// additional records go without it (RFC 2181, section 9).
pub fn render(
    entry: &EntryView<'_>,
    query: &Query<'_>,
    now: Moment,
    limit: usize,
    turn: Option<u32>,
    out: &mut [u8],
) -> Option<usize> {
    let stored = Header::parse(entry.message)?;
    let opt_len = match (query.edns, entry.head.ede) {
        (None, _) => 0,
        (Some(_), None) => Opt::LEN,
        (Some(_), Some(_)) => Opt::LEN + EXTENDED_ERROR_LEN,
    };
    let fit = Fit::of(entry, &stored, query.question.end(), limit.checked_sub(opt_len)?);
    let body = entry.message.get(..fit.end)?;
    put_octets(out, 0, body)?;
    put_octets(out, HEADER_LEN, query.question.qname)?;

    let age = u32::try_from(now.saturating_since(entry.head.born).as_secs()).unwrap_or(u32::MAX);
    for ttl_at in entry.ttl_offsets().take(fit.records()) {
        put_u32(out, ttl_at, get_u32(body, ttl_at)?.saturating_sub(age))?;
    }
    if let Some(turn) = turn {
        rotate(entry, usize::from(fit.counts[1]), turn, out);
    }
    let mut header =
        Header { id: query.id, flags: flags(&stored, query, fit.cut), counts: fit.counts };
    let mut len = fit.end;
    if let Some(asked) = query.edns {
        header.counts[3] += 1;
        len += opt(entry, asked.dnssec_ok, out.get_mut(len..)?)?;
    }
    header.patch(out)?;
    Some(len)
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

fn flags(stored: &Header, query: &Query<'_>, cut: bool) -> Flags {
    let authentic = if query.wants_ad() { Flags::AD } else { 0 };
    let flags = Flags(Flags::QR | Flags::RA)
        .copying(stored.flags, Flags::AA | authentic)
        .copying(query.flags, Flags::RD | Flags::CD)
        .with_rcode(stored.flags.rcode());
    if cut { flags.with(Flags::TC) } else { flags }
}

/// Writes the OPT record with the INFO-CODE that the entry carries.
fn opt(entry: &EntryView<'_>, dnssec_ok: bool, out: &mut [u8]) -> Option<usize> {
    let extended = u8::try_from(entry.head.rcode.0 >> 4).unwrap_or_default();
    let error = entry
        .head
        .ede
        .map(|code| dns::ExtendedError { code, text: "" });
    own_opt(extended, dnssec_ok).patch(out, error)
}

/// Turns the first RRset of addresses among the answers that were sent.
///
/// Its records have one owner and one length each, so they change places as
/// they are.
fn rotate(entry: &EntryView<'_>, answers: usize, turn: u32, out: &mut [u8]) {
    let message = entry.message;
    let record = |ttl_at: usize| {
        let rtype = Rtype(get_u16(message, ttl_at.checked_sub(4)?)?);
        // Owner (a pointer of two octets), type and class stand before.
        let start = ttl_at.checked_sub(6)?;
        let owner = get_u16(message, start)?;
        let addresses = matches!(rtype, Rtype::A | Rtype::AAAA) && owner >= 0xc000;
        addresses.then(|| (start, record_end(message, ttl_at), owner, rtype))
    };
    let mut run = entry.ttl_offsets().take(answers).filter_map(record);
    let Some((start, mut end, owner, rtype)) = run.next() else { return };
    let len = end - start;
    for next in run {
        if next != (end, end + len, owner, rtype) {
            break;
        }
        end += len;
    }
    let count = (end - start) / len;
    let by = usize::try_from(turn).unwrap_or_default() % count;
    if let Some(set) = out.get_mut(start..end) {
        set.rotate_left(by * len);
    }
}

/// Returns the offset after the record whose TTL stands at `ttl_at`.
fn record_end(message: &[u8], ttl_at: usize) -> usize {
    ttl_at + 6 + usize::from(get_u16(message, ttl_at + 4).unwrap_or_default())
}

/// Octets of an Extended DNS Error without text (RFC 8914, section 2).
const EXTENDED_ERROR_LEN: usize = 6;

#[cfg(test)]
mod tests;

//! The name that a walk is asking.

use dns::{Rcode, Rtype};
use resolver::Moment;

use crate::intake::{QueryEvent, QueryFlags};

/// The name that is being asked.
#[derive(Debug, Default)]
pub(crate) struct CurrentStep {
    pub(crate) port: u16,
    /// The id of its first query.
    pub(crate) id: u16,
    pub(crate) queries: u32,
    /// A bit for each type asked.
    pub(crate) types: u8,
    /// Types whose answer was truncated.
    pub(crate) truncated: u8,
    /// Says whether two types came from one port.
    pub(crate) shared_port: bool,
    /// Says whether two types came from two ports.
    pub(crate) apart: bool,
    pub(crate) data: bool,
    pub(crate) denied: bool,
    /// Of what was denied, all for want of the type.
    pub(crate) nodata: bool,
    pub(crate) failed: bool,
    pub(crate) first: Moment,
    pub(crate) last: Moment,
    /// When A was asked last, and when another type was.
    pub(crate) asked: [Moment; 2],
}

impl CurrentStep {
    pub(super) fn note(&mut self, event: &QueryEvent<'_>) {
        let record = &event.record;
        let flags = record.flags;
        if flags.has(QueryFlags::TC) {
            // The answer comes over TCP.
            self.truncated |= type_bit(record.qtype);
        } else if flags.has(QueryFlags::TCP) {
            self.truncated &= !type_bit(record.qtype);
        }
        if flags.has(QueryFlags::DATA) {
            self.data = true;
        } else if flags.has(QueryFlags::TC) {
            // Nothing is said yet.
        } else if flags.has(QueryFlags::REPEATED) {
            // The one that it repeats gets the answer.
        } else if flags.has(QueryFlags::ANSWERED) && record.rcode == Rcode::NXDOMAIN {
            self.denied = true;
            self.nodata = false;
        } else if flags.has(QueryFlags::ANSWERED) && record.rcode == Rcode::NOERROR {
            self.denied = true;
        } else {
            self.failed = true;
        }
    }

    pub(super) const fn is_denied(&self) -> bool {
        self.denied && !self.data && !self.failed
    }

    pub(super) fn type_count(&self) -> u8 {
        u8::try_from(self.types.count_ones()).unwrap_or(u8::MAX)
    }
}

/// Says whether a query got neither data nor a denial, nor another way to get them.
pub(crate) fn is_failure(event: &QueryEvent<'_>) -> bool {
    let QueryEvent { record, .. } = event;
    let is_open = [QueryFlags::DATA, QueryFlags::TC, QueryFlags::REPEATED];
    let is_open = is_open.iter().any(|flag| record.flags.has(*flag));
    let is_denial = matches!(record.rcode, Rcode::NXDOMAIN | Rcode::NOERROR);
    let is_answered = record.flags.has(QueryFlags::ANSWERED) && is_denial;
    !(is_open || is_answered)
}

/// A bit for the types that resolvers ask side by side, and one each for a
/// quarter of the others.
pub(crate) const fn type_bit(qtype: Rtype) -> u8 {
    match qtype {
        Rtype::A => 1,
        Rtype::AAAA => 2,
        Rtype(HTTPS) => 4,
        Rtype(other) => 8 << (other % 4),
    }
}

/// RFC 9460, section 14.1.
const HTTPS: u16 = 65;

//! Names of one length, as those of Services are, in a row of octets.

use dns::{Class, Flags, Name, Question, Rtype};
use resolver::Moment;
use resolver::Query;
use resolver::{CacheConfig, Entry, KeyHasher, KeyView, admit};

/// Wire names, one after the other.
pub(crate) struct Names {
    octets: Vec<u8>,
}

impl Names {
    /// The names with these numbers, in this order.
    pub(crate) fn new(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut octets = Vec::new();
        for number in numbers {
            octets.extend(wire(number).as_wire());
        }
        Self { octets }
    }

    pub(crate) fn len(&self) -> usize {
        self.octets.len() / LENGTH
    }

    /// The name at this place; places wrap around.
    pub(crate) fn get(&self, place: usize) -> &[u8] {
        let start = place % self.len() * LENGTH;
        self.octets.get(start..start + LENGTH).unwrap_or_default()
    }
}

/// The key of a name as a client asks for it.
pub(crate) fn key<'a>(qname: &'a [u8], hasher: &KeyHasher) -> KeyView<'a> {
    KeyView::of(&query(qname), hasher)
}

/// A query for the A record of a name.
pub(crate) const fn query(qname: &[u8]) -> Query<'_> {
    let question = Question { qname, qtype: Rtype::A, qclass: Class::IN };
    Query { id: 1, flags: Flags(Flags::RD), question, edns: None, options: &[] }
}

/// What an upstream answers: one address, for an hour.
pub(crate) fn entry(number: u64) -> Entry {
    let name = wire(number);
    let mut message = Vec::new();
    let mut composer = dns::Composer::new(&mut message, &name, Rtype::A, Class::IN);
    composer
        .own_record(&name, Rtype::A, 3600, &[10, 0, 0, 1])
        .unwrap_or_default();
    let header = dns::Header { id: 1, flags: Flags(Flags::QR), counts: [1, 1, 0, 0] };
    composer.finish(&header).unwrap_or_default();
    let question = Question { qname: name.as_wire(), qtype: Rtype::A, qclass: Class::IN };
    let admitted = admit(&message, &question, Moment::from_micros(0), &CacheConfig::default());
    admitted.map_or_else(|_| unreachable!("our own message"), |admitted| admitted.entry)
}

fn wire(number: u64) -> Name {
    Name::from_text(&format!("n{number:09}.default.svc.cluster.local")).unwrap_or(Name::ROOT)
}

/// Octets of each name in wire form.
const LENGTH: usize = 38;

//! What the owner of a zone can make an answer cost.

use std::hint::black_box;

use criterion::Criterion;
use dns::{Composer, Flags, Header, Name, Question, Rtype};
use resolver::{CacheConfig, Moment, Retained, admit};

/// An owner, a type and data.
pub(super) type Line = (Name, Rtype, Vec<u8>);

/// A response to `asked` with these answers and authorities. Data is written as it is,
/// names in it whole.
pub(super) fn response(asked: &Retained, sections: [&[Line]; 2]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut composer = Composer::new(&mut message, &asked.qname, asked.qtype, asked.qclass);
    for (owner, rtype, data) in sections.into_iter().flatten() {
        composer
            .own_record(owner, *rtype, 3600, data)
            .unwrap_or_default();
    }
    let [answers, authority] =
        sections.map(|records| u16::try_from(records.len()).unwrap_or_default());
    let header = Header { id: 1, flags: Flags(Flags::QR), counts: [1, answers, authority, 0] };
    composer.finish(&header).unwrap_or_default();
    message
}

/// From the octets of an upstream to the entry of the cache: names of most labels that
/// differ at the end, so that each looks like all others for as long as can be.
pub(super) fn admit_hostile_names(criterion: &mut Criterion) {
    let now = Moment::from_micros(0);
    let config = CacheConfig::default();
    let exchanges = |count| {
        let data = |n| [&[0, 1], deep(n).as_wire()].concat();
        let lines: Vec<_> = (0..count).map(|n| (deep(0), Rtype::MX, data(n))).collect();
        response(&asked(Rtype::MX), [&lines, &[]])
    };
    let server = (deep(1), Rtype::NS, vec![1, b'n', 0]);
    let servers = vec![server; 2_000];
    for (what, message) in [
        ("242 MX records, 64 KiB", exchanges(242)),
        ("4 MX records, a datagram", exchanges(4)),
        ("3,900 addresses of two names in turn", addresses(3_900)),
        ("2,000 name servers of one name", response(&asked(Rtype::A), [&[], &servers])),
    ] {
        let Ok(question) = Question::parse(&message) else { continue };
        criterion.bench_function(&format!("admit names of 120 labels: {what}"), |bencher| {
            bencher.iter(|| admit(black_box(&message), &question, now, &config).is_ok());
        });
    }
}

fn asked(qtype: Rtype) -> Retained {
    Retained { qname: deep(0), qtype, ..super::query(0) }
}

/// An alias, and addresses whose owners are pointers to it and to its target in turn:
/// no two in a row have the same.
fn addresses(count: u16) -> Vec<u8> {
    let alias = (deep(0), Rtype::CNAME, deep(1).as_wire().to_vec());
    let mut message = response(&asked(Rtype::A), [&[alias], &[]]);
    let target = message.len() - deep(1).as_wire().len();
    let pointers = [dns::HEADER_LEN, target].map(|at| u16::try_from(at).unwrap_or_default());
    for pointer in pointers.into_iter().cycle().take(count.into()) {
        message.extend((0xc000 | pointer).to_be_bytes());
        message.extend([0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 10, 0, 0, 1]);
    }
    dns::put_u16(&mut message, 6, count + 1);
    message
}

/// `a.a.a.….b017.evil.test`.
fn deep(n: usize) -> Name {
    let text = format!("{}b{n:03}.evil.test", "a.".repeat(117));
    Name::from_text(&text).unwrap_or(Name::ROOT)
}

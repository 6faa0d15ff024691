//! Names that are answered here: `localhost` and `invalid` (RFC 6761, sections 6.3
//! and 6.4). No server on the way has anything to say about them, and some say
//! something else than 127.0.0.1.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dns::{Composer, Flags, Header, Name, Rcode, Rtype};

use crate::cache::{Entry, Head, Kind};
use crate::clock::Moment;
use crate::query::Retained;

/// Composes the answer to a query for a special name; none for all others.
pub fn special(query: &Retained, now: Moment) -> Option<Entry> {
    let denied = match last_label(&query.qname)? {
        label if label.eq_ignore_ascii_case(b"invalid") => Rcode::NXDOMAIN,
        label if label.eq_ignore_ascii_case(b"localhost") => Rcode::NOERROR,
        _ => return None,
    };
    let v4 = Ipv4Addr::LOCALHOST.octets();
    let v6 = Ipv6Addr::LOCALHOST.octets();
    let address: Option<&[u8]> = match query.qtype {
        _ if denied == Rcode::NXDOMAIN => None,
        Rtype::A => Some(&v4),
        Rtype::AAAA => Some(&v6),
        _ => None,
    };
    let mut message = Vec::new();
    let mut composer = Composer::new(&mut message, &query.qname, query.qtype, query.qclass);
    if let Some(address) = address {
        composer
            .own_record(&query.qname, query.qtype, TTL, address)
            .ok()?;
    }
    let flags = Flags(Flags::QR | Flags::AA).with_rcode(denied);
    let counts = [1, u16::from(address.is_some()), 0, 0];
    composer.finish(&Header { id: 0, flags, counts }).ok()?;
    let kind = if address.is_some() { Kind::Positive } else { Kind::Negative };
    let expires = now + Duration::from_secs(TTL.into());
    let head =
        Head { kind, rcode: denied, ede: None, born: now, expires, stale: false, first: None };
    // At most one record, which always fits.
    Some(Entry { head, message, ttls: Vec::new(), text: Vec::new() })
}

fn last_label(name: &Name) -> Option<&[u8]> {
    name.labels().filter(|label| !label.is_empty()).last()
}

/// It never changes; a day is as long as a client's cache may want it.
const TTL: u32 = 86_400;

#[cfg(test)]
mod tests {
    use dns::Class;

    use super::*;

    fn answer(name: &str, qtype: Rtype) -> Option<(Rcode, Vec<u8>)> {
        let qname = Name::from_text(name).unwrap();
        let flags = Flags(Flags::RD);
        let query = Retained { id: 1, flags, qname, qtype, qclass: Class::IN, edns: None };
        let entry = special(&query, Moment::from_micros(1))?;
        let start = dns::HEADER_LEN + qname.as_wire().len() + 4;
        Some((entry.head.rcode, entry.message[start..].to_vec()))
    }

    #[test]
    fn localhost_is_this_host_and_invalid_is_nothing() {
        let (rcode, record) = answer("LocalHost.", Rtype::A).unwrap();
        assert_eq!((rcode, &record[record.len() - 4..]), (Rcode::NOERROR, &[127, 0, 0, 1][..]));
        let (rcode, record) = answer("a.localhost.", Rtype::AAAA).unwrap();
        assert_eq!((rcode, record.last()), (Rcode::NOERROR, Some(&1)));
        assert_eq!(answer("localhost.", Rtype::MX), Some((Rcode::NOERROR, vec![])));
        assert_eq!(answer("x.invalid.", Rtype::A), Some((Rcode::NXDOMAIN, vec![])));
        for other in [".", "localhost.test.", "invalid.test.", "mylocalhost."] {
            assert_eq!(answer(other, Rtype::A), None, "{other}");
        }
    }
}

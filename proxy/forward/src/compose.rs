//! The query as an upstream gets it.

use dns::{Flags, HEADER_LEN, Header, Opt};

use resolver::{Hops, Retained};

/// Composes the query to an upstream, with id 0: RD, the client's CD, and
/// AD, so that the answer's AD bit means something (RFC 6840, section 5.7).
/// The client's EDNS options are not passed on; ours asks for what fits into
/// one frame whatever the client takes. `edns` is false for an upstream that
/// does not know EDNS. `hops`, where given, are told.
pub(crate) fn compose(
    query: &Retained,
    edns: bool,
    hops: Option<Hops>,
    out: &mut [u8],
) -> Option<usize> {
    let flags = Flags(Flags::RD | Flags::AD).copying(query.flags, Flags::CD);
    let counts = [1, 0, 0, u16::from(edns)];
    Header { id: 0, flags, counts }.patch(out)?;
    let qname = query.qname.as_wire();
    dns::put_octets(out, HEADER_LEN, qname)?;
    let at = HEADER_LEN + qname.len();
    dns::put_u16(out, at, query.qtype.0)?;
    dns::put_u16(out, at + 2, query.qclass.0)?;
    if !edns {
        return Some(at + 4);
    }
    let opt = Opt {
        udp_payload_size: dns::MAX_UDP_PAYLOAD,
        extended_rcode: 0,
        version: 0,
        dnssec_ok: query.edns.is_some_and(|opt| opt.dnssec_ok),
    };
    let out = out.get_mut(at + 4..)?;
    let len = match (opt.patch(out, None)?, hops) {
        (len, None) => len,
        (_, Some(hops)) => hops.append(out)?,
    };
    Some(at + 4 + len)
}

/// Octets of the longest query: header, name, type and class, OPT with hops.
pub(crate) const QUERY_LEN: usize = HEADER_LEN + dns::Name::MAX_LEN + 4 + Opt::LEN + Hops::MAX_LEN;

#[cfg(test)]
mod tests {
    use dns::{Class, Name, Question, Records, Rtype};

    use super::*;

    #[test]
    fn a_query_carries_what_the_answer_depends_on_and_nothing_else() {
        let opt = Opt { udp_payload_size: 4096, extended_rcode: 0, version: 0, dnssec_ok: true };
        let query = Retained {
            id: 99,
            flags: Flags(Flags::CD),
            qname: Name::from_text("WEB.example.").unwrap(),
            qtype: Rtype::TXT,
            qclass: Class::IN,
            edns: Some(opt),
        };
        let mut out = [0; QUERY_LEN];
        let len = compose(&query, true, None, &mut out).unwrap();
        let header = Header::parse(&out).unwrap();
        assert_eq!(header.flags, Flags(Flags::RD | Flags::CD | Flags::AD));
        let question = Question::parse(&out).unwrap();
        assert!(question.matches(&query.question()));
        let record = Records::new(&out[..len], question.end(), &header).next();
        let ours = Opt::from_record(&record.unwrap().unwrap()).unwrap();
        assert_eq!((ours.udp_payload_size, ours.dnssec_ok), (1232, true));

        let plain = Retained { flags: Flags(0), edns: None, ..query };
        let len = compose(&plain, true, None, &mut out).unwrap();
        assert_eq!(out[len - Opt::LEN + 7], 0, "no DO");
        assert_eq!(Header::parse(&out).unwrap().flags, Flags(Flags::RD | Flags::AD));

        let without = compose(&plain, false, None, &mut out).unwrap();
        assert_eq!((without, Header::parse(&out).unwrap().counts), (len - Opt::LEN, [1, 0, 0, 0]));
    }

    #[test]
    fn the_longest_name_fits() {
        let label = "x".repeat(63);
        let name = format!("{label}.{label}.{label}.{}.", &label[..61]);
        let query = Retained {
            id: 0,
            flags: Flags(0),
            qname: Name::from_text(&name).unwrap(),
            qtype: Rtype::A,
            qclass: Class::IN,
            edns: None,
        };
        let hops = (0..4).fold(Hops::default(), Hops::with);
        let most = compose(&query, true, Some(hops), &mut [0; QUERY_LEN]);
        assert_eq!(most, Some(QUERY_LEN));
    }
}

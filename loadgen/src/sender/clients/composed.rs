//! A query as a model wants it: id, AD bit, OPT record.

use dns::{Flags, put_octets, put_u16};
use stub::client::Packet;

/// Octets of the longest: header, name, type, class, OPT.
pub(super) const MAX_LEN: usize = 12 + 255 + 4 + OPT_LEN;

/// An OPT record without options: root, type, payload size, TTL, no RDATA (RFC 6891,
/// section 6.1.2).
const OPT_LEN: usize = 11;

/// Writes `query`, composed with id zero, as `packet` has it; returns its length, or
/// zero where `out` is too short.
pub(super) fn compose(query: &[u8], packet: &Packet, out: &mut [u8]) -> usize {
    let write = |out: &mut [u8]| {
        put_octets(out, 0, query)?;
        put_u16(out, 0, packet.id)?;
        if packet.ad {
            let flags = dns::get_u16(out, 2)?;
            put_u16(out, 2, Flags(flags).with(Flags::AD).0)?;
        }
        let Some(payload) = packet.edns else { return Some(query.len()) };
        put_u16(out, ARCOUNT, 1)?;
        let mut opt = [0; OPT_LEN];
        put_u16(&mut opt, 1, dns::Rtype::OPT.0)?;
        put_u16(&mut opt, 3, payload)?;
        put_octets(out, query.len(), &opt)?;
        Some(query.len() + OPT_LEN)
    };
    write(out).unwrap_or(0)
}

const ARCOUNT: usize = 10;

#[cfg(test)]
mod tests {
    use stub::client::Qtype;

    use super::*;

    #[test]
    fn a_query_carries_what_the_model_wants() {
        let query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
        let packet = Packet {
            query: 0,
            socket: 0,
            server: 0,
            name: 0,
            qtype: Qtype::A,
            id: 0xabcd,
            edns: Some(1232),
            ad: true,
        };
        let mut out = [0; MAX_LEN];
        let len = compose(query, &packet, &mut out);
        assert_eq!(
            &out[..len],
            b"\xab\xcd\x01\x20\0\x01\0\0\0\0\0\x01\x01a\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0"
        );
        let plain = Packet { edns: None, ad: false, ..packet };
        assert_eq!(compose(query, &plain, &mut out), query.len());
        assert_eq!(&out[..4], b"\xab\xcd\x01\0");
        assert_eq!(compose(query, &packet, &mut [0; 20]), 0);
    }
}

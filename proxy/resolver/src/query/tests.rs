//! The listener rules as a table: what is sent, what comes back.

use super::*;

/// Header, question `a.` of type A in class IN, and what is put behind it.
fn query(flags: u16, counts: [u16; 4], tail: &[u8]) -> Vec<u8> {
    let mut message = vec![0; HEADER_LEN];
    let header = Header { id: 0x1234, flags: Flags(flags), counts };
    header.patch(&mut message).unwrap();
    message.extend(tail);
    message
}

const ASK: &[u8] = b"\x01a\0\0\x01\0\x01";
const OPT: &[u8] = b"\0\0\x29\x10\x00\0\0\x80\0\0\0";
const OPT_V1: &[u8] = b"\0\0\x29\x10\x00\0\x01\0\0\0\0";

fn rejected(message: &[u8]) -> (QueryError, Option<Vec<u8>>) {
    let error = Query::parse(message).unwrap_err();
    let mut out = [0; 512];
    (
        error,
        error
            .reply(message, &mut out)
            .map(|reply| out[..reply.len].to_vec()),
    )
}

#[test]
fn what_is_no_query_is_met_with_silence() {
    for (message, error) in [
        (vec![], QueryError::HeaderTooShort),
        (vec![0; 11], QueryError::HeaderTooShort),
        (query(0x8000, [1, 0, 0, 0], ASK), QueryError::NotAQuery),
        (query(0xa800, [0, 0, 0, 0], &[]), QueryError::NotAQuery),
    ] {
        assert_eq!(rejected(&message), (error, None));
    }
}

#[test]
fn what_breaks_a_rule_gets_its_rcode() {
    use QueryError as E;
    let one = [1, 0, 0, 0];
    let extra = [1, 0, 0, 1];
    let two_opts = [ASK, OPT, OPT].concat();
    for (message, error, rcode) in [
        (query(0x2000, one, ASK), E::Opcode, 4),
        (query(0x2800, one, b""), E::Opcode, 4),
        (query(0, [0; 4], b""), E::QuestionCount, 1),
        (query(0, [2, 0, 0, 0], &[ASK, ASK].concat()), E::QuestionCount, 1),
        (query(0, one, b"\x01a\0\0\x01\0"), E::Malformed, 1),
        (query(0, one, b"\xc0\x0c\0\x01\0\x01"), E::Malformed, 1),
        (query(0, one, b"\x01a\0\0\x01\0\x01left over"), E::Malformed, 1),
        (query(0, extra, ASK), E::Malformed, 1),
        (query(0, [1, 0, 0, 2], &two_opts), E::Malformed, 1),
        (query(0, [1, 1, 0, 0], &[ASK, OPT].concat()), E::Malformed, 1),
        (query(0, one, b"\x01a\0\0\x01\0\x03"), E::Class, 5),
        (query(0, one, b"\x01a\0\0\xfc\0\x01"), E::Transfer, 5),
        (query(0, one, b"\x01a\0\0\xfb\0\x01"), E::Transfer, 5),
        (query(0, extra, &[ASK, OPT_V1].concat()), E::BadVersion, 0),
    ] {
        let (found, reply) = rejected(&message);
        let reply = reply.unwrap();
        assert_eq!(found, error, "{message:02x?}");
        assert_eq!(reply[..2], [0x12, 0x34]);
        assert_eq!(reply[2] & 0xf8, 0x80 | message[2] & 0x78, "QR, opcode as sent, no AA");
        assert_eq!(reply[3], 0x80 | rcode, "{error:?}: RA and the RCODE");
    }
}

#[test]
fn an_error_reply_brings_back_question_and_opt() {
    let message = query(0x0110, [1, 0, 0, 1], &[ASK, OPT_V1].concat());
    let (_, reply) = rejected(&message);
    let reply = reply.unwrap();
    assert_eq!(reply[2..4], [0x81, 0x90], "RD and CD as asked");
    assert_eq!(reply[4..12], [0, 1, 0, 0, 0, 0, 0, 1]);
    assert_eq!(&reply[12..12 + ASK.len()], ASK);
    assert_eq!(reply[12 + ASK.len()..], *b"\0\0\x29\x04\xd0\x01\0\0\0\0\0", "version 0, BADVERS");
}

#[test]
fn the_answer_over_udp_is_as_large_as_asked_within_bounds() {
    for (size, limit) in [(0, 512), (511, 512), (900, 900), (1232, 1232), (4096, 1232)] {
        let mut opt = OPT.to_vec();
        opt[3..5].copy_from_slice(&u16::to_be_bytes(size));
        let message = query(0, [1, 0, 0, 1], &[ASK, &opt].concat());
        let query = Query::parse(&message).unwrap();
        assert_eq!((query.udp_limit(), query.wants_ad()), (limit, true));
    }
    let plain = query(0x0120, [1, 0, 0, 0], ASK);
    let query = Query::parse(&plain).unwrap();
    assert_eq!((query.udp_limit(), query.wants_ad(), query.dnssec_ok()), (512, true, false));
}

#[test]
fn a_retained_query_is_the_same_query() {
    let message = query(0x0100, [1, 0, 0, 1], &[b"\x01A\0\0\x01\0\x01", OPT].concat());
    let query = Query::parse(&message).unwrap();
    let retained = query.retain();
    assert_eq!(retained.as_query().question, query.question);
    assert_eq!(retained.as_query().edns, query.edns);
    assert_eq!((retained.id, retained.flags), (query.id, query.flags));
}

#[test]
fn every_error_stands_where_its_index_says() {
    for (place, error) in QueryError::ALL.iter().enumerate() {
        assert_eq!(error.index(), place, "{}", error.label());
    }
}

#[test]
fn no_octets_make_parse_or_reply_panic() {
    let whole = query(0x0100, [1, 0, 0, 1], &[ASK, OPT].concat());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut message = whole.clone();
            message[at] ^= 1 << bit;
            for cut in [&message[..], &message[..at]] {
                if let Err(error) = Query::parse(cut) {
                    let mut out = [0; 64];
                    let len = error.reply(cut, &mut out).map_or(0, |reply| reply.len);
                    assert!(len <= cut.len().max(HEADER_LEN), "no amplification");
                }
            }
        }
    }
}

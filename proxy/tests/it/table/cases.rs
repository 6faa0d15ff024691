//! The packets, and what each is answered with over UDP and over TCP.

use testbed::{Query, query};

use super::SILENCE;

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) octets: Vec<u8>,
    pub(super) udp: &'static str,
    pub(super) tcp: &'static str,
    /// Octets that a reply over UDP may have.
    pub(super) udp_limit: usize,
}

/// A query that is answered in the same way over both transports.
fn same(name: &'static str, octets: Vec<u8>, expected: &'static str) -> Case {
    Case { name, octets, udp: expected, tcp: expected, udp_limit: 512 }
}

fn asks(name: &'static str, query: &Query, expected: &'static str) -> Case {
    same(name, query.clone().id(7).octets(), expected)
}

/// `web.test. IN A` with another octet here and there.
fn patched(changes: &[(usize, u8)]) -> Vec<u8> {
    let mut octets = web().id(7).octets();
    for (at, octet) in changes {
        octets[*at] = *octet;
    }
    octets
}

fn web() -> Query {
    query("web.test.", "A")
}

pub(super) fn cases() -> Vec<Case> {
    [ordinary(), edns(), large(), refused(), malformed()]
        .into_iter()
        .flatten()
        .collect()
}

fn ordinary() -> Vec<Case> {
    vec![
        asks("A", &web(), "NoError aa rd ra, 1 A"),
        asks("without RD", &web().no_recursion(), "NoError aa ra, 1 A"),
        asks("with CD", &web().checking_disabled(), "NoError aa rd ra cd, 1 A"),
        asks("with AD", &web().authentic_data(), "NoError aa rd ra, 1 A"),
        asks("in mixed case", &query("wEb.TesT.", "A"), "NoError aa rd ra, 1 A"),
        asks("alias", &query("alias.test.", "A"), "NoError aa rd ra, 2 CNAME"),
        asks("NODATA", &query("web.test.", "AAAA"), "NoError aa rd ra, SOA"),
        asks("NXDOMAIN", &query("gone.test.", "A"), "NXDomain aa rd ra, SOA"),
        // A bit that nobody defined is not copied (RFC 1035, section 4.1.1).
        same("with the Z bit", patched(&[(3, 0x40)]), "NoError aa rd ra, 1 A"),
        // RFC 8482, section 4.2.
        asks("ANY", &query("web.test.", "ANY"), "NoError rd ra, 1 HINFO RFC8482"),
        asks(
            "ANY of what is not",
            &query("nowhere.test.", "ANY"),
            "NoError rd ra, 1 HINFO RFC8482",
        ),
    ]
}

fn edns() -> Vec<Case> {
    let cookie = || web().edns_option(10, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let subnet = || web().edns_option(8, &[0, 1, 24, 0, 192, 0, 2]);
    vec![
        asks("EDNS", &web().edns(4096), "NoError aa rd ra, 1 A, opt 1232"),
        asks("EDNS with size 0", &web().edns(0), "NoError aa rd ra, 1 A, opt 1232"),
        asks("EDNS with DO", &web().dnssec_ok(), "NoError aa rd ra, 1 A, opt 1232 do"),
        asks("EDNS with a cookie", &cookie(), "NoError aa rd ra, 1 A, opt 1232"),
        asks("EDNS with a subnet", &subnet(), "NoError aa rd ra, 1 A, opt 1232"),
        asks(
            "EDNS with any option",
            &web().edns_option(65001, &[]),
            "NoError aa rd ra, 1 A, opt 1232",
        ),
        // RFC 6891, section 6.1.3.
        asks("EDNS version 1", &web().edns_version(1), "BADVERS rd ra, opt 1232"),
        same("two OPTs", two_opts(), "FormErr rd ra"),
    ]
}

/// musl reads what fits and never asks over TCP: at least one record.
fn large() -> Vec<Case> {
    let many = |name, edns: Option<u16>, udp, tcp, udp_limit| {
        let question = query("many.test.", "A").id(7);
        let question = edns.map_or_else(|| question.clone(), |size| question.clone().edns(size));
        Case { name, octets: question.octets(), udp, tcp, udp_limit }
    };
    let whole = "NoError aa rd ra, 100 A";
    let with_opt = "NoError aa rd ra, 100 A, opt 1232";
    // A header and a question of 27 octets, 16 for each address, 11 for OPT.
    vec![
        many("more than fits", None, "NoError aa tc rd ra, 30 A", whole, 512),
        many("more than 512", Some(512), "NoError aa tc rd ra, 29 A, opt 1232", with_opt, 512),
        many("more than 1000", Some(1000), "NoError aa tc rd ra, 60 A, opt 1232", with_opt, 1000),
        many(
            "more than we send",
            Some(4096),
            "NoError aa tc rd ra, 74 A, opt 1232",
            with_opt,
            1232,
        ),
        Case {
            name: "a large TXT",
            octets: query("text.test.", "TXT").id(7).edns(4096).octets(),
            udp: "NoError aa tc rd ra, 4 TXT, opt 1232",
            tcp: "NoError aa rd ra, 8 TXT, opt 1232",
            udp_limit: 1232,
        },
    ]
}

fn refused() -> Vec<Case> {
    vec![
        asks("class CH", &web().class(3), "Refused rd ra"),
        asks("class ANY", &web().class(255), "Refused rd ra"),
        asks("AXFR", &query("test.", "AXFR"), "Refused rd ra"),
        asks("IXFR", &query("test.", "TYPE251"), "Refused rd ra"),
        same("opcode IQUERY", patched(&[(2, 0x09)]), "NotImp rd ra"),
        same("opcode STATUS", patched(&[(2, 0x11)]), "NotImp rd ra"),
        same("opcode NOTIFY", patched(&[(2, 0x21)]), "NotImp rd ra"),
        same("opcode UPDATE", patched(&[(2, 0x29)]), "NotImp rd ra"),
        same("opcode 15", patched(&[(2, 0x79)]), "NotImp rd ra"),
    ]
}

fn malformed() -> Vec<Case> {
    let web = || web().id(7).octets();
    let two_questions = [&patched(&[(5, 2)])[..], &web()[12..]].concat();
    let trailing = [&web()[..], &[0]].concat();
    vec![
        same("a response", patched(&[(2, 0x81)]), SILENCE),
        same("a response that is garbage", patched(&[(2, 0xff), (12, 0xff)]), SILENCE),
        same("eleven octets", web()[..11].to_vec(), SILENCE),
        same("one octet", vec![0], SILENCE),
        same("no question", [&patched(&[(5, 0)])[..12]].concat(), "FormErr rd ra, no question"),
        same("QDCOUNT 0", patched(&[(5, 0)]), "FormErr rd ra, no question"),
        same("QDCOUNT 2", patched(&[(5, 2)]), "FormErr rd ra, no question"),
        same("two questions", two_questions, "FormErr rd ra, no question"),
        same("QDCOUNT 65535", patched(&[(4, 255), (5, 255)]), "FormErr rd ra, no question"),
        same("header only, QDCOUNT 1", web()[..12].to_vec(), "FormErr rd ra, no question"),
        same("half a name", web()[..16].to_vec(), "FormErr rd ra, no question"),
        same("no class", web()[..24].to_vec(), "FormErr rd ra, no question"),
        same(
            "a pointer in a question",
            patched(&[(12, 0xc0), (13, 12)]),
            "FormErr rd ra, no question",
        ),
        same("a label of 64 octets", patched(&[(12, 64)]), "FormErr rd ra, no question"),
        same("an octet too many", trailing, "FormErr rd ra"),
        same("ARCOUNT without records", patched(&[(11, 1)]), "FormErr rd ra"),
        same("ANCOUNT without records", patched(&[(7, 1)]), "FormErr rd ra"),
        same("a name of 256 octets", long_name(), "FormErr rd ra, no question"),
    ]
}

fn two_opts() -> Vec<u8> {
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    let mut octets = [&patched(&[])[..], &opt, &opt].concat();
    octets[11] = 2;
    octets
}

fn long_name() -> Vec<u8> {
    let label = [&[63][..], &[b'a'; 63]].concat();
    [&patched(&[])[..12], &label.repeat(4), &[0, 0, 1, 0, 1]].concat()
}

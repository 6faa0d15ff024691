//! What is kept, what is left out, and for how long (RFC 2308, RFC 5452).

use dns::Class;

use super::*;

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// Owner, type, TTL, RDATA.
type Line<'a> = (&'a str, Rtype, u32, Vec<u8>);

/// A response to `www.example. A`.
fn response(rcode: Rcode, flags: u16, sections: [&[Line<'_>]; 3]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut composer = Composer::new(&mut message, &name("www.example."), Rtype::A, Class::IN);
    let mut counts = [1, 0, 0, 0];
    for (section, records) in sections.iter().enumerate() {
        counts[section + 1] = u16::try_from(records.len()).unwrap();
        for (owner, rtype, ttl, rdata) in *records {
            composer
                .own_record(&name(owner), *rtype, *ttl, rdata)
                .unwrap();
        }
    }
    let flags = Flags(Flags::QR | flags).with_rcode(rcode);
    composer.finish(&Header { id: 1, flags, counts }).unwrap();
    message
}

fn judge(message: &[u8], config: &CacheConfig) -> Admitted {
    let qname = name("www.example.");
    let question = Question { qname: qname.as_wire(), qtype: Rtype::A, qclass: Class::IN };
    admit(message, &question, Moment::from_micros(0), config).unwrap()
}

fn lifetime(admitted: &Admitted) -> u64 {
    admitted.entry.head.expires.as_secs()
}

fn counts(admitted: &Admitted) -> [u16; 4] {
    Header::parse(&admitted.entry.message).unwrap().counts
}

fn soa(minimum: u32) -> Vec<u8> {
    let mut rdata =
        [name("ns.example.").as_wire(), name("root.example.").as_wire(), &[0; 16]].concat();
    rdata.extend(minimum.to_be_bytes());
    rdata
}

fn target(text: &str) -> Vec<u8> {
    name(text).as_wire().to_vec()
}

#[test]
fn an_rrset_has_one_ttl_and_the_message_the_least_of_them() {
    let answers = [
        ("www.example.", Rtype::CNAME, 300, target("real.example.")),
        ("real.example.", Rtype::A, 40, vec![10, 0, 0, 1]),
        ("real.example.", Rtype::A, 30, vec![10, 0, 0, 2]),
    ];
    let admitted =
        judge(&response(Rcode::NOERROR, 0, [&answers, &[], &[]]), &CacheConfig::default());
    assert_eq!(admitted.entry.head.kind, Kind::Positive);
    let ttls: Vec<_> = admitted
        .entry
        .view()
        .ttl_offsets()
        .map(|at| get_u32(&admitted.entry.message, at))
        .collect();
    assert_eq!(ttls, [Some(300), Some(30), Some(30)]);
    assert_eq!((admitted.cacheable, lifetime(&admitted)), (true, 30));
}

/// RFC 2308, section 5: the lesser of the SOA's TTL and its MINIMUM.
#[test]
fn a_denial_lives_as_long_as_its_soa_allows() {
    for (rcode, ttl, minimum, expected) in
        [(Rcode::NXDOMAIN, 300, 10, 10), (Rcode::NOERROR, 5, 60, 5)]
    {
        let authority = [("example.", Rtype::SOA, ttl, soa(minimum))];
        let admitted = judge(&response(rcode, 0, [&[], &authority, &[]]), &CacheConfig::default());
        assert_eq!(admitted.entry.head.kind, Kind::Negative);
        assert_eq!((admitted.cacheable, lifetime(&admitted)), (true, expected));
    }
}

#[test]
fn records_that_the_question_does_not_lead_to_are_left_out() {
    let answers = [
        ("www.example.", Rtype::A, 60, vec![10, 0, 0, 1]),
        ("victim.example.", Rtype::A, 60, vec![6, 6, 6, 6]),
    ];
    let authority = [("victim.org.", Rtype::NS, 60, target("evil.example."))];
    let additional = [("victim.example.", Rtype::A, 60, vec![6, 6, 6, 6])];
    let admitted = judge(
        &response(Rcode::NOERROR, 0, [&answers, &authority, &additional]),
        &CacheConfig::default(),
    );
    assert_eq!(counts(&admitted), [1, 1, 0, 0]);
}

#[test]
fn what_may_not_be_kept_is_not_cacheable() {
    let answer = |ttl| [("www.example.", Rtype::A, ttl, vec![10, 0, 0, 1])];
    for (what, message) in [
        ("truncated", response(Rcode::NOERROR, Flags::TC, [&answer(60), &[], &[]])),
        ("no SOA", response(Rcode::NXDOMAIN, 0, [&[], &[], &[]])),
        ("failed", response(Rcode::SERVFAIL, 0, [&[], &[], &[]])),
        ("TTL 0", response(Rcode::NOERROR, 0, [&answer(0), &[], &[]])),
        ("TTL above 2^31", response(Rcode::NOERROR, 0, [&answer(1 << 31), &[], &[]])),
    ] {
        assert!(!judge(&message, &CacheConfig::default()).cacheable, "{what}");
    }
}

#[test]
fn ttls_stay_within_their_bounds() {
    let config = CacheConfig {
        min_ttl: Duration::from_secs(5),
        max_ttl: Duration::from_secs(50),
        ..CacheConfig::default()
    };
    for (ttl, expected) in [(0, 5), (20, 20), (100, 50)] {
        let answers = [("www.example.", Rtype::A, ttl, vec![10, 0, 0, 1])];
        let message = response(Rcode::NOERROR, 0, [&answers, &[], &[]]);
        assert_eq!(lifetime(&judge(&message, &config)), expected);
    }
}

#[test]
fn a_circle_of_aliases_has_an_end() {
    let answers = [
        ("www.example.", Rtype::CNAME, 60, target("b.example.")),
        ("b.example.", Rtype::CNAME, 60, target("www.example.")),
    ];
    let admitted =
        judge(&response(Rcode::NOERROR, 0, [&answers, &[], &[]]), &CacheConfig::default());
    assert_eq!((admitted.entry.head.kind, admitted.cacheable), (Kind::Negative, false));
}

/// None of its records is ever shown older than its owner allows.
#[test]
fn an_answer_lives_as_long_as_each_of_its_records() {
    let answers = [("www.example.", Rtype::A, 60, vec![10, 0, 0, 1])];
    let authority = [("example.", Rtype::NS, 9, target("ns.example."))];
    let additional = [("ns.example.", Rtype::A, 5, vec![10, 0, 0, 2])];
    let all = [&answers[..], &authority[..], &additional[..]];
    let admitted = judge(&response(Rcode::NOERROR, 0, all), &CacheConfig::default());
    assert_eq!((counts(&admitted), lifetime(&admitted)), ([1, 1, 1, 1], 5));
}

/// It is beside the answer, and may be left out.
#[test]
fn an_additional_record_of_ttl_zero_does_not_keep_an_answer_out() {
    let authority = [("example.", Rtype::NS, 50, target("ns.example."))];
    let additional = [
        ("ns.example.", Rtype::A, 0, vec![10, 0, 0, 1]),
        ("ns.example.", Rtype::AAAA, 30, vec![1; 16]),
    ];
    // Where the answer itself is for one use, so is what stands beside it.
    for (ttl, kept, lives, cacheable) in [(60, 1, 30, true), (0, 2, 0, false)] {
        let answers = [("www.example.", Rtype::A, ttl, vec![10, 0, 0, 1])];
        let message = response(Rcode::NOERROR, 0, [&answers, &authority, &additional]);
        let admitted = judge(&message, &CacheConfig::default());
        assert_eq!((counts(&admitted), lifetime(&admitted)), ([1, 1, 1, kept], lives));
        assert_eq!(admitted.cacheable, cacheable);
        assert_eq!(admitted.entry.view().ttl_offsets().count(), usize::from(2 + kept));
    }
}

/// RFC 2181, section 8: of 2^31 and 300 the lesser is the first, read as zero.
#[test]
fn a_ttl_with_the_top_bit_set_is_the_least_of_its_rrset() {
    let answers = [
        ("www.example.", Rtype::A, 300, vec![10, 0, 0, 1]),
        ("www.example.", Rtype::A, 1 << 31, vec![10, 0, 0, 2]),
    ];
    let message = response(Rcode::NOERROR, 0, [&answers, &[], &[]]);
    assert!(!judge(&message, &CacheConfig::default()).cacheable);
}

/// Signatures of one owner cover RRsets that have nothing in common, and the
/// same name in another section is another RRset.
#[test]
fn ttls_stay_apart_by_covered_type_and_by_section() {
    let signature = |covered: Rtype| [&covered.0.to_be_bytes()[..], &[0; 16], b"\0sig"].concat();
    let answers = [
        ("www.example.", Rtype::A, 60, vec![10, 0, 0, 1]),
        ("www.example.", Rtype::RRSIG, 60, signature(Rtype::A)),
        ("www.example.", Rtype::RRSIG, 20, signature(Rtype::TXT)),
    ];
    let authority = [("www.example.", Rtype::NS, 50, target("www.example."))];
    let additional = [("www.example.", Rtype::A, 40, vec![10, 0, 0, 1])];
    let all = [&answers[..], &authority[..], &additional[..]];
    let admitted = judge(&response(Rcode::NOERROR, 0, all), &CacheConfig::default());
    let entry = &admitted.entry;
    let ttls: Vec<_> = entry
        .view()
        .ttl_offsets()
        .filter_map(|at| get_u32(&entry.message, at))
        .collect();
    assert_eq!(ttls, [60, 60, 20, 50, 40]);
}

/// What saves the client a query: addresses of where an answer sends it.
#[test]
fn addresses_of_targets_stay_with_their_signatures() {
    let binding = |text: &str| [&[0, 1][..], name(text).as_wire()].concat();
    let signature = [&Rtype::A.0.to_be_bytes()[..], &[0; 16], b"\0sig"].concat();
    for (rtype, rdata, kept) in [
        (Rtype::NS, target("there.example."), 2),
        (Rtype::MX, binding("there.example."), 2),
        (Rtype::HTTPS, binding("there.example."), 2),
        (Rtype::SVCB, binding("there.example."), 2),
        // The root stands for the owner, so it leads nowhere else.
        (Rtype::SVCB, binding("."), 0),
        (Rtype::TXT, b"\x0dthere.example".to_vec(), 0),
    ] {
        let answers = [("www.example.", rtype, 60, rdata)];
        let additional = [
            ("there.example.", Rtype::A, 60, vec![10, 0, 0, 1]),
            ("there.example.", Rtype::RRSIG, 60, signature.clone()),
            ("there.example.", Rtype::TXT, 60, b"\0".to_vec()),
        ];
        let message = response(Rcode::NOERROR, 0, [&answers, &[], &additional]);
        let admitted = judge(&message, &CacheConfig::default());
        assert_eq!(counts(&admitted), [1, 1, 0, kept], "{rtype:?}");
    }
}

/// A hint that nobody can read is no hint; the answer is as good without.
#[test]
fn a_mangled_extended_error_costs_only_itself() {
    let answers = [("www.example.", Rtype::A, 60, vec![10, 0, 0, 1])];
    let mut message = response(Rcode::NOERROR, 0, [&answers, &[], &[]]);
    // Option 15 (RFC 8914) claims nine octets, of which one is there.
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 5, 0, 15, 0, 9, 7]);
    message[11] = 1;
    let admitted = judge(&message, &CacheConfig::default());
    assert_eq!((admitted.cacheable, admitted.entry.head.ede), (true, None));
}

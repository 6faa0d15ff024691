//! Whatever the evidence is, there is a verdict, and the same one again.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;

fn any_tries() -> impl Strategy<Value = Tries> {
    let rcode = prop_oneof![Just("NOERROR"), Just("NXDOMAIN"), Just("SERVFAIL"), Just("REFUSED")];
    let rcodes = btree_map(rcode.prop_map(str::to_owned), 0..30_u32, 0..4);
    (rcodes, [0..30_u32, 0..30, 0..30, 0..30, 0..30, 0..30, 0..30]).prop_map(|(rcodes, more)| {
        let [sent, timeouts, refused, not_permitted, unreachable, slow, not_synced] = more;
        Tries {
            sent,
            rcodes,
            timeouts,
            refused,
            not_permitted,
            unreachable,
            slow,
            not_synced,
            relayed: 0,
        }
    })
}

fn any_servers() -> impl Strategy<Value = Option<Vec<Server>>> {
    let server = (any_tries(), any_tries(), 0..4_u8, any::<Option<bool>>());
    let server = server.prop_map(|(udp, tcp, n, ready)| Server {
        udp,
        tcp,
        ready,
        ..pod(n, Tries::default())
    });
    option::of(vec(server, 0..4))
}

fn any_who() -> impl Strategy<Value = Who> {
    [0..500_u64, 0..500, 0..500, 0..500, 0..500].prop_map(|numbers| {
        let [failed, wasted, answered_again, nonexistent, more] = numbers;
        let (queries, lookups) = (more + failed.max(wasted), more + nonexistent);
        let name = format!("ns/{}", more % 3);
        Who {
            name,
            kind: String::new(),
            queries,
            failed,
            wasted,
            asked: more,
            answered_again,
            nonexistent,
            lookups,
        }
    })
}

prop_compose! {
    fn any_evidence()(
        coredns in any_servers(),
        upstreams in any_servers(),
        through in any_servers(),
        service in option::of((any_tries(), any_tries(), any::<bool>())),
        who in option::of(vec(any_who(), 0..4)),
        p99 in option::of(0.0..2_000.0_f64),
        table in option::of((any::<bool>(), 0..3_u64, 0..3_u64)),
        lost in option::of(0..20_u64),
        looped in option::of(any::<bool>()),
        endpoints in option::of(0..3_u8),
    ) -> Evidence {
        let endpoints = endpoints.map(|count| Cluster {
            endpoints: (0..count).map(|n| [10, 244, 0, n].into()).collect(),
            ..Cluster::default()
        });
        Evidence {
            coredns,
            upstreams,
            through,
            service: service.map(|(udp, tcp, strange)| Service {
                udp,
                tcp,
                backends: Some(vec![[10, 244, 0, if strange { 9 } else { 1 }].into()]),
                ..Service::default()
            }),
            window: who.map(|who| Window { who, p99_ms: p99, ..Window::default() }),
            conntrack: table.map(|(applies, dropped, full_lines)| Conntrack {
                applies, dropped, full_lines, ..Conntrack::default()
            }),
            udp: lost.map(|receive_full| UdpCounters { receive_full, ..UdpCounters::default() }),
            rings: looped.map(|looped| if looped { vec![Ring::default()] } else { Vec::new() }),
            cluster: endpoints,
            ..Evidence::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_evidence_has_one_verdict(evidence in any_evidence()) {
        let verdict = judge(&evidence);
        prop_assert_eq!(&verdict, &judge(&evidence));
        let json = serde_json::to_string(&evidence).unwrap();
        let again: Evidence = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&verdict, &judge(&again), "a saved bundle is judged as it was");
        let mut causes: Vec<_> = verdict.findings.iter().map(|finding| finding.cause).collect();
        for finding in &verdict.findings {
            prop_assert!(!finding.evidence.is_empty() && !finding.otherwise.is_empty());
        }
        let found = causes.len();
        causes.sort_unstable();
        causes.dedup();
        prop_assert_eq!(found, causes.len(), "each cause once");
        prop_assert_eq!(verdict.outcome == Outcome::Problem, found > 0);
    }
}

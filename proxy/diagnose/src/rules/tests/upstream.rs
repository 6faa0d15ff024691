//! An upstream that fails, by how it does, and what of clients is told beside it.

use super::*;

/// The finding for an upstream that fails probes like this.
fn failing(rcode: &str, count: u32, good: u32, change: impl FnOnce(&mut Window)) -> Finding {
    only(&changed(|evidence| {
        let mut udp = tries(good, 10 - good - count);
        udp.sent += count;
        udp.rcodes.insert(rcode.to_owned(), count);
        evidence.upstreams.as_mut().unwrap()[0].udp = udp;
        evidence.through = None;
        change(evidence.window.as_mut().unwrap());
    }))
}

#[test]
fn more_than_half_of_the_failures_name_an_upstreams_cause() {
    let cause = |rcode, count, good| failing(rcode, count, good, |_| {}).cause;
    assert_eq!(cause("SERVFAIL", 4, 2), Cause::UpstreamLimits);
    assert_eq!(cause("SERVFAIL", 5, 2), Cause::UpstreamServfail);
    assert_eq!(cause("REFUSED", 5, 0), Cause::UpstreamSilent);
    assert_eq!(cause("REFUSED", 6, 0), Cause::UpstreamRefuses);
}

#[test]
fn what_clients_met_is_told_of_enough_of_them() {
    let tells = |part: &str, internal: [u64; 2], external: [u64; 2]| {
        let sums = |[failed, queries]: [u64; 2]| Sums { queries, failed };
        let finding = failing("SERVFAIL", 10, 0, |window| {
            (window.internal, window.external) = (sums(internal), sums(external));
        });
        finding.evidence.iter().any(|one| one.contains(part))
    };
    let well = "names of the cluster are answered";
    let of_well = |failed, queries| tells(well, [failed, queries], [0, 0]);
    assert_eq!([of_well(10, 1_000), of_well(9, 1_000)], [false, true]);
    assert_eq!([of_well(0, 99), of_well(0, 100)], [false, true]);
    let fail = "external queries of clients failed";
    let of_clients =
        |internal, external, queries| tells(fail, [internal, 1_000], [external, queries]);
    assert_eq!([of_clients(0, 50, 99), of_clients(0, 50, 100)], [false, true]);
    assert_eq!([of_clients(10, 50, 100), of_clients(9, 50, 100)], [false, true]);
}

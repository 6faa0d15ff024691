//! Counting from several threads, and labels that are apart.

use std::time::Duration;

use super::*;

#[test]
fn what_threads_count_apart_is_read_as_one() {
    let stats = Stats::default();
    let (one, two) = (stats.register(), stats.register());
    one.queries.add(Transport::Tcp.index());
    two.queries.add(Transport::Tcp.index());
    two.queries.add_shared(Transport::Udp.index());
    two.unsent_responses.add(3);
    assert_eq!(stats.sum(|worker| worker.queries.get(Transport::Tcp.index())), 2);
    assert_eq!(stats.sum(|worker| worker.queries.get(Transport::Udp.index())), 1);
    assert_eq!(stats.sum(|worker| worker.unsent_responses.get()), 3);
}

#[test]
fn a_duration_falls_into_the_first_bucket_that_holds_it() {
    let stats = Stats::default();
    let (one, two) = (stats.register(), stats.register());
    for (worker, micros) in [(&one, 0), (&one, 250), (&two, 251), (&two, 10_000_000)] {
        let histogram = &worker.response_seconds[ResponseSource::Cache.index()];
        histogram.record(Duration::from_micros(micros));
    }
    let sum = stats.sum_histogram(|worker| &worker.response_seconds[0]);
    assert_eq!((sum.buckets[0], sum.buckets[1], sum.buckets[16]), (2, 1, 1));
    assert_eq!((sum.count(), sum.micros), (4, 10_000_501));
    assert_eq!(BOUNDS_MICROS[15], 8_192_000);
}

#[test]
fn every_label_has_its_place() {
    let places = |indexes: Vec<usize>| indexes.into_iter().enumerate().all(|(n, i)| n == i);
    assert!(places(Transport::ALL.iter().map(|t| t.index()).collect()));
    assert!(places(CacheLookup::ALL.iter().map(|l| l.index()).collect()));
    assert!(places(ResponseSource::ALL.iter().map(|o| o.index()).collect()));
    assert_eq!(RCODE_LABELS[rcode_index(Rcode::NXDOMAIN)], "NXDOMAIN");
    assert_eq!(RCODE_LABELS[rcode_index(Rcode::BADVERS)], "BADVERS");
    assert_eq!(RCODE_LABELS[rcode_index(Rcode(4095))], "other");
}

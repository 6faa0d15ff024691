//! Silence, blame, checks and the return of an upstream.

use super::*;

fn at(millis: u64) -> Moment {
    Moment::from_micros(1_000_000 + millis * 1000)
}

#[test]
fn who_refused_is_known_until_it_answers() {
    let mut health = UpstreamHealth::new(2);
    health.refused(0, at(5));
    assert!(health.refused_since(0, at(5)) && !health.refused_since(0, at(6)));
    assert!(!health.refused_since(1, at(0)));
    health.answered(0, at(7));
    assert!(!health.refused_since(0, at(0)));
}

#[test]
fn suspicion_needs_silence_and_ends_with_an_answer_to_a_later_query() {
    let mut health = UpstreamHealth::new(1);
    health.served(0, at(4), at(5));
    health.failed(0, at(4), at(6));
    assert!(!health.is_suspect(0), "it answered since");
    health.failed(0, at(6), at(7));
    assert!(health.is_suspect(0));
    health.served(0, at(6), at(8));
    assert!(health.is_suspect(0), "that was an answer to an older query");
    health.served(0, at(9), at(10));
    assert!(!health.is_suspect(0));
}

#[test]
fn several_queries_without_any_answer_are_silence() {
    let mut health = UpstreamHealth::new(1);
    for n in 0..50 {
        health.served(0, at(n), at(n + 1));
    }
    for n in 100..150 {
        health.asked(0, at(n));
        assert!(!health.is_suspect(0), "{n}");
    }
    health.asked(0, at(150));
    assert!(health.is_suspect(0));
}

#[test]
fn what_another_one_answers_is_on_its_account() {
    let mut health = UpstreamHealth::new(1);
    for n in 0..10 {
        health.blamed(0, at(n));
        health.blamed(0, at(n));
        health.served(0, at(n), at(n));
        health.served(0, at(n), at(n));
        assert!(!health.is_suspect(0));
    }
    (0..3).for_each(|n| health.blamed(0, at(20 + n)));
    assert!(health.is_suspect(0));
}

#[test]
fn a_suspect_is_looked_at_less_and_less_and_returns_gently() {
    let mut health = UpstreamHealth::new(1);
    health.failed(0, at(0), at(0));
    let checks = (0..10_000).filter(|millis| health.take_check(0, 0, at(*millis)));
    assert_eq!(checks.collect::<Vec<_>>(), [250, 750, 1750, 3750, 5750, 7750, 9750]);
    health.served(0, at(9_750), at(10_000));
    assert!(!health.is_ready(0, at(10_000), 1) && health.is_ready(0, at(10_000), 0));
    assert!(health.is_ready(0, at(10_500), 100) && !health.is_ready(0, at(10_500), 200));
    assert!(health.is_ready(0, at(11_000), 255));
}

#[test]
fn only_much_faster_counts() {
    let mut health = UpstreamHealth::new(3);
    for (upstream, millis) in [(0, 1), (1, 3), (2, 300)] {
        health.served(upstream, at(0), at(millis));
    }
    assert!(!health.is_faster(0, 1) && !health.is_faster(1, 0));
    assert!(health.is_faster(0, 2) && health.is_faster(1, 2) && !health.is_faster(2, 0));
    assert!(!health.take_check(2, 0, at(1_000)) && health.take_check(2, 0, at(1_300)));
    assert!(!health.take_check(2, 0, at(2_200)) && !health.take_check(1, 0, at(9_000)));
}

/// People read of silence when it is no pause, of a refusal at once, and of an answer as
/// soon as the upstream has its share again.
#[test]
fn people_read_of_what_lasts() {
    let mut health = UpstreamHealth::new(1);
    assert_eq!(health.condition(0, at(0)), Some(Condition::Well));
    for n in 0..20 {
        health.asked(0, at(n * 100));
    }
    assert!(health.is_suspect(0));
    assert_eq!(health.condition(0, at(1_900)), None, "it may be a pause");
    assert_eq!(health.condition(0, at(2_000)), Some(Condition::Silent));
    health.refused(0, at(2_100));
    assert_eq!(health.condition(0, at(2_100)), Some(Condition::Refuses));
    health.served(0, at(2_200), at(2_201));
    assert_eq!(health.condition(0, at(2_201)), Some(Condition::Well));
    health.note(0, UpstreamFailure::Unreachable, at(3_000));
    assert_eq!(health.condition(0, at(3_000)), Some(Condition::Well), "one of many is nothing");
    health.failed(0, at(2_990), at(3_000));
    assert_eq!(health.condition(0, at(3_000)), Some(Condition::Unreachable));
}

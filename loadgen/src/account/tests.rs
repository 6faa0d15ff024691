//! The outcome of each query.

use dns::Rtype;

use super::*;
use crate::recorder::{Counts, Icmp};
use crate::workload::Distribution;

const SECOND: u64 = 1_000_000_000;

/// An account with one query, sent at 0 on socket 0, and its octets.
fn asked() -> (Account, Vec<u8>) {
    let names = ["www.example.com".parse().unwrap()];
    let types = [(Rtype::A, 1.0)];
    let workload = Workload::queries(&names, &types, Distribution::Uniform, 1);
    let bounds = Bounds { max_waiting: 10, window: 10, timeout: SECOND, keep: 12 * SECOND };
    let mut account = Account::new(Arc::new(workload), 1, bounds);
    account.outstanding.open_socket(0, 100);
    let query = ask(&mut account);
    (account, query)
}

/// The later of two did leave, so it is not enough to know how many did not.
#[test]
fn a_query_that_did_not_leave_is_known_by_its_place_or_its_id() {
    for by_id in [false, true] {
        let (mut account, _) = asked();
        let (first, second) = (compose(&mut account), compose(&mut account));
        match by_id {
            true => account.failed_id(0, u16::from_be_bytes([first[0], first[1]]), 1, 1),
            false => account.failed(0, 1, 1),
        }
        account.flushed(1, 1);
        assert!(account.receive(0, &answer(&second, 0), 2).is_some());
        let counts = counts(&mut account);
        assert_eq!((counts.due, counts.sent, counts.unsendable), (3, 2, 1));
        assert_eq!((counts.answered, counts.lost, counts.refused), (1, 0, 0));
        assert_eq!(account.recorder.phase(0).send_errors.get(&1), Some(&1), "EPERM");
        account.failed_id(0, 99, 1, 1);
        assert_eq!(account.recorder.phase(0).counts, counts, "nobody's id");
    }
}

/// A batch takes its time; each query is stamped with its share of it.
#[test]
fn queries_of_a_batch_left_one_after_the_other() {
    let (mut account, _) = asked();
    let ids: Vec<u16> = (0..4)
        .map(|_| compose(&mut account))
        .map(|query| u16::from_be_bytes([query[0], query[1]]))
        .collect();
    account.flushed(1_000, 1_800);
    let sent = ids
        .iter()
        .map(|id| account.outstanding.find(0, *id).unwrap().1.sent);
    assert_eq!(sent.collect::<Vec<_>>(), [1_100, 1_300, 1_500, 1_700]);
}

/// Sends one more query at 0.
fn ask(account: &mut Account) -> Vec<u8> {
    let query = compose(account);
    account.flushed(0, 0);
    query
}

/// Queues one more query.
fn compose(account: &mut Account) -> Vec<u8> {
    let mut out = [0; 300];
    let outgoing =
        OutgoingQuery { due: 0, sent: 0, query: 0, lookup: NO_LOOKUP, socket: 0, phase: 0 };
    let len = account.send(&outgoing, &mut out).unwrap();
    out[..len].to_vec()
}

/// Sets QR and the RCODE.
fn answer(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] |= 0x80;
    answer[3] = 0x80 | rcode;
    answer
}

fn counts(account: &mut Account) -> Counts {
    account.recorder.phase(0).counts
}

#[test]
fn an_answer_in_time_is_counted_with_its_rcode() {
    let (mut account, query) = asked();
    assert!(account.receive(0, &answer(&query, 3), SECOND / 2).is_some());
    let counts = counts(&mut account);
    assert_eq!((counts.sent, counts.answered, counts.lost), (1, 1, 0));
    assert_eq!(account.recorder.phase(0).rcodes[3], 1);
    assert_eq!(account.outstanding.waiting(), 0);
}

#[test]
fn an_answer_in_another_case_is_the_answer() {
    let (mut account, query) = asked();
    let mut answer = answer(&query, 0);
    answer[13..16].make_ascii_uppercase();
    assert!(account.receive(0, &answer, 1).is_some());
}

#[test]
fn a_second_answer_is_a_duplicate() {
    let (mut account, query) = asked();
    account.receive(0, &answer(&query, 0), 1);
    // Hundreds of queries later as well.
    for n in 2..300 {
        let query = ask(&mut account);
        account.receive(0, &answer(&query, 0), n);
    }
    assert!(account.receive(0, &answer(&query, 0), 2).is_none());
    let counts = counts(&mut account);
    assert_eq!((counts.answered, counts.duplicate, counts.wrong), (299, 1, 0));
}

#[test]
fn an_answer_after_the_timeout_is_late_and_no_longer_lost() {
    let (mut account, query) = asked();
    account.expire(SECOND).unwrap();
    assert_eq!(counts(&mut account).lost, 1);
    account.receive(0, &answer(&query, 0), SECOND + 1);
    let counts = counts(&mut account);
    assert_eq!((counts.answered, counts.late, counts.lost), (0, 1, 0));
    assert!(account.recorder.phase(0).latency.is_empty());
}

/// The kernel's stamp decides, not when this thread had the CPU.
#[test]
fn an_answer_that_was_read_late_but_came_in_time_is_an_answer() {
    let (mut account, query) = asked();
    account.expire(2 * SECOND).unwrap();
    account.receive(0, &answer(&query, 0), SECOND / 2);
    let counts = counts(&mut account);
    assert_eq!((counts.answered, counts.late, counts.lost), (1, 0, 0));
}

#[test]
fn what_nobody_asked_is_wrong_and_the_query_still_waits() {
    let (mut account, query) = asked();
    let right = answer(&query, 0);
    let changed = |at: usize| {
        let mut message = right.clone();
        message[at] ^= 0x11;
        message
    };
    let type_at = right.len() - 3;
    let wrong =
        [changed(0), changed(14), changed(type_at), query, vec![1, 2, 3], right[..20].to_vec()];
    for (n, message) in (1..).zip(&wrong) {
        assert!(account.receive(0, message, 1).is_none(), "{message:?}");
        assert_eq!(counts(&mut account).wrong, n, "{message:?}");
    }
    assert_eq!(account.outstanding.waiting(), 1);
    assert!(account.receive(0, &right, 2).is_some());
}

#[test]
fn an_error_may_come_without_the_question() {
    for (rcode, is_answer) in [(1, true), (4, true), (0, false), (2, false)] {
        let (mut account, query) = asked();
        let mut bare = answer(&query, rcode)[..12].to_vec();
        bare[5] = 0;
        assert_eq!(account.receive(0, &bare, 1).is_some(), is_answer, "RCODE {rcode}");
    }
}

const PORT_UNREACHABLE: Icmp = Icmp { is_v6: false, kind: 3, code: 3 };

#[test]
fn icmp_refuses_the_query_it_quotes_and_an_answer_undoes_it() {
    let (mut account, query) = asked();
    let other = ask(&mut account);
    assert!(account.refuse(0, &query, PORT_UNREACHABLE, 5).is_some());
    let refused = counts(&mut account);
    assert_eq!((refused.refused, refused.lost, account.outstanding.waiting()), (1, 0, 1));
    assert!(account.refuse(0, &query, PORT_UNREACHABLE, 5).is_none(), "once");
    assert!(account.receive(0, &answer(&other, 0), 6).is_some(), "the other one waits on");
    account.receive(0, &answer(&query, 0), 6);
    let undone = counts(&mut account);
    assert_eq!((undone.refused, undone.answered), (0, 2));
    assert_eq!(account.recorder.phase(0).icmp.get(&PORT_UNREACHABLE), Some(&2));
}

/// On loopback a segmented batch meets a closed port as one datagram.
#[test]
fn a_message_that_quotes_several_queries_refuses_the_whole_batch() {
    let (mut account, _) = asked();
    let first = compose(&mut account);
    compose(&mut account);
    account.flushed(7, 7);
    let later = ask(&mut account);
    account.refuse(0, &[first, later].concat(), PORT_UNREACHABLE, 9);
    assert_eq!((counts(&mut account).refused, account.outstanding.waiting()), (2, 2));
}

#[test]
fn a_message_about_size_or_about_no_query_refuses_none() {
    let (mut account, query) = asked();
    let too_big = Icmp { is_v6: false, kind: 3, code: 4 };
    assert!(account.refuse(0, &query, too_big, 5).is_none());
    assert!(
        account
            .refuse(0, &[0xff, 0xff], PORT_UNREACHABLE, 5)
            .is_none()
    );
    assert!(account.refuse(0, &[1], PORT_UNREACHABLE, 5).is_none());
    assert_eq!((counts(&mut account).refused, account.outstanding.waiting()), (0, 1));
}

#[test]
fn a_connection_that_breaks_loses_what_had_left_and_sends_no_more() {
    let (mut account, _) = asked();
    compose(&mut account);
    account.disconnect(0, 7);
    let counts = counts(&mut account);
    assert_eq!((counts.due, counts.sent, counts.lost, counts.unconnected), (2, 1, 1, 1));
    assert_eq!(account.outstanding.waiting(), 0);
}

#[test]
fn the_run_waits_for_late_answers_while_one_is_missing() {
    let (mut account, query) = asked();
    assert_eq!(account.missing_until(0), None);
    account.expire(SECOND).unwrap();
    assert_eq!(account.missing_until(SECOND), Some(12 * SECOND));
    assert_eq!(account.missing_until(12 * SECOND), None);
    account.receive(0, &answer(&query, 0), 3 * SECOND);
    assert_eq!(account.missing_until(3 * SECOND), None);
    assert_eq!(counts(&mut account).late, 1);
}

#[test]
fn what_is_too_much_is_shed_and_counted() {
    let (mut account, _) = asked();
    for _ in 1..10 {
        ask(&mut account);
    }
    let outgoing =
        OutgoingQuery { due: 0, sent: 0, query: 0, lookup: NO_LOOKUP, socket: 0, phase: 0 };
    assert!(account.send(&outgoing, &mut [0; 300]).is_err());
    let counts = counts(&mut account);
    assert_eq!((counts.due, counts.sent, counts.shed), (11, 10, 1));
}

#[test]
fn an_interrupted_query_is_neither_lost_nor_answered() {
    let (mut account, _) = asked();
    account.interrupt();
    let counts = counts(&mut account);
    assert_eq!((counts.unfinished, counts.lost), (1, 0));
}

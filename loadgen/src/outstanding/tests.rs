//! Ids, timeouts and what is remembered after them.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn outstanding(max_waiting: usize) -> Outstanding {
    let bounds = Bounds { max_waiting, window: max_waiting, timeout: SECOND, keep: 12 * SECOND };
    let mut outstanding = Outstanding::new(bounds);
    outstanding.open_socket(0, 65_530);
    outstanding.open_socket(1, 0);
    outstanding
}

fn query(socket: u16, sent: u64) -> Slot {
    Slot {
        due: sent,
        sent,
        question: 0,
        lookup: NO_LOOKUP,
        socket,
        id: 0,
        phase: 0,
        state: QueryState::Waiting,
    }
}

#[test]
fn an_answer_finds_its_query() {
    let mut table = outstanding(100);
    let first = table.insert(query(0, 10)).unwrap();
    let second = table.insert(query(1, 20)).unwrap();
    assert_eq!(table.find(0, first).unwrap().1.sent, 10);
    assert_eq!(table.find(1, second).unwrap().1.sent, 20);
    assert!(table.find(1, first).is_none());
    assert!(table.find(2, first).is_none());
}

#[test]
fn ids_are_unique_on_a_socket_while_they_wait() {
    let mut table = outstanding(70_000);
    let mut seen = vec![false; 65_536];
    for n in 0..65_536 {
        let id = table.insert(query(0, n)).unwrap();
        assert!(!std::mem::replace(&mut seen[usize::from(id)], true), "{id} twice");
    }
    assert_eq!(table.insert(query(0, 70_000)), Err(Full));
    assert!(table.insert(query(1, 70_001)).is_ok());
    // One answer frees one id.
    let (index, _) = table.find(0, 65_530).unwrap();
    table.resolve(index, QueryState::Answered);
    assert_eq!(table.insert(query(0, 70_002)), Ok(65_530));
    assert_eq!(table.insert(query(0, 70_003)), Err(Full));
}

#[test]
fn queries_time_out_in_the_order_they_were_sent() {
    let mut table = outstanding(100);
    let ids: Vec<u16> = (0..3).map(|n| table.insert(query(0, n)).unwrap()).collect();
    let (index, _) = table.find(0, ids[1]).unwrap();
    table.resolve(index, QueryState::Answered);
    assert_eq!(table.next_timeout(), Some(SECOND));
    assert!(table.expire(SECOND - 1).is_none());
    assert_eq!(table.expire(SECOND + 5).unwrap().id, ids[0]);
    assert_eq!(table.expire(SECOND + 5).unwrap().id, ids[2]);
    assert!(table.expire(SECOND + 5).is_none());
    assert_eq!((table.waiting(), table.next_timeout()), (0, None));
    assert_eq!(table.find(0, ids[0]).unwrap().1.state, QueryState::Lost);
}

#[test]
fn a_lost_query_is_remembered_behind_many_answered_ones() {
    let mut table = outstanding(5_000);
    let lost = table.insert(query(0, 0)).unwrap();
    table.expire(SECOND).unwrap();
    for n in 0..4_000 {
        let id = table.insert(query(0, SECOND + n)).unwrap();
        let (index, _) = table.find(0, id).unwrap();
        table.resolve(index, QueryState::Answered);
    }
    assert_eq!(table.find(0, lost).unwrap().1.state, QueryState::Lost);
}

#[test]
fn the_bound_on_waiting_queries_holds() {
    let mut table = outstanding(2);
    let id = table.insert(query(0, 0)).unwrap();
    table.insert(query(0, 1)).unwrap();
    assert_eq!(table.insert(query(0, 2)), Err(Full));
    let (index, _) = table.find(0, id).unwrap();
    table.resolve(index, QueryState::Answered);
    assert!(table.insert(query(0, 3)).is_ok());
}

/// One lost query must not let the ring overwrite itself.
#[test]
fn the_ring_never_overtakes_a_waiting_query() {
    let mut table = outstanding(MIN_WINDOW);
    let oldest = table.insert(query(0, 0)).unwrap();
    for n in 1..MIN_WINDOW as u64 {
        let id = table.insert(query(1, n)).unwrap();
        let (index, _) = table.find(1, id).unwrap();
        table.resolve(index, QueryState::Answered);
    }
    assert_eq!(table.insert(query(1, 9)), Err(Full));
    table.expire(SECOND).unwrap();
    assert!(table.insert(query(1, SECOND)).is_ok());
    assert!(table.find(0, oldest).is_none());
}

#[test]
fn a_refusal_finds_all_that_wait_on_its_socket() {
    let mut table = outstanding(1_000);
    let ids: Vec<u16> = (0..200)
        .map(|n| table.insert(query(0, n)).unwrap())
        .collect();
    table.insert(query(1, 5)).unwrap();
    let (index, _) = table.find(0, ids[100]).unwrap();
    table.resolve(index, QueryState::Answered);
    let mut refused = 0;
    for back in 1..=table.reach(0) {
        let found = table
            .back_on(0, back)
            .filter(|(_, slot)| slot.state.is_open());
        let Some((index, _)) = found else { continue };
        table.resolve(index, QueryState::Refused);
        refused += 1;
    }
    assert_eq!((refused, table.waiting(), table.waiting_on(1)), (199, 1, 1));
}

/// A duplicate may come while its query is remembered, however many were answered
/// since; then its id may be used again.
#[test]
fn a_table_grows_for_what_may_still_be_answered() {
    let bounds = Bounds { max_waiting: 9, window: 20_000, timeout: SECOND, keep: 2 * SECOND };
    let mut table = Outstanding::new(bounds);
    table.open_socket(0, 0);
    // 3,000 a second for half a minute.
    for n in 0..90_000 {
        let sent = n * SECOND / 3_000;
        let id = table.insert(query(0, sent)).unwrap();
        let (index, _) = table.find(0, id).unwrap();
        table.resolve(index, QueryState::Answered);
        table.expire(sent);
    }
    assert_eq!(table.reach(0), 8_192, "6,000 in two seconds, and no more");
}

#[test]
fn a_second_answer_finds_a_query_of_a_thousand_before() {
    let mut table = outstanding(5_000);
    table.open_socket(0, 0);
    for n in 0..1_000 {
        let id = table.insert(query(0, n)).unwrap();
        let (index, _) = table.find(0, id).unwrap();
        table.resolve(index, QueryState::Answered);
    }
    assert_eq!(table.find(0, 0).unwrap().1.state, QueryState::Answered);
}

#[test]
fn a_socket_opened_again_knows_no_old_ids() {
    let mut table = outstanding(10);
    let id = table.insert(query(0, 0)).unwrap();
    table.expire(SECOND).unwrap();
    table.open_socket(0, 7);
    assert!(table.find(0, id).is_none());
    assert_eq!(table.insert(query(0, SECOND)), Ok(7));
}

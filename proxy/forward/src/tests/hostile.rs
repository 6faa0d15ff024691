//! Replies that somebody forges, or gets wrong.

use upstream::Wrong;

use super::*;

/// RFC 5452, section 9.1: what does not match is dropped, and the wait goes on.
#[test]
fn the_right_answer_is_waited_for_behind_every_wrong_one() {
    let after = Duration::from_millis(150);
    for transport in [Transport::Udp, Transport::Tcp] {
        let rules = Wrong::ALL.iter().enumerate();
        let rules = rules.map(|(n, wrong)| {
            Rule::on(&format!("w{n}.many.example.")).wrong_then_right(*wrong, after)
        });
        let server = server(rules.collect());
        let mut world = World::over(transport, &[server.addr()]);
        for n in 0..Wrong::ALL.len() {
            world.ask(&format!("w{n}.many.example."), u16::try_from(n).unwrap());
        }
        for _ in Wrong::ALL {
            let answer = world.answer();
            let wrong = Wrong::ALL[usize::from(answer.metadata.id)];
            let right = IpAddr::from([192, 0, 2, 2]);
            assert_eq!(address(&answer), Some(right), "{transport:?} {wrong:?}: {answer:?}");
        }
        let dropped = |worker: &observe::WorkerStats| {
            let counts = NotAnAnswer::ALL.iter();
            counts
                .map(|reason| worker.upstream_dropped.get(reason.index()))
                .sum()
        };
        // The wrong source port does not reach us at all.
        assert_eq!(world.stats.sum(dropped), 21, "{transport:?}");
    }
}

#[test]
fn a_hundred_and_fifty_queries_use_nearly_as_many_ports_and_ids() {
    let server = server(Vec::new());
    let mut world = World::over(Transport::Udp, &[server.addr()]);
    // The second time, the pool is full and its sockets are used again.
    for round in 0..3 {
        server.forget();
        for n in 0..150 {
            world.ask(&format!("r{round}n{n}.many.example."), n);
        }
        for _ in 0..150 {
            assert!(address(&world.answer()).is_some());
        }
        let queries = server.queries();
        let mut ports: Vec<_> = queries.iter().map(|query| query.from.port()).collect();
        let mut ids: Vec<_> = queries.iter().map(|query| query.id).collect();
        for numbers in [&mut ports, &mut ids] {
            numbers.sort_unstable();
            numbers.dedup();
            assert!(numbers.len() >= 135, "round {round}: {}", numbers.len());
        }
    }
}

#[test]
fn a_few_wrong_ids_move_the_question_to_tcp() {
    let rules = vec![Rule::any().udp().wrong(Wrong::Id)];
    let server = server(rules);
    let mut world = World::over(Transport::Udp, &[server.addr()]);
    let (answer, waited) = world.lookup(WEB);
    assert!(address(&answer).is_some());
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

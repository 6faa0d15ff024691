//! The states of a server, and of the machine between.

use crate::server::Mode::{self, *};

/// One state, and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) mode: Mode,
    /// Words of `quick` after the server.
    pub(crate) arguments: &'static str,
    /// A rule of the packet filter for its address, if any.
    pub(crate) filter: Option<&'static str>,
    /// When the generator is stopped, and for how long, in milliseconds.
    pub(crate) stops: Stops,
    /// How the program must end; 3 is right too where a busy machine made it late.
    pub(crate) exit: i32,
    pub(crate) in_short: bool,
    /// The generator has real-time priority: what its pacing can do is asked, not
    /// what its neighbors do.
    pub(crate) is_alone: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stops {
    Never,
    /// For 40 ms in each 500.
    Often,
    /// Once, for 500 ms.
    Long,
}

const fn case(name: &'static str, mode: Mode, arguments: &'static str, exit: i32) -> Case {
    Case {
        name,
        mode,
        arguments,
        filter: None,
        stops: Stops::Never,
        exit,
        in_short: false,
        is_alone: false,
    }
}

impl Case {
    const fn short(mut self) -> Self {
        self.in_short = true;
        self
    }

    const fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    const fn filtered(mut self, rule: &'static str) -> Self {
        self.filter = Some(rule);
        self
    }

    const fn stopped(mut self, stops: Stops) -> Self {
        self.stops = stops;
        self
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [healthy(), silent_and_lossy(), late_and_wrong(), filtered_and_stopped()].concat()
}

/// Nothing is wrong.
fn healthy() -> Vec<Case> {
    vec![
        case("healthy, 500/s", Answer, "--rate 500 --for 2s", 0),
        case("healthy, 1,000/s", Answer, "--rate 1000 --for 2s", 0).short(),
        case("healthy, 5,000/s", Answer, "--rate 5000 --for 2s --ports pool:4", 0),
        case("healthy, 20,000/s", Answer, "--rate 20000 --for 1s", 0),
        case("two threads", Answer, "--rate 2000 --for 1s --threads 2", 0),
        case("exact pacing", Answer, "--rate 1000 --for 2s --pacing exact", 0).alone(),
        case("Poisson, exact pacing", Answer, "--rate 1000 --for 5s --pacing exact --poisson", 0)
            .alone(),
        case("a port per query", Answer, "--rate 500 --for 1s --ports per-query", 0),
    ]
}

/// Queries without an answer.
fn silent_and_lossy() -> Vec<Case> {
    vec![
        case("silent", Silent, SLOW, 2).short(),
        case(
            "silent, a port per query",
            Silent,
            "--rate 500 --for 1s --linger 0s --timeout 500ms --ports per-query",
            2,
        ),
        case("closed port", Closed, SLOW, 2).short(),
        case(
            "closed port, 20 ports",
            Closed,
            "--rate 500 --for 2s --linger 0s --timeout 500ms --ports pool:20",
            2,
        ),
        case("loses each tenth", LoseEach(10), SLOW, 0),
        case("loses each second", LoseEach(2), SLOW, 0),
        case("20 ms", Delay(20), "--rate 1000 --for 2s", 0),
    ]
}

/// Answers too late, twice, wrong, or of another kind.
fn late_and_wrong() -> Vec<Case> {
    vec![
        case("late by 0.2 s", Delay(400), "--rate 500 --for 1s --timeout 200ms", 2).short(),
        case(
            "late, a port per query",
            Delay(400),
            "--rate 200 --for 1s --timeout 200ms --ports per-query",
            2,
        ),
        case("late by 2 s", Delay(2_500), "--rate 500 --for 1s --timeout 500ms", 2),
        case("answers twice", Twice, "--rate 500 --for 2s", 0),
        case("again after 0.3 s", AgainAfter(300), "--rate 1000 --for 1500ms", 0).short(),
        case("again, 20 ports", AgainAfter(300), "--rate 1000 --for 1500ms --ports pool:20", 0),
        case("wrong id", WrongId, SLOW, 2).short(),
        case("wrong question", WrongQuestion, SLOW, 2),
        case("wrong, then right", WrongThenRight, "--rate 500 --for 2s", 0),
        case("SERVFAIL", Rcode(2), "--rate 500 --for 1s", 0),
        case("truncated", Truncated, "--rate 500 --for 1s", 0),
        case("stalls for 0.4 s", Stall(400), "--rate 1000 --for 2s --expect latency.p99<100ms", 2)
            .short(),
    ]
}

/// What the packet filter does, and what a stopped generator does.
fn filtered_and_stopped() -> Vec<Case> {
    vec![
        case("host unreachable", Answer, SLOW, 2)
            .filtered("reject with icmp type host-unreachable"),
        case("protocol unreachable", Answer, SLOW, 2)
            .filtered("reject with icmp type prot-unreachable")
            .short(),
        case("prohibited", Answer, SLOW, 2).filtered("reject with icmp type admin-prohibited"),
        case("nothing may leave", Answer, "--rate 500 --for 1s", 3)
            .filtered("drop")
            .short(),
        case("half may not leave", Answer, "--rate 500 --for 1s", 0)
            .filtered("numgen inc mod 2 0 drop")
            .short(),
        case(
            "generator stopped often",
            Answer,
            "--rate 1000 --for 3s --expect latency.p99<20ms",
            3,
        )
        .stopped(Stops::Often)
        .short(),
        case("generator stopped for 0.5 s", Answer, "--rate 1000 --max-qps 1500 --for 2s", 3)
            .stopped(Stops::Long)
            .short(),
    ]
}

/// Queries that get no answer, and no long wait for one.
const SLOW: &str = "--rate 500 --for 1s --linger 0s --timeout 500ms";

//! Runs a scenario: starts the sender threads together, and adds up what they
//! bring back.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::outstanding::Bounds;
use crate::plan::{Plan, PlannedPhase, Share, nanos};
use crate::random::SplitMix;
use crate::recorder::Recorder;
use crate::scenario::{Scenario, Transport};
use crate::sender::tcp::TcpSender;
use crate::sender::udp::UdpSender;
use crate::sender::{Ports, RunClock, Stop, ThreadConfig, ThreadResult};

/// The results of a run, before they are judged.
#[derive(Debug)]
pub struct RunResult {
    /// Everything that was counted.
    pub recorder: Recorder,
    /// When it started.
    pub started: SystemTime,
    /// How long it took, the wait for the last answers included.
    pub took: Duration,
    /// CPU time of this process during it.
    pub cpu: Duration,
    /// Answers that this host dropped because we did not read in time.
    pub overruns: u64,
    /// The signal that ended it early.
    pub interrupted: Option<u8>,
}

/// Sends the load of `scenario`, and returns when it is over.
///
/// # Errors
///
/// The system's error when no socket can be opened or read.
pub fn execute(scenario: &Scenario, stop: &Stop) -> io::Result<RunResult> {
    let senders = (0..scenario.sender.threads)
        .map(|thread| Sender::open(scenario, thread, stop))
        .collect::<io::Result<Vec<_>>>()?;
    let cpu = udp::process_cpu_time();
    #[expect(clippy::disallowed_methods, reason = "the start of the run, for all threads")]
    let (start, started) = (Instant::now() + START_AHEAD, SystemTime::now() + START_AHEAD);
    let clock = RunClock::new(start);
    let outcomes = thread::scope(|scope| {
        let threads: Vec<_> = senders
            .into_iter()
            .map(|sender| scope.spawn(move || sender.run(clock)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other(PANICKED)))
            })
            .collect::<io::Result<Vec<_>>>()
    })?;
    let mut recorder = Recorder::new(scenario.phases.len());
    let mut overruns = 0;
    for outcome in &outcomes {
        recorder.merge(&outcome.recorder);
        overruns += outcome.overruns;
    }
    Ok(RunResult {
        recorder,
        started,
        took: Duration::from_nanos(clock.now()),
        cpu: udp::process_cpu_time().saturating_sub(cpu),
        overruns,
        interrupted: stop.signal(),
    })
}

/// A sender thread that has not started yet.
enum Sender {
    Udp(Box<UdpSender>),
    Tcp(Box<TcpSender>),
}

impl Sender {
    fn open(scenario: &Scenario, thread: u32, stop: &Stop) -> io::Result<Self> {
        let share = Share { thread, of: scenario.sender.threads };
        let thread_config = thread_config(scenario, share, stop);
        let config = scenario.sender;
        Ok(match (scenario.target.transport, config.ports) {
            (Transport::Udp, Ports::Pool(count)) => {
                let ports = Ports::Pool(part(count, share));
                Self::Udp(Box::new(UdpSender::open(thread_config, ports)?))
            }
            (Transport::Udp, Ports::PerQuery) => {
                Self::Udp(Box::new(UdpSender::open(thread_config, Ports::PerQuery)?))
            }
            (Transport::Tcp, _) => Self::Tcp(Box::new(TcpSender::open(
                thread_config,
                part(config.connections, share),
            )?)),
        })
    }

    fn run(self, clock: RunClock) -> io::Result<ThreadResult> {
        match self {
            Self::Udp(sender) => sender.run(clock),
            Self::Tcp(sender) => sender.run(clock),
        }
    }
}

fn thread_config(scenario: &Scenario, share: Share, stop: &Stop) -> ThreadConfig {
    let phases: Vec<PlannedPhase> = scenario.phases.iter().map(|phase| phase.plan).collect();
    let plan = Plan::new(phases, share, scenario.seed);
    let timeout = scenario.sender.timeout;
    ThreadConfig {
        target: scenario.target.server,
        first_source: scenario.sender.first_source,
        gso: scenario.sender.gso,
        workload: Arc::clone(&scenario.workload),
        phases: scenario.phases.len(),
        bounds: Bounds {
            max_waiting: (scenario.limits.max_outstanding / share.of as usize).max(1),
            window: window(&plan, scenario.workload.max_queries_per_draw(), timeout),
            timeout: nanos(timeout),
        },
        plan,
        seed: SplitMix::of_item(scenario.seed, ID_STREAM, u64::from(share.thread)).next(),
        stop: stop.clone(),
    }
}

/// Slots for all queries of one timeout, with room for a burst after a stall.
fn window(plan: &Plan, queries_per_draw: usize, timeout: Duration) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a conversion that saturates is meant; the ring bounds it"
    )]
    let draws = (plan.peak() * (timeout.as_secs_f64() + BURST.as_secs_f64()) * SPREAD) as usize;
    draws.saturating_mul(queries_per_draw.max(1))
}

/// The part of `count` that falls to one thread, at least one.
fn part(count: u16, share: Share) -> u16 {
    let count = u32::from(count);
    let rest = u32::from(share.thread < count % share.of);
    u16::try_from(count / share.of + rest)
        .unwrap_or(u16::MAX)
        .max(1)
}

/// From now to the first query: all threads are ready by then.
const START_AHEAD: Duration = Duration::from_millis(30);
/// Queries that a stall of ours has held back leave at once.
const BURST: Duration = Duration::from_secs(1);
/// Poisson arrivals exceed their mean; by a fifth only at a few per second.
const SPREAD: f64 = 1.2;
/// Keeps the seed of message ids apart from the others.
const ID_STREAM: u64 = 0x6964;
const PANICKED: &str = "a sender thread panicked";

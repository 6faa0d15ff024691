//! Runs a scenario: starts the sender threads together, and adds up what they
//! bring back.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::causes::{CauseLimits, Witness};
use crate::evidence::Evidence;
use crate::outstanding::Bounds;
use crate::plan::{Plan, PlannedPhase, Share, nanos};
use crate::random::SplitMix;
use crate::recorder::Recorder;
use crate::scenario::{Scenario, Transport};
use crate::sender::clients::ClientSender;
use crate::sender::tcp::TcpSender;
use crate::sender::udp::UdpSender;
use crate::sender::{Ports, RunClock, Stop, ThreadConfig, ThreadResult};
use crate::snapshot::{Progress, Snapshot};
use crate::stops::StopWatch;

mod watcher;
use watcher::Watcher;

/// The results of a run, before they are judged.
#[derive(Debug)]
pub struct RunResult {
    /// Everything that was counted.
    pub recorder: Recorder,
    /// The same of the others.
    pub others: Option<Recorder>,
    /// When it started.
    pub started: SystemTime,
    /// How long it took, the wait for the last answers included.
    pub took: Duration,
    /// CPU time of this process during it.
    pub cpu: Duration,
    /// Answers that this host dropped because we did not read in time.
    pub overruns: u64,
    /// How often somebody set the wall clock meanwhile.
    pub clock_jumps: u64,
    /// Why sender threads ended before their plan.
    pub errors: Vec<String>,
    /// The signal that ended it early.
    pub interrupted: Option<u8>,
    /// The stop condition that did, with what was found.
    pub stop_condition: Option<String>,
}

/// Sends the load of `scenario`, and returns when it is over. What `watch` does
/// with the progress of the threads must be quick: it shares their CPUs.
///
/// # Errors
///
/// The system's error when no socket can be opened.
pub fn execute(scenario: &Scenario, stop: &Stop) -> io::Result<RunResult> {
    execute_watched(scenario, stop, &mut |_, _| {})
}

/// The same; `watch` is called each second with the time of the run and what all
/// threads have counted.
///
/// # Errors
///
/// See [`execute`].
pub fn execute_watched(
    scenario: &Scenario,
    stop: &Stop,
    watch: &mut dyn FnMut(Duration, &Snapshot),
) -> io::Result<RunResult> {
    wait_until_near(scenario.start_at, stop);
    let (mut senders, progress) = open(scenario, stop)?;
    let own = senders.len();
    if let Some(others) = &scenario.others {
        senders.extend(open(others, stop)?.0);
    }
    let ends = scenario.phase_ends().map(nanos).collect();
    let witness = Witness::start(&scenario.causes, cause_limits(scenario), ends)?;
    let cpu = udp::process_cpu_time();
    #[expect(clippy::disallowed_methods, reason = "the start of the run, for all threads")]
    let (now, started) = (Instant::now(), SystemTime::now());
    let (start, started) = start(scenario.start_at, now, started);
    let clock = RunClock::new(start);
    let is_over = AtomicBool::new(false);
    let stops = StopWatch::new(&scenario.stops);
    let planned = scenario.duration();
    let watcher = Watcher { clock, progress: &progress, stops, planned, stop };
    let (outcomes, seen, held) = thread::scope(|scope| {
        // What is to stop the load stops the causes as soon.
        let is_over = &is_over;
        let ends = move || is_over.load(Ordering::Relaxed) || stop.signal().is_some();
        let seen = scope.spawn(move || witness.watch(clock, ends));
        if let Some(guard) = &scenario.guard {
            scope.spawn(move || guard.watch(stop, scenario.seed, ends));
        }
        let threads: Vec<_> = senders
            .into_iter()
            .map(|sender| scope.spawn(move || sender.run(clock)))
            .collect();
        let are_done = || threads.iter().all(thread::ScopedJoinHandle::is_finished);
        let held = watcher.run(are_done, watch);
        is_over.store(true, Ordering::Relaxed);
        let outcomes: Vec<_> = threads
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        (outcomes, seen.join(), held)
    });
    let recorder = || Recorder::for_run(scenario.phases.len(), nanos(scenario.duration()));
    let mut result = RunResult {
        recorder: recorder(),
        others: scenario.others.is_some().then(recorder),
        started,
        took: Duration::ZERO,
        cpu: udp::process_cpu_time().saturating_sub(cpu),
        overruns: 0,
        clock_jumps: 0,
        errors: Vec::new(),
        interrupted: stop.signal(),
        stop_condition: held,
    };
    for (n, outcome) in outcomes.into_iter().enumerate() {
        result.add(outcome.map_err(|_| PANICKED.to_owned()), n >= own);
    }
    match seen {
        Ok(seen) => result.witnessed(&seen),
        Err(_) => result.errors.push(PANICKED.to_owned()),
    }
    Ok(result)
}

/// Opens the sockets of all threads of a load.
fn open(scenario: &Scenario, stop: &Stop) -> io::Result<(Vec<Sender>, Vec<Arc<Progress>>)> {
    let progress: Vec<Arc<Progress>> = (0..scenario.sender.threads)
        .map(|_| Arc::default())
        .collect();
    let senders = (0..)
        .zip(&progress)
        .map(|(thread, progress)| Sender::open(scenario, thread, stop, progress))
        .collect::<io::Result<Vec<_>>>()?;
    Ok((senders, progress))
}

/// The ring may send what the load may.
fn cause_limits(scenario: &Scenario) -> CauseLimits {
    CauseLimits { target: scenario.target.server, max_qps: scenario.limits.max_qps }
}

/// Returns when the run starts, on both clocks: soon, or when it was to. That may be
/// over: what was due before is late.
fn start(start_at: Option<SystemTime>, now: Instant, real: SystemTime) -> (Instant, SystemTime) {
    let Some(at) = start_at else { return (now + START_AHEAD, real + START_AHEAD) };
    let start = match at.duration_since(real) {
        Ok(ahead) => now.checked_add(ahead),
        Err(behind) => now.checked_sub(behind.duration()),
    };
    start.map_or((now, real), |start| (start, at))
}

/// Waits until shortly before a start that lies ahead, or for a signal.
#[expect(clippy::disallowed_methods, reason = "a start in common with other machines")]
fn wait_until_near(start_at: Option<SystemTime>, stop: &Stop) {
    let Some(near) = start_at.and_then(|at| at.checked_sub(NEAR)) else { return };
    while stop.signal().is_none() && SystemTime::now() < near {
        thread::sleep(LOOK);
    }
}

impl RunResult {
    /// Starts with nothing counted.
    #[cfg(test)]
    pub(crate) fn empty(scenario: &Scenario) -> Self {
        Self {
            recorder: Recorder::for_run(scenario.phases.len(), nanos(scenario.duration())),
            others: None,
            started: std::time::UNIX_EPOCH,
            took: scenario.duration(),
            cpu: Duration::ZERO,
            overruns: 0,
            clock_jumps: 0,
            errors: Vec::new(),
            interrupted: None,
            stop_condition: None,
        }
    }

    /// Puts what was seen to the phases in which it was.
    fn witnessed(&mut self, seen: &[Evidence]) {
        for (n, evidence) in (0..=u8::MAX).zip(seen) {
            self.recorder.phase(n).evidence.merge(evidence);
        }
    }

    fn add(&mut self, outcome: Result<ThreadResult, String>, is_of_others: bool) {
        match outcome {
            Ok(outcome) => {
                let others = self.others.as_mut().filter(|_| is_of_others);
                others
                    .unwrap_or(&mut self.recorder)
                    .merge(&outcome.recorder);
                self.overruns += outcome.overruns;
                self.took = self.took.max(Duration::from_nanos(outcome.ended));
                self.clock_jumps = self.clock_jumps.max(outcome.clock_jumps);
                self.errors.extend(outcome.error);
            }
            Err(error) => self.errors.push(error),
        }
    }
}

/// A sender thread that has not started yet.
enum Sender {
    Udp(Box<UdpSender>),
    Tcp(Box<TcpSender>),
    Clients(Box<ClientSender>),
}

impl Sender {
    fn open(
        scenario: &Scenario,
        thread: u32,
        stop: &Stop,
        progress: &Arc<Progress>,
    ) -> io::Result<Self> {
        let (threads, shard) = (scenario.sender.threads, scenario.shard);
        let share = Share { thread: shard.thread * threads + thread, of: shard.of * threads };
        let thread_config = thread_config(scenario, share, stop, progress);
        let config = scenario.sender;
        if let Some(clients) = &scenario.clients {
            let sender = ClientSender::open(thread_config, Arc::clone(clients))?;
            return Ok(Self::Clients(Box::new(sender)));
        }
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

    fn run(self, clock: RunClock) -> ThreadResult {
        match self {
            Self::Udp(sender) => sender.run(clock),
            Self::Tcp(sender) => sender.run(clock),
            Self::Clients(sender) => sender.run(clock),
        }
    }
}

fn thread_config(
    scenario: &Scenario,
    share: Share,
    stop: &Stop,
    progress: &Arc<Progress>,
) -> ThreadConfig {
    let phases: Vec<PlannedPhase> = scenario.phases.iter().map(|phase| phase.plan).collect();
    let plan = Plan::new(phases, share, scenario.seed).playing(scenario.recording.clone());
    let timeout = scenario.sender.timeout;
    ThreadConfig {
        target: scenario.target.server,
        first_source: first_source(scenario, share),
        gso: scenario.sender.gso,
        workload: Arc::clone(&scenario.workload),
        phases: scenario.phases.len(),
        length: nanos(scenario.duration()),
        bounds: Bounds {
            max_waiting: (scenario.limits.max_outstanding / share.of as usize).max(1),
            window: window(&plan, scenario),
            timeout: nanos(timeout),
            keep: nanos(timeout + scenario.sender.linger),
        },
        plan,
        seed: SplitMix::of_item(scenario.seed, ID_STREAM, u64::from(share.thread)).next(),
        stop: stop.clone(),
        progress: Arc::clone(progress),
        pacing: scenario.sender.pacing,
        max_qps: scenario.limits.max_qps / f64::from(share.of),
        max_lateness: nanos(scenario.limits.max_lateness),
    }
}

/// Slots for all queries that are remembered, with room for a burst after a stall.
fn window(plan: &Plan, scenario: &Scenario) -> usize {
    let slots = |kept: Duration| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a conversion that saturates is meant; the ring bounds it"
        )]
        let draws = (plan.peak() * (kept.as_secs_f64() + BURST.as_secs_f64()) * SPREAD) as usize;
        draws.saturating_mul(scenario.workload.max_queries_per_draw().max(1))
    };
    let timeout = scenario.sender.timeout;
    // Only what waits must have a slot; late answers are known as far as memory goes.
    slots(timeout).max(slots(timeout + scenario.sender.linger).min(MAX_REMEMBERED))
}

/// The address of the first socket of a thread: those before it have theirs.
fn first_source(scenario: &Scenario, share: Share) -> Option<IpAddr> {
    let Ports::Pool(count) = scenario.sender.ports else { return scenario.sender.first_source };
    let before = (0..share.thread).map(|thread| part(count, Share { thread, ..share }));
    let before: u32 = before.map(u32::from).sum();
    Some(match scenario.sender.first_source? {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().wrapping_add(before)).into(),
        IpAddr::V6(first) => {
            Ipv6Addr::from_bits(first.to_bits().wrapping_add(u128::from(before))).into()
        }
    })
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
/// Slots beside those of queries that wait: 64 MiB for each thread.
const MAX_REMEMBERED: usize = 1 << 21;
/// How long before a start in common the sockets are opened.
const NEAR: Duration = Duration::from_millis(500);
/// Between two looks whether the start is near.
const LOOK: Duration = Duration::from_millis(20);
/// Poisson arrivals exceed their mean; by a fifth only at a few per second.
const SPREAD: f64 = 1.2;
/// Keeps the seed of message ids apart from the others.
const ID_STREAM: u64 = 0x6964;
const PANICKED: &str = "a sender thread panicked";

//! Many clients at once, with answers lost and records out of order.

use std::net::Ipv4Addr;

use resolver::Moment;
use stub::Library;

use super::pod::{Event, Pod, Truth, by_client, observe, observer};
use crate::intake::{Batch, Merge, RingBuffer};
use crate::observer::Observer;
use crate::tables::{Figures, Window};

/// Numbers that look random and are the same each time.
struct Noise(u64);

impl Noise {
    const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Twenty names of a pod, and where each has data.
fn names() -> Vec<(String, String)> {
    let name = |n| match n % 5 {
        0 => (format!("svc{n}"), format!("svc{n}.shop.svc.cluster.local")),
        1 => (format!("db{n}.data"), format!("db{n}.data.svc.cluster.local")),
        2 => (format!("api{n}.example.com"), format!("api{n}.example.com")),
        3 => (format!("x{n}.shop.svc.cluster.local"), format!("x{n}.shop.svc.cluster.local")),
        _ => (format!("gone{n}.example"), "-".to_owned()),
    };
    (0..20).map(name).collect()
}

/// One client: several threads that each look one name after another up, with
/// `lost` of a hundred answers lost.
fn client(n: u32, library: Library, lost: u64, noise: &mut Noise) -> Vec<Pod> {
    let names = names();
    let mut thread = |thread: u64| {
        let ndots = [5, 5, 2][n as usize % 3];
        let seed = u16::try_from(noise.below(65_536)).unwrap();
        let answers: Vec<u64> = (0..4000).filter(|_| noise.below(100) < lost).collect();
        let mut pod = Pod::new(library, ndots)
            .at(Ipv4Addr::from_bits(0x0a00_0000 + n).into(), seed)
            .loses(&answers);
        pod.set_time(1_000_000 + noise.below(3_000_000) + thread);
        for _ in 0..40 {
            let at = usize::try_from(noise.below(20)).unwrap();
            let (name, exists) = &names[at];
            pod.look_up(name, exists);
            pod.set_time(pod.time() + noise.below(60_000));
        }
        pod
    };
    (0..4).map(&mut thread).collect()
}

/// 64 clients, what they sent in the order of the answers, and the truth.
fn crowd(libraries: &[Library], lost: u64, seed: u64) -> (Vec<Pod>, Vec<Event>, Truth) {
    let mut noise = Noise(seed);
    let mut pods = Vec::new();
    for n in 0..64 {
        let library = libraries[n as usize % libraries.len()];
        pods.extend(client(n, library, lost, &mut noise));
    }
    let mut truth = Truth::default();
    pods.iter().for_each(|pod| truth.add(&pod.truth()));
    let mut events: Vec<Event> = pods.iter().flat_map(|pod| pod.events.clone()).collect();
    events.sort_by_key(|event| event.record.arrived + event.record.took);
    (pods, events, truth)
}

/// By how much of the truth the observer is wrong, in the worst of the counts.
fn error(pods: &[Pod], events: &[Event], truth: &Truth) -> f64 {
    let observer = observe(pods, events);
    let seen = Truth::of(&Figures::of(&observer.node, Window::Start));
    let off = |seen: u64, truth: u64| seen.abs_diff(truth) as f64 / truth.max(1) as f64;
    let errors = [
        off(seen.lookups, truth.lookups),
        off(seen.steps, truth.steps),
        off(seen.queries, truth.queries),
        off(seen.wasted, truth.wasted),
        off(seen.found, truth.found),
    ];
    println!("{truth:?}\n{seen:?}\n{errors:?}");
    errors.into_iter().fold(0.0, f64::max)
}

/// But for a query that comes just when another one's timer runs out, or a
/// name that two walks wait for.
#[test]
fn with_every_answer_received_nothing_is_counted_wrong() {
    for seed in [1, 2, 3] {
        let (pods, events, truth) = crowd(&[Library::Glibc, Library::Musl, Library::Go], 0, seed);
        let error = error(&pods, &events, &truth);
        assert!(error < 0.0005, "{error}");
    }
}

#[test]
fn with_a_third_of_the_answers_lost_the_error_is_below_one_percent() {
    for seed in [4, 5, 6] {
        let (pods, events, truth) = crowd(&[Library::Glibc, Library::Musl], 30, seed);
        let error = error(&pods, &events, &truth);
        assert!(error < 0.01, "{error}");
    }
}

/// Go's repetitions come from other ports with other ids: where both answers
/// with the data were lost, they look like a lookup of their own.
#[test]
fn with_go_too_the_error_is_below_one_percent() {
    let (pods, events, truth) = crowd(&[Library::Go], 5, 7);
    let error = error(&pods, &events, &truth);
    assert!(error < 0.01, "{error}");
    let (pods, events, truth) = crowd(&[Library::Glibc, Library::Musl, Library::Go], 10, 8);
    let error = self::error(&pods, &events, &truth);
    assert!(error < 0.01, "{error}");
}

/// The threads that answer them take turns as they please, and each may be late
/// by up to 40 ms to note what it answered.
#[test]
fn whichever_threads_answer_makes_no_difference() {
    let (pods, events, _) = crowd(&[Library::Glibc, Library::Musl, Library::Go], 30, 8);
    let straight = by_client(&observe(&pods, &events));
    let mut noise = Noise(9);
    let mut free = [0; THREADS];
    let mut noted: Vec<(u64, usize, &Event)> = Vec::new();
    for event in &events {
        let thread = usize::try_from(noise.below(THREADS as u64)).unwrap();
        let done = (event.record.arrived + event.record.took).as_micros();
        free[thread] = free[thread].max(done + noise.below(40_000));
        noted.push((free[thread], thread, event));
    }
    noted.sort_by_key(|(at, ..)| *at);
    let mut observer = observer(&pods);
    read_rings(&mut observer, &noted);
    assert!(by_client(&observer) == straight);
}

/// Lets an observer read what threads noted, each in a ring of its own.
fn read_rings(observer: &mut Observer, noted: &[(u64, usize, &Event)]) {
    let rings: [_; THREADS] = [(); THREADS].map(|()| RingBuffer::pair(4 << 20));
    let (mut writers, readers): (Vec<_>, Vec<_>) = rings.into_iter().unzip();
    let (mut order, mut part) = (Merge::new(readers), Batch::default());
    let mut look = |observer: &mut Observer, now: Moment, until: Option<Moment>| {
        let before = order.look(now);
        let until = until.unwrap_or(before);
        loop {
            order.fill(&mut part, until);
            if part.is_empty() {
                break;
            }
            observer.take_all(&part);
        }
        observer.advance(now);
        observer.settle(until.min(now));
        assert_eq!(order.missed(), 0);
    };
    let mut now = 0;
    for (at, thread, Event { record, qname }) in noted {
        while now + LOOK < *at {
            now += LOOK;
            look(observer, Moment::from_micros(now), None);
        }
        writers[*thread].push(record, qname);
    }
    look(observer, Moment::from_micros(now), Some(Moment::from_micros(u64::MAX)));
    observer.finish();
}

/// Threads that answer.
const THREADS: usize = 4;

/// Microseconds from one look to the next.
const LOOK: u64 = 40_000;

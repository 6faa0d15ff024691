//! Whose questions wait behind whose, with servers that answer in turn.

use super::*;

const GOOD: u8 = 1;
const GREEDY: u8 = 2;

/// Places, and servers that answer the questions of a connection in turn.
struct Servers {
    places: Places,
    start: Instant,
    now: Duration,
    /// What stands in the queue of each connection: place, when it began, how long
    /// it takes, whose it is.
    queues: BTreeMap<u64, Vec<(u64, Duration, u8)>>,
    /// How long questions took, by client.
    took: Vec<(u8, Duration)>,
    asked: HashMap<u64, Duration>,
    /// When the first in each queue is done.
    done: BTreeMap<u64, Duration>,
    refused: Vec<u8>,
}

impl Servers {
    fn new() -> Self {
        Self {
            places: Places::default(),
            start: Instant::now(),
            now: Duration::ZERO,
            queues: BTreeMap::new(),
            took: Vec::new(),
            asked: HashMap::new(),
            done: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    fn ask(&mut self, client: u8, takes: Duration) -> Option<u64> {
        let now = self.start + self.now;
        let address = Some(IpAddr::from([10, 0, 0, client]));
        let number = match self.places.choose(address, now) {
            Some(Chosen::Existing(number)) => number,
            Some(Chosen::New(number)) => {
                self.places.open(number, now);
                number
            }
            None => {
                self.refused.push(client);
                return None;
            }
        };
        let place = self.places.hold(number, address, now).unwrap();
        self.asked.insert(place, self.now);
        let queue = self.queues.entry(number).or_default();
        queue.push((place, takes, client));
        if queue.len() == 1 {
            self.done.insert(number, self.now + takes);
        }
        Some(number)
    }

    /// Lets time pass, a millisecond after the other.
    fn pass(&mut self, until: Duration) {
        while self.now < until {
            self.now += Duration::from_millis(1);
            let done = self.done.clone();
            for (number, _) in done.into_iter().filter(|(_, at)| *at <= self.now) {
                let queue = self.queues.get_mut(&number).unwrap();
                let (place, _, client) = queue.remove(0);
                self.took.push((client, self.now - self.asked[&place]));
                match queue.first() {
                    Some((_, takes, _)) => self.done.insert(number, self.now + *takes),
                    None => self.done.remove(&number),
                };
                self.places.release(number, place, self.start + self.now);
            }
        }
    }

    fn slowest(&self, client: u8) -> Duration {
        let of = self.took.iter().filter(|(other, _)| *other == client);
        of.map(|(_, took)| *took).max().unwrap()
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Ten names a second that take half a second each, of a server that answers in
/// turn. Only what comes before the client is known for them may wait behind one.
#[test]
fn slow_questions_do_not_stand_before_fast_ones() {
    for (every, many) in [(4, 1), (1, 1), (1, 10)] {
        let mut servers = Servers::new();
        for n in 0..400 {
            servers.pass(millis(25 * n));
            for _ in 0..if n % every == 0 { many } else { 0 } {
                servers.ask(GREEDY, millis(500));
            }
            if n >= 20 {
                servers.ask(GOOD, millis(1));
            }
        }
        servers.pass(secs(30));
        assert!(servers.refused.iter().all(|client| *client == GREEDY));
        assert!(every == 1 || servers.refused.is_empty());
        assert!(servers.slowest(GOOD) <= millis(2), "{:?}", servers.slowest(GOOD));
        assert!(servers.places.connections.len() <= MAX_CONNECTIONS);
    }
}

#[test]
fn a_client_that_fills_its_places_leaves_those_of_others() {
    let mut servers = Servers::new();
    for n in 0..6_000 {
        servers.ask(GREEDY, secs(4));
        if n > 0 && n % 100 == 0 {
            servers.pass(millis(n));
            servers.ask(GOOD, millis(1));
        }
    }
    servers.pass(secs(10));
    assert!(servers.refused.iter().all(|client| *client == GREEDY));
    assert!(servers.refused.len() > 5_000);
    assert!(servers.slowest(GOOD) <= millis(2), "{:?}", servers.slowest(GOOD));
}

#[test]
fn connections_above_four_are_closed_when_idle_and_all_of_them_in_the_end() {
    let mut servers = Servers::new();
    for _ in 0..100 {
        servers.ask(GOOD, millis(1));
    }
    servers.pass(millis(500));
    let now = servers.start + servers.now;
    assert_eq!(servers.places.connections.len(), 7);
    assert_eq!(servers.places.take_surplus(now), []);
    assert_eq!(servers.places.take_surplus(now + IDLE).len(), 3);
    assert_eq!(servers.places.take_surplus(now + IDLE), []);
    assert_eq!(servers.places.take_surplus(now + MAX_AGE).len(), 4);
}

#[test]
fn a_stalled_connection_takes_nothing_more() {
    let mut servers = Servers::new();
    let first = servers.ask(GOOD, millis(1)).unwrap();
    servers.pass(millis(10));
    servers.places.set_stalled(first, true);
    let second = servers.ask(GOOD, millis(1));
    assert!(second.is_some() && second != Some(first));
    servers.pass(millis(20));
    servers.places.ended(second.unwrap());
    servers.places.set_stalled(first, false);
    assert_eq!(servers.ask(GOOD, millis(1)), Some(first));
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

//! Connections to port 53, by their first segments alone: what they carry is not read.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use diagnose::Tries;

use super::message::Step;

/// Connections over TCP, and the truncated answers that should lead to one.
#[derive(Debug, Default)]
pub(super) struct Connections {
    states: HashMap<(SocketAddr, SocketAddr), State>,
    /// Truncated answers that no connection followed so far.
    truncated: HashMap<IpAddr, u64>,
    /// Segments of them.
    pub(super) segments: u64,
    /// Answers over UDP that were truncated.
    pub(super) truncated_answers: u64,
}

#[derive(Clone, Copy, Debug)]
struct State {
    asked: u64,
    reply: Reply,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reply {
    None,
    Accepted,
    Refused,
}

impl Connections {
    /// Takes a segment.
    pub(super) fn take(&mut self, at: u64, ends: (SocketAddr, SocketAddr), step: Step) {
        self.segments += 1;
        if step == Step::Asks {
            self.truncated.remove(&ends.0.ip());
            if self.states.len() < MOST {
                let state = State { asked: at, reply: Reply::None };
                self.states.entry(ends).or_insert(state);
            }
        }
        let Some(state) = self.states.get_mut(&ends) else { return };
        match step {
            Step::Accepts => state.reply = Reply::Accepted,
            Step::Refuses if state.reply == Reply::None => state.reply = Reply::Refused,
            _ => {}
        }
    }

    /// Notes that a client got a truncated answer.
    pub(super) fn note_truncated(&mut self, client: IpAddr) {
        self.truncated_answers += 1;
        if self.truncated.len() < MOST || self.truncated.contains_key(&client) {
            *self.truncated.entry(client).or_default() += 1;
        }
    }

    /// Truncated answers after which their client opened no connection.
    pub(super) fn not_followed(&self) -> u64 {
        self.truncated.values().sum()
    }

    /// The connections to servers that accepted none, of a file that ends at `last`.
    ///
    /// That one is accepted is no answer: of such servers nothing is told.
    pub(super) fn blocked(&self, last: u64) -> HashMap<SocketAddr, Tries> {
        let accepting = self.states.iter();
        let accepting = accepting.filter(|(_, state)| state.reply == Reply::Accepted);
        let accepting: HashSet<_> = accepting.map(|((_, server), _)| *server).collect();
        let mut blocked: HashMap<SocketAddr, Tries> = HashMap::new();
        for ((_, server), state) in &self.states {
            let is_young = state.asked.saturating_add(PATIENCE) > last;
            if accepting.contains(server) || state.reply == Reply::None && is_young {
                continue;
            }
            let tries = blocked.entry(*server).or_default();
            tries.sent += 1;
            match state.reply {
                Reply::Refused => tries.refused += 1,
                _ => tries.timeouts += 1,
            }
        }
        blocked
    }
}

/// Nanoseconds until the first segment of a connection is sent again (RFC 6298, section 2).
const PATIENCE: u64 = 1_000_000_000;

/// Connections that are told apart, and clients with truncated answers.
const MOST: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn ends(client: u16, server: u8) -> (SocketAddr, SocketAddr) {
        (([10, 0, 0, 1], client).into(), ([10, 0, 1, server], 53).into())
    }

    #[test]
    fn a_server_that_accepts_no_connection_is_blocked() {
        let mut all = Connections::default();
        for port in 1..=3 {
            all.take(0, ends(port, 1), Step::Asks);
            // Sent again.
            all.take(SECOND, ends(port, 1), Step::Asks);
            all.take(0, ends(port, 2), Step::Asks);
        }
        all.take(0, ends(1, 2), Step::Accepts);
        all.take(0, ends(1, 3), Step::Asks);
        all.take(0, ends(1, 3), Step::Refuses);
        all.take(9 * SECOND, ends(4, 1), Step::Asks);
        let blocked = all.blocked(9 * SECOND + 1);
        let tries = |server: u8| blocked.get(&ends(0, server).1).cloned();
        assert_eq!(tries(1), Some(Tries { sent: 3, timeouts: 3, ..Tries::default() }));
        assert_eq!(tries(2), None);
        assert_eq!(tries(3), Some(Tries { sent: 1, refused: 1, ..Tries::default() }));
        assert_eq!(all.segments, 13);
    }

    #[test]
    fn a_connection_follows_the_truncated_answers_of_its_client() {
        let mut all = Connections::default();
        let [one, other] = [1, 2].map(|n| IpAddr::from([10, 0, 0, n]));
        for client in [one, other, other] {
            all.note_truncated(client);
        }
        assert_eq!((all.truncated_answers, all.not_followed()), (3, 3));
        all.take(0, ends(1, 1), Step::Asks);
        assert_eq!(all.not_followed(), 2);
        all.note_truncated(one);
        assert_eq!(all.not_followed(), 3);
    }
}

//! How much upstreams are asked more because they do not answer.
//!
//! A server that comes back meets the retries of all who wait for it, which may
//! send it down again. So all retries together are a fifth of the first tries and
//! fifty a second; what is above waits. Whose names are silent cannot use that up:
//! the last of it is for clients that have had little.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::RandomState;
use resolver::Moment;

/// The retries that may still be sent.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    /// Earned by time, in fifths of a retry.
    by_time: u64,
    /// Earned by first tries, in fifths of a retry.
    by_tries: u64,
    filled: Moment,
    /// The second that `clients` counts.
    second: u64,
    /// Retries in this second, by client.
    clients: HashMap<IpAddr, u32, RandomState>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            by_time: TIME_CAP,
            by_tries: 0,
            filled: Moment::default(),
            second: 0,
            clients: HashMap::default(),
        }
    }
}

impl RetryBudget {
    /// Notes a first try.
    pub(crate) fn note_first(&mut self) {
        self.by_tries = (self.by_tries + 1).min(TRIES_CAP);
    }

    /// Takes one retry for a question of `client`, if there is one.
    #[must_use]
    pub(crate) fn take(&mut self, client: Option<IpAddr>, now: Moment) -> bool {
        self.fill(now);
        let used = client.and_then(|client| self.clients.get(&client).copied());
        let light = client.is_some() && used.unwrap_or_default() < LIGHT;
        let least = if light { COST } else { RESERVE };
        self.spend(client, least)
    }

    /// Takes one for what is only meant to be faster, if there is plenty.
    #[must_use]
    pub(crate) fn take_spare(&mut self, client: Option<IpAddr>, now: Moment) -> bool {
        self.fill(now);
        self.spend(client, RESERVE)
    }

    fn spend(&mut self, client: Option<IpAddr>, least: u64) -> bool {
        if self.by_time + self.by_tries < least {
            return false;
        }
        let by_time = self.by_time.min(COST);
        self.by_time -= by_time;
        self.by_tries -= COST - by_time;
        if let Some(client) = client
            && (self.clients.len() < MAX_CLIENTS || self.clients.contains_key(&client))
        {
            *self.clients.entry(client).or_default() += 1;
        }
        true
    }

    fn fill(&mut self, now: Moment) {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.clients.clear();
        }
        let passed = now.saturating_since(self.filled);
        let earned = passed.as_micros() / MICROS_PER_FIFTH;
        let earned = u64::try_from(earned).unwrap_or(TIME_CAP).min(TIME_CAP);
        if earned > 0 {
            self.by_time = (self.by_time + earned).min(TIME_CAP);
            let whole = passed.as_micros() / MICROS_PER_FIFTH * MICROS_PER_FIFTH;
            self.filled = self.filled + micros(whole);
        }
    }
}

fn micros(micros: u128) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// What a retry costs: one for five first tries.
const COST: u64 = 5;

/// Fifty retries a second.
const MICROS_PER_FIFTH: u128 = 4_000;

/// What time earns at most: fifty retries.
const TIME_CAP: u64 = 50 * COST;

/// What first tries earn at most: those of a second at 2,500 misses.
const TRIES_CAP: u64 = 500 * COST;

/// What is left for clients that have had little: half of what time earns in a
/// second.
const RESERVE: u64 = 25 * COST;

/// Retries of a client in a second that are little: those of half a search path of
/// six names, A and AAAA, three times each.
const LIGHT: u32 = 20;

/// Clients that are told apart in a second: ten times the pods of a node. Others
/// count as if they had had nothing.
const MAX_CLIENTS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const GOOD: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));

    fn at(millis: u64) -> Moment {
        Moment::from_micros(1_000_000 + millis * 1000)
    }

    #[test]
    fn all_together_have_a_fifth_and_fifty_a_second() {
        for rate in [0_u64, 100, 2_000] {
            let mut budget = RetryBudget::default();
            let mut taken = 0;
            for millis in 0..10_000 {
                (0..rate / 100)
                    .filter(|_| millis % 10 == 0)
                    .for_each(|_| budget.note_first());
                for _ in 0..5 {
                    taken += u64::from(budget.take(GREEDY, at(millis)));
                }
            }
            let most = 10 * (rate / 5 + 50);
            assert!((most - 25..=most + 50).contains(&taken), "{rate}: {taken} of {most}");
        }
    }

    #[test]
    fn who_takes_all_leaves_some_to_others() {
        let mut budget = RetryBudget::default();
        for millis in 0..10_000 {
            while budget.take(GREEDY, at(millis)) {}
            if millis % 100 == 0 {
                assert!(budget.take(GOOD, at(millis)), "{millis}");
            }
        }
    }

    #[test]
    fn what_is_only_faster_leaves_the_reserve() {
        let mut budget = RetryBudget::default();
        let spare = (0..100).filter(|_| budget.take_spare(GOOD, at(0)));
        assert_eq!(spare.count(), 26);
        assert!(budget.take(GREEDY, at(0)));
    }
}

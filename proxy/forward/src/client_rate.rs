//! How many questions a second one client may have asked upstream, where that is limited.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use resolver::Moment;

/// The clients that asked lately, and whether each is within its rate.
#[derive(Debug)]
pub(crate) struct ClientRate {
    per_second: NonZeroU32,
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, Now, NoOpMiddleware<Duration>>,
    now: Now,
}

impl ClientRate {
    /// Allows each client so many questions a second, and as many at once.
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        let now = Now::default();
        let quota = Quota::per_second(per_second);
        let limiter = RateLimiter::hashmap_with_clock(quota, now.clone());
        Self { per_second, limiter, now }
    }

    /// Returns the rate.
    pub(crate) const fn rate(&self) -> NonZeroU32 {
        self.per_second
    }

    /// Notes a question of `client`, and returns whether it is within its rate.
    pub(crate) fn allows(&self, client: IpAddr, now: Moment) -> bool {
        self.now.set(now);
        if self.limiter.len() >= CLIENTS {
            self.limiter.retain_recent();
            if self.limiter.len() >= CLIENTS {
                // More clients than a node has are made-up addresses: to limit each of
                // them limits nothing.
                return true;
            }
        }
        self.limiter.check_key(&client).is_ok()
    }
}

/// The time that the flights are given, as the limiter reads it.
#[derive(Clone, Debug, Default)]
struct Now(Arc<AtomicU64>);

impl Now {
    fn set(&self, now: Moment) {
        self.0.store(now.as_micros(), Ordering::Relaxed);
    }
}

impl Clock for Now {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Clients that are looked after at a time, some 5 MiB: more than a node has addresses.
const CLIENTS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn at(millis: u64) -> Moment {
        Moment::from_micros(60_000_000 + millis * 1000)
    }

    #[test]
    fn each_client_has_its_rate() {
        let rate = ClientRate::new(NonZeroU32::new(10).unwrap());
        let allowed = |client, times: &[u64]| {
            let times = times.iter();
            times.filter(|time| rate.allows(client, at(**time))).count()
        };
        assert_eq!(allowed(ONE, &[0; 100]), 10);
        assert_eq!(allowed(OTHER, &[0; 9]), 9);
        assert_eq!(allowed(ONE, &[50, 100, 150, 200]), 2);
        assert_eq!(allowed(ONE, &[5000; 100]), 10);
    }
}

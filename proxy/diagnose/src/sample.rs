//! What some probes met, and how much may be concluded from so many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Queries to one server over one transport, by how they ended.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Tries {
    /// Queries.
    pub sent: u32,
    /// Answers by RCODE, as its mnemonic.
    pub rcodes: BTreeMap<String, u32>,
    /// Without an answer in time.
    pub timeouts: u32,
    /// ICMP port unreachable, or a TCP reset.
    pub refused: u32,
    /// EPERM from the system's own send.
    pub not_permitted: u32,
    /// No route, or nobody answers ARP.
    pub unreachable: u32,
    /// Answers in more than half a second.
    pub slow: u32,
    /// SERVFAIL with AA and without RA: CoreDNS's `kubernetes` plugin has no data yet
    /// (`plugin/backend_lookup.go`).
    pub not_synced: u32,
    /// SERVFAIL with RA: a server behind failed, and it was passed on.
    pub relayed: u32,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// How many of them.
    pub part: u64,
    /// All.
    pub whole: u64,
}

impl Tries {
    /// Answers that are of use: NOERROR and NXDOMAIN.
    #[must_use]
    pub fn good(&self) -> u32 {
        ["NOERROR", "NXDOMAIN"]
            .map(|rcode| self.of(rcode))
            .iter()
            .sum()
    }

    /// Answers with this RCODE.
    #[must_use]
    pub fn of(&self, rcode: &str) -> u32 {
        self.rcodes.get(rcode).copied().unwrap_or_default()
    }

    /// Answers of any kind.
    #[must_use]
    pub fn answers(&self) -> u32 {
        self.rcodes.values().sum()
    }

    /// Those without an answer of use.
    #[must_use]
    pub fn failed(&self) -> u32 {
        self.sent.saturating_sub(self.good())
    }

    /// The failed ones as a share.
    #[must_use]
    pub fn failures(&self) -> Share {
        Share { part: self.failed().into(), whole: self.sent.into() }
    }

    /// Says whether none was of use, of enough to tell.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.sent >= FEW && self.good() == 0
    }

    /// Says whether there was no answer of any kind, of enough to tell.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.sent >= FEW && self.answers() == 0
    }

    /// Says whether all were of use, of enough to tell.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.sent >= FEW && self.failed() == 0
    }

    /// Adds the tries of another.
    pub fn add(&mut self, other: &Self) {
        for (rcode, count) in &other.rcodes {
            *self.rcodes.entry(rcode.clone()).or_default() += count;
        }
        self.sent += other.sent;
        self.timeouts += other.timeouts;
        self.refused += other.refused;
        self.not_permitted += other.not_permitted;
        self.unreachable += other.unreachable;
        self.slow += other.slow;
        self.not_synced += other.not_synced;
        self.relayed += other.relayed;
    }
}

impl Share {
    /// The least that the true share is, with 97.5 % confidence: the lower end of
    /// Wilson's interval. A few failures of few tries prove little.
    #[must_use]
    pub fn at_least(self) -> f64 {
        self.bound(-1.0)
    }

    /// The most that it is, with the same confidence.
    #[must_use]
    pub fn at_most(self) -> f64 {
        self.bound(1.0)
    }

    /// The share that was seen; nothing of nothing is 0.
    #[must_use]
    pub fn seen(self) -> f64 {
        if self.whole == 0 { 0.0 } else { float(self.part.min(self.whole)) / float(self.whole) }
    }

    fn bound(self, side: f64) -> f64 {
        if self.whole == 0 {
            return if side.is_sign_negative() { 0.0 } else { 1.0 };
        }
        let (n, p) = (float(self.whole), self.seen());
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let end = (p + Z * Z / (2.0 * n) + side * spread) / (1.0 + Z * Z / n);
        end.clamp(0.0, 1.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of queries; far below 2^53")]
const fn float(n: u64) -> f64 {
    n as f64
}

/// Tries of one server from which nothing that all share is concluded below.
pub(crate) const FEW: u32 = 3;

/// The quantile of the normal distribution for 97.5 %.
const Z: f64 = 1.96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_close_in_on_the_share_with_its_sample() {
        let bounds = |part, whole| {
            let share = Share { part, whole };
            [share.at_least(), share.at_most()].map(|bound| (bound * 100.0).round())
        };
        assert_eq!(bounds(0, 0), [0.0, 100.0]);
        assert_eq!(bounds(1, 2), [9.0, 91.0]);
        assert_eq!(bounds(30, 60), [38.0, 62.0]);
        assert_eq!(bounds(500, 1000), [47.0, 53.0]);
        assert_eq!(bounds(20, 20), [84.0, 100.0]);
    }

    #[test]
    fn tries_are_good_dead_or_neither() {
        let mut tries = Tries { sent: 3, timeouts: 3, ..Tries::default() };
        assert!(tries.is_dead() && tries.is_silent() && !tries.is_well());
        tries.rcodes.insert("NXDOMAIN".to_owned(), 1);
        tries.rcodes.insert("SERVFAIL".to_owned(), 1);
        tries.timeouts = 1;
        assert_eq!((tries.good(), tries.failed(), tries.answers()), (1, 2, 2));
        assert!(!tries.is_dead() && !tries.is_silent() && !tries.is_well());
        let well = |sent| Tries {
            sent,
            rcodes: [("NOERROR".to_owned(), sent)].into(),
            ..Tries::default()
        };
        assert_eq!([well(2), well(3)].map(|tries| tries.is_well()), [false, true]);
        assert!(!Tries { sent: 2, timeouts: 2, ..Tries::default() }.is_dead(), "too few");
    }
}

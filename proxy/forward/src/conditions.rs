//! Which upstreams are not well, for people: a line in the log for each change, and a
//! list.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use resolver::Moment;

/// How an upstream is, as far as questions of clients show it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// It answers.
    Well,
    /// It answers, and others have what it fails.
    Fails,
    /// Nothing listens there.
    Refuses,
    /// It sends nothing.
    Silent,
    /// There is no way to it.
    Unreachable,
}

impl Condition {
    /// What it does, after its address.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Well => "answers",
            Self::Fails => "fails what others answer",
            Self::Refuses => "refuses",
            Self::Silent => "is silent",
            Self::Unreachable => "cannot be reached",
        }
    }
}

/// The upstreams that are not well, with the moment of the change.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    ill: Mutex<BTreeMap<SocketAddr, (Condition, Moment)>>,
}

impl Conditions {
    /// Takes the condition of each upstream in use, and logs what has changed; none
    /// where the last one is not proved wrong. One that is not in use is forgotten.
    pub(crate) fn take(
        &self,
        found: impl Iterator<Item = (SocketAddr, Option<Condition>)>,
        now: Moment,
    ) {
        let mut ill = self.lock();
        let mut still = BTreeMap::new();
        for (upstream, condition) in found {
            let before = ill.remove(&upstream);
            let known = before.map_or(Condition::Well, |(known, _)| known);
            let condition = condition.unwrap_or(known);
            let since = before.filter(|_| condition == known);
            let since = since.map_or(now, |(_, since)| since);
            match condition {
                Condition::Well if condition != known => {
                    tracing::info!(%upstream, "an upstream answers again");
                }
                Condition::Well => {}
                _ => {
                    if condition != known {
                        tracing::warn!(%upstream, "an upstream {}", condition.label());
                    }
                    still.insert(upstream, (condition, since));
                }
            }
        }
        *ill = still;
    }

    /// Returns those that are not well.
    pub(crate) fn ill(&self) -> Vec<(SocketAddr, Condition, Moment)> {
        let all = self.lock();
        let each = all.iter();
        each.map(|(upstream, (condition, since))| (*upstream, *condition, *since))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, (Condition, Moment)>> {
        self.ill.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::from_micros(secs * 1_000_000)
    }

    #[test]
    fn what_is_not_proved_wrong_stays_and_what_is_gone_is_forgotten() {
        let conditions = Conditions::default();
        let [one, other] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let take = |one_is, other_is, now| {
            let found = [(one, one_is), (other, other_is)];
            conditions.take(found.into_iter(), now);
            conditions.ill()
        };
        assert_eq!(take(Some(Condition::Well), None, at(1)), []);
        let silent = (one, Condition::Silent, at(2));
        assert_eq!(take(Some(Condition::Silent), None, at(2)), [silent]);
        assert_eq!(take(None, None, at(3)), [silent]);
        let refuses = (one, Condition::Refuses, at(4));
        assert_eq!(take(Some(Condition::Refuses), None, at(4)), [refuses]);
        assert_eq!(take(Some(Condition::Well), None, at(5)), []);
        take(Some(Condition::Silent), Some(Condition::Silent), at(6));
        conditions.take([(other, None)].into_iter(), at(7));
        assert_eq!(conditions.ill(), [(other, Condition::Silent, at(6))]);
    }
}

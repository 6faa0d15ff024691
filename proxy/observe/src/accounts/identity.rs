//! Whose address it is, as far as somebody says.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use resolver::Moment;
use serde::{Deserialize, Serialize};

use crate::lookup::Search;

/// An option of a `dnsConfig`.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct DnsOption {
    /// Its name.
    pub name: String,
    /// Its value, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What the pods behind some addresses have in common: who made them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Its namespace; empty for what is in none, as a node.
    pub namespace: String,
    /// `Deployment` and so on, as the API calls it; `Node` for what runs on the
    /// host network, and [`ADDRESS`] for an address that nobody named.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Who is behind an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Tells it from others that have its name or its address before or after.
    pub uid: Box<str>,
    /// Who made it.
    pub workload: Arc<Workload>,
    /// The name of the pod; `None` for a node.
    pub pod: Option<Box<str>>,
    /// When it began, and from when on the address may be its own.
    pub since: Option<Moment>,
    /// What its resolv.conf says, if that follows from its spec.
    pub search: Option<Search>,
    /// The options in its `dnsConfig`.
    pub options: Vec<DnsOption>,
}

/// State of the watch that maps addresses to pods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WatchStatus {
    /// What it does.
    pub state: WatchState,
    /// Since when.
    pub since: Moment,
    /// What is wrong, if anything is.
    pub error: Option<String>,
}

/// Whether changes arrive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WatchState {
    /// Not yet.
    Starting,
    /// They do.
    Watching,
    /// They do not: what was known last stays.
    Away,
}

impl WatchState {
    /// The name in the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Watching => "watching",
            Self::Away => "away",
        }
    }
}

/// The addresses that somebody named.
#[derive(Debug, Default)]
pub struct Identities {
    by_addr: HashMap<IpAddr, Arc<Identity>, RandomState>,
}

impl Workload {
    /// The one that paths name with these parts.
    pub fn of_path([namespace, kind, name]: [&str; 3]) -> Self {
        let namespace = if namespace == NO_NAMESPACE { "" } else { namespace };
        let [namespace, kind, name] = [namespace, kind, name].map(str::to_owned);
        Self { namespace, kind, name }
    }

    /// What stands for an address that nobody named.
    pub fn of_addr(addr: IpAddr) -> Self {
        Self { namespace: String::new(), kind: ADDRESS.to_owned(), name: addr.to_string() }
    }
}

impl Identity {
    /// Says whether all that an address asked since `first` was asked by this
    /// one, if nobody else was named for it.
    ///
    /// A pod asks before the API shows its address. Where it is not known when
    /// it began, those ten seconds are what it is given.
    pub fn may_have_asked(&self, first: Moment, now: Moment) -> bool {
        match self.since {
            Some(since) => since <= first,
            None => now.saturating_since(first) <= LATE,
        }
    }
}

impl Identities {
    /// Returns who is behind an address.
    pub fn get(&self, addr: IpAddr) -> Option<&Arc<Identity>> {
        self.by_addr.get(&addr)
    }

    /// Counts the pods of a workload that have an address now.
    pub fn pods_of(&self, workload: &Workload) -> usize {
        let pods = self
            .by_addr
            .values()
            .filter(|identity| identity.pod.is_some() && *identity.workload == *workload);
        pods.map(|identity| &*identity.uid)
            .collect::<HashSet<_>>()
            .len()
    }

    /// Iterates over all, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&IpAddr, &Arc<Identity>)> {
        self.by_addr.iter()
    }

    /// Says how many addresses there are.
    pub fn len(&self) -> usize {
        self.by_addr.len()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_addr.is_empty()
    }

    pub(crate) fn set(&mut self, addr: IpAddr, identity: Option<Arc<Identity>>) {
        match identity {
            Some(identity) if self.len() < ADDRESSES || self.by_addr.contains_key(&addr) => {
                self.by_addr.insert(addr, identity);
            }
            Some(_) => {}
            None => {
                self.by_addr.remove(&addr);
            }
        }
    }
}

/// Stands for no namespace in a path, which has no empty segment; no namespace
/// is called so.
pub const NO_NAMESPACE: &str = "-";

/// The kind of what is known by its address alone.
pub const ADDRESS: &str = "address";

/// How long a pod may ask before the API shows its address: the kubelet
/// reports it once the sandbox stands, and the first container starts then.
pub const LATE: Duration = Duration::from_secs(10);

/// A cluster of the largest size that Kubernetes is tested with has 150,000
/// pods; in front of CoreDNS all of them ask us, with two addresses each.
const ADDRESSES: usize = 300_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(since: Option<u64>) -> Identity {
        Identity {
            uid: "u".into(),
            workload: Arc::new(Workload::of_addr([10, 0, 0, 1].into())),
            pod: None,
            since: since.map(Moment::from_micros),
            search: None,
            options: Vec::new(),
        }
    }

    #[test]
    fn a_pod_has_not_asked_what_was_asked_before_it_began() {
        let [first, now] = [5_000_000, 60_000_000].map(Moment::from_micros);
        assert!(identity(Some(4_000_000)).may_have_asked(first, now));
        assert!(!identity(Some(6_000_000)).may_have_asked(first, now));
        assert!(!identity(None).may_have_asked(first, now));
        assert!(identity(None).may_have_asked(first, first + LATE));
    }
}

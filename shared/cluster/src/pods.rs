//! Which pod has which address, as events of pods come and go.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::object::{DnsOption, PodObject, addrs};
use crate::owner::Owner;
use crate::resolver::{Kubelet, Resolver};
use crate::time;
use crate::watch::Subject;

/// A pod that has addresses of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pod {
    /// Its uid: names and addresses are given again, this is not.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who made it.
    pub owner: Owner,
    /// When the kubelet took it on, or else when it was created, in seconds
    /// since 1970; a pod asks nothing before.
    pub started: Option<i64>,
    /// Its resolver configuration, as in its resolv.conf.
    pub resolver: Resolver,
    /// The options in its `dnsConfig`.
    pub options: Vec<DnsOption>,
}

/// The holder of behind an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Holder {
    /// A node: what runs on its host network cannot be told apart.
    Node(Arc<str>),
    /// A pod.
    Pod(Arc<Pod>),
}

/// An address and its holder from now on; `None` when it is free.
pub type Change = (IpAddr, Option<Holder>);

/// Whose pods are watched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Those of one node.
    Node(String),
    /// Those of all nodes.
    All,
}

/// All pods that are watched.
#[derive(Debug)]
pub struct Pods {
    scope: Scope,
    kubelet: Kubelet,
    /// The addresses that each pod claims, by its uid.
    claims: HashMap<Arc<str>, Vec<IpAddr>>,
    /// Who claims an address; of several the last in order has it.
    addrs: HashMap<IpAddr, Vec<Claim>>,
    /// While a list is read, those that it has not named so far.
    unlisted: Option<HashSet<Arc<str>>>,
}

#[derive(Clone, Debug)]
struct Claim {
    uid: Arc<str>,
    started: Option<i64>,
    who: Holder,
}

impl Pods {
    /// Knows no pod; `kubelet` is what those of the nodes are set to.
    pub fn new(scope: Scope, kubelet: Kubelet) -> Self {
        Self { scope, kubelet, claims: HashMap::new(), addrs: HashMap::new(), unlisted: None }
    }

    /// Returns how many pods have addresses.
    pub fn len(&self) -> usize {
        self.claims.len()
    }

    /// Returns whether none has.
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// A list of all pods begins.
    pub fn list_begins(&mut self) {
        self.unlisted = Some(self.claims.keys().cloned().collect());
    }

    /// The list is over: what it did not name is gone.
    pub fn list_ends(&mut self) -> Vec<Change> {
        let gone = self.unlisted.take().unwrap_or_default();
        gone.iter().flat_map(|uid| self.remove(uid)).collect()
    }

    /// Takes a pod as it is now; returns the addresses that changed hands.
    pub fn apply(&mut self, object: &PodObject) -> Vec<Change> {
        let uid: Arc<str> = object.metadata.uid.as_str().into();
        if let Some(unlisted) = &mut self.unlisted {
            unlisted.remove(&uid);
        }
        // A pod that has ended keeps its `podIP`, which is another's by then.
        if matches!(object.status.phase.as_str(), "Succeeded" | "Failed") {
            return self.remove(&uid);
        }
        let claimed = self.claimed(object);
        let mut touched: Vec<IpAddr> = claimed.iter().map(|(addr, _)| *addr).collect();
        touched.extend(self.claims.get(&uid).into_iter().flatten());
        touched.sort_unstable();
        touched.dedup();
        self.change(&touched, |pods| {
            pods.release(&uid);
            let started = started(object);
            for (addr, who) in &claimed {
                let claim = Claim { uid: Arc::clone(&uid), started, who: who.clone() };
                pods.addrs.entry(*addr).or_default().push(claim);
            }
            if !claimed.is_empty() {
                let addrs = claimed.iter().map(|(addr, _)| *addr).collect();
                pods.claims.insert(Arc::clone(&uid), addrs);
            }
        })
    }

    /// Takes the end of a pod; returns the addresses that changed hands.
    pub fn delete(&mut self, object: &PodObject) -> Vec<Change> {
        self.remove(&object.metadata.uid)
    }

    fn remove(&mut self, uid: &str) -> Vec<Change> {
        let mut addrs = self.claims.get(uid).cloned().unwrap_or_default();
        addrs.sort_unstable();
        self.change(&addrs, |pods| pods.release(uid))
    }

    /// Returns which of some addresses are another's after `work`.
    fn change(&mut self, addrs: &[IpAddr], work: impl FnOnce(&mut Self)) -> Vec<Change> {
        let before: Vec<_> = addrs.iter().map(|addr| self.holder(*addr)).collect();
        work(self);
        let after = addrs.iter().map(|addr| (*addr, self.holder(*addr)));
        let pairs = after.zip(before);
        pairs
            .filter(|((_, after), before)| after != before)
            .map(|(change, _)| change)
            .collect()
    }

    fn release(&mut self, uid: &str) {
        for addr in self.claims.remove(uid).unwrap_or_default() {
            let Some(claims) = self.addrs.get_mut(&addr) else { continue };
            claims.retain(|claim| &*claim.uid != uid);
            if claims.is_empty() {
                self.addrs.remove(&addr);
            }
        }
    }

    /// Who has an address: the node before any pod, and of pods the one that
    /// began last; an older one with the same address is not yet known to have
    /// ended.
    fn holder(&self, addr: IpAddr) -> Option<Holder> {
        let rank = |claim: &&Claim| (matches!(claim.who, Holder::Node(_)), claim.started);
        // Of equals the last is taken, the one that was named last.
        let claims = self.addrs.get(&addr)?;
        claims
            .iter()
            .max_by_key(rank)
            .map(|claim| claim.who.clone())
    }

    /// The addresses in the status of a pod: its own and its node's.
    fn claimed(&self, object: &PodObject) -> Vec<(IpAddr, Holder)> {
        let status = &object.status;
        let node = || Holder::Node(object.spec.node_name.as_str().into());
        let mut all: Vec<_> = addrs(status.host_ip.as_ref(), &status.host_ips)
            .into_iter()
            .map(|addr| (addr, node()))
            .collect();
        let own = addrs(status.pod_ip.as_ref(), &status.pod_ips);
        if object.spec.host_network {
            all.extend(own.into_iter().map(|addr| (addr, node())));
        } else if !own.is_empty() {
            let pod = Arc::new(self.pod(object));
            all.extend(
                own.into_iter()
                    .map(|addr| (addr, Holder::Pod(Arc::clone(&pod)))),
            );
        }
        let mut seen = HashSet::new();
        all.retain(|(addr, _)| seen.insert(*addr));
        all
    }

    fn pod(&self, object: &PodObject) -> Pod {
        let config = object.spec.dns_config.as_ref();
        Pod {
            uid: object.metadata.uid.clone(),
            namespace: object.metadata.namespace.clone(),
            name: object.metadata.name.clone(),
            owner: Owner::of(object),
            started: started(object),
            resolver: Resolver::of(object, &self.kubelet),
            options: config.map_or_else(Vec::new, |config| config.options.clone()),
        }
    }
}

impl Subject for Pods {
    type Object = PodObject;
    type Change = Change;
    const WHAT: &'static str = "pods";

    fn path(&self) -> String {
        "/api/v1/pods".to_owned()
    }

    fn selectors(&self) -> (Option<String>, Option<String>) {
        match &self.scope {
            Scope::Node(node) => (Some(format!("spec.nodeName={node}")), None),
            Scope::All => (None, None),
        }
    }

    fn is_long(&self) -> bool {
        self.scope == Scope::All
    }

    fn version(object: &PodObject) -> &str {
        &object.metadata.resource_version
    }

    fn list_begins(&mut self) {
        Self::list_begins(self);
    }

    fn list_ends(&mut self) -> Vec<Change> {
        Self::list_ends(self)
    }

    fn apply(&mut self, object: &PodObject) -> Vec<Change> {
        Self::apply(self, object)
    }

    fn delete(&mut self, object: &PodObject) -> Vec<Change> {
        Self::delete(self, object)
    }

    fn count(&self) -> usize {
        self.len()
    }
}

fn started(object: &PodObject) -> Option<i64> {
    let started = object.status.start_time.as_deref();
    let created = object.metadata.creation_timestamp.as_deref();
    started
        .and_then(time::parse)
        .or_else(|| created.and_then(time::parse))
}

#[cfg(test)]
mod tests;

//! The referee: what one client's lookups cost, straight from the definition.
//!
//! It knows what the program looked up, when each lookup began, and the search
//! list, so it has nothing to infer. The proxy, which must infer all of that
//! from the packets, is held against it; the two share no code.

use std::collections::HashMap;

use crate::packet::{Kind, Outcome, Packet};
use crate::totals::Totals;

/// One lookup, as the program itself tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    /// Nanoseconds since 1970.
    pub(crate) began: u64,
    /// As it was given to the resolver, with or without a last dot.
    pub(crate) name: String,
    /// Whether the program got an address.
    pub(crate) found: bool,
}

/// Counts what one client sent.
///
/// # Errors
///
/// When packets and lookups do not belong together: a name asked that no step
/// of the lookup under way has, a lookup without a query, or an address got
/// without a packet that holds it.
pub(crate) fn account(
    packets: &[Packet],
    lookups: &[Lookup],
    search: &[String],
) -> Result<Totals, String> {
    let mut totals = Totals::default();
    let mut walks = lookups.iter().map(Walk::new).collect::<Vec<_>>();
    let mut asked = HashMap::new();
    for packet in packets {
        let key = (packet.port, packet.id, &packet.qname, packet.qtype);
        match packet.kind {
            Kind::Query if asked.contains_key(&key) => totals.retransmits += 1,
            Kind::Query => {
                let at = walks.partition_point(|walk| walk.lookup.began <= packet.time);
                let walk = at.checked_sub(1).and_then(|at| walks.get_mut(at));
                let walk = walk.ok_or_else(|| format!("{} before all lookups", packet.qname))?;
                let step = walk.ask(&packet.qname, search)?;
                asked.insert(key, (at - 1, step));
            }
            Kind::Response(outcome) => {
                let (walk, step) = asked
                    .get(&key)
                    .ok_or_else(|| format!("an answer for {} but no query", packet.qname))?;
                walks[*walk].steps[*step].answers.push(outcome);
            }
        }
    }
    for walk in &walks {
        totals += walk.totals()?;
    }
    Ok(totals)
}

/// One lookup and the steps seen of it, in the order they were asked.
struct Walk<'a> {
    lookup: &'a Lookup,
    steps: Vec<Step>,
}

struct Step {
    qname: String,
    /// Whether it is the name as it was given, without a suffix.
    absolute: bool,
    queries: u64,
    answers: Vec<Outcome>,
}

impl<'a> Walk<'a> {
    fn new(lookup: &'a Lookup) -> Self {
        Self { lookup, steps: Vec::new() }
    }

    /// The name without its last dot.
    fn base(&self) -> &'a str {
        self.lookup.name.trim_end_matches('.')
    }

    /// Takes a query; returns the number of its step.
    fn ask(&mut self, qname: &str, search: &[String]) -> Result<usize, String> {
        if let Some(at) = self.steps.iter().position(|step| step.qname == qname) {
            self.steps[at].queries += 1;
            return Ok(at);
        }
        let (base, has_dot) = (self.base(), self.lookup.name.ends_with('.'));
        let absolute = qname == base;
        let under = |suffix: &String| qname == format!("{base}.{suffix}");
        if !absolute && (has_dot || !search.iter().any(under)) {
            return Err(format!("{qname} asked in the lookup of {}", self.lookup.name));
        }
        let step = Step { qname: qname.to_owned(), absolute, queries: 1, answers: Vec::new() };
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn totals(&self) -> Result<Totals, String> {
        let Some((_, before)) = self.steps.split_last() else {
            return Err(format!("nothing asked in the lookup of {}", self.lookup.name));
        };
        if self.lookup.found != self.steps.iter().any(Step::has_data) {
            return Err(format!("{}: program and packets disagree", self.lookup.name));
        }
        let wasted = before.iter().filter(|step| step.is_denied());
        let mut totals = Totals {
            queries: self.steps.iter().map(|step| step.queries).sum(),
            lookups: 1,
            steps: self.steps.len() as u64,
            wasted_queries: wasted.map(|step| step.queries).sum(),
            ..Totals::default()
        };
        let of_cluster = self.base().ends_with(&format!(".{CLUSTER_DOMAIN}"));
        if of_cluster && !self.steps.iter().all(|step| step.absolute) {
            totals.fqdn_no_dot = 1;
        } else if let Some(end) = self.steps.iter().find(|step| step.has_data()) {
            // A whole name of the cluster, asked as it is, is the cluster's too.
            let external = end.absolute && !of_cluster;
            totals.external = external.into();
            totals.cluster = (!external).into();
        } else if self.steps.iter().all(Step::is_denied) {
            totals.nonexistent = 1;
        }
        Ok(totals)
    }
}

impl Step {
    /// Data of one type is success, also when the other type has none.
    fn has_data(&self) -> bool {
        self.answers.contains(&Outcome::Data)
    }

    fn is_denied(&self) -> bool {
        !self.answers.is_empty() && self.answers.iter().all(|answer| *answer == Outcome::Denied)
    }
}

/// Kubernetes' cluster domain in this test.
pub(crate) const CLUSTER_DOMAIN: &str = "cluster.local";

mod tests;

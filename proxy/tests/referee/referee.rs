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

/// How the lookups of a client follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// A query is of the lookup in whose time it was sent.
    OneAfterAnother,
    /// A query is of the lookup of its name; each name is looked up once.
    SideBySide,
}

/// Counts what one client sent. A name asked for a type once more in the same lookup
/// was sent again, whatever its port and ID.
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
    order: Order,
) -> Result<Totals, String> {
    let mut totals = Totals::default();
    let mut walks = lookups.iter().map(Walk::new).collect::<Vec<_>>();
    let mut asked = HashMap::new();
    for packet in packets {
        let key = (packet.port, packet.id, &packet.qname, packet.qtype);
        match packet.kind {
            Kind::Query if asked.contains_key(&key) => {
                let (walk, _): (usize, usize) = asked[&key];
                walks[walk].again = true;
                totals.retransmits += 1;
            }
            Kind::Query => {
                let at = match order {
                    Order::OneAfterAnother => walks
                        .partition_point(|walk| walk.lookup.began <= packet.time)
                        .checked_sub(1),
                    Order::SideBySide => walks
                        .iter()
                        .position(|walk| walk.asks(&packet.qname, search)),
                };
                let at = at.ok_or_else(|| format!("{} is of no lookup", packet.qname))?;
                let (step, is_new) = walks[at].ask(packet, search)?;
                totals.retransmits += u64::from(!is_new);
                asked.insert(key, (at, step));
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
    /// Says whether a query was sent again.
    again: bool,
}

struct Step {
    qname: String,
    /// Whether it is the name as it was given, without a suffix.
    absolute: bool,
    queries: u64,
    types: Vec<u16>,
    answers: Vec<Outcome>,
}

impl<'a> Walk<'a> {
    fn new(lookup: &'a Lookup) -> Self {
        Self { lookup, steps: Vec::new(), again: false }
    }

    /// The name without its last dot.
    fn base(&self) -> &'a str {
        self.lookup.name.trim_end_matches('.')
    }

    /// Whether its resolver may ask this name.
    fn asks(&self, qname: &str, search: &[String]) -> bool {
        let rest = qname.strip_prefix(self.base());
        let under = |rest: &str| {
            search
                .iter()
                .any(|suffix| rest.strip_prefix('.') == Some(suffix))
        };
        rest.is_some_and(|rest| rest.is_empty() || under(rest))
    }

    /// Takes a query; returns the number of its step, and whether it was not sent before.
    fn ask(&mut self, packet: &Packet, search: &[String]) -> Result<(usize, bool), String> {
        let (qname, qtype) = (packet.qname.as_str(), packet.qtype);
        if let Some(at) = self.steps.iter().position(|step| step.qname == qname) {
            let step = &mut self.steps[at];
            self.again |= step.types.contains(&qtype);
            let is_new = !step.types.contains(&qtype);
            if is_new {
                step.types.push(qtype);
                step.queries += 1;
            }
            return Ok((at, is_new));
        }
        let (base, has_dot) = (self.base(), self.lookup.name.ends_with('.'));
        let absolute = qname == base;
        let under = |suffix: &String| qname == format!("{base}.{suffix}");
        if !absolute && (has_dot || !search.iter().any(under)) {
            return Err(format!("{qname} asked in the lookup of {}", self.lookup.name));
        }
        let (qname, types) = (qname.to_owned(), vec![qtype]);
        self.steps
            .push(Step { qname, absolute, queries: 1, types, answers: Vec::new() });
        Ok((self.steps.len() - 1, true))
    }

    fn totals(&self) -> Result<Totals, String> {
        let Some((_, before)) = self.steps.split_last() else {
            return Err(format!("nothing asked in the lookup of {}", self.lookup.name));
        };
        let has_data = self.steps.iter().any(Step::has_data);
        // An answer may be lost behind the capture, and musl gives up on a name of
        // which one type fails.
        let is_plain = !self.again && self.steps.iter().all(Step::is_over);
        if self.lookup.found != has_data && (is_plain || self.lookup.found) {
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
        if !has_data && !self.steps.iter().all(Step::is_denied) {
            // A failure: in none of the four.
        } else if of_cluster && !self.steps.iter().all(|step| step.absolute) {
            totals.fqdn_no_dot = 1;
        } else if let Some(end) = self.steps.iter().find(|step| step.has_data()) {
            // A whole name of the cluster, asked as it is, is the cluster's too.
            let external = end.absolute && !of_cluster;
            totals.external = external.into();
            totals.cluster = (!external).into();
        } else {
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

    /// Says whether each answer was of use.
    fn is_over(&self) -> bool {
        !self.answers.is_empty() && !self.answers.contains(&Outcome::Failed)
    }

    fn is_denied(&self) -> bool {
        !self.answers.is_empty() && self.answers.iter().all(|answer| *answer == Outcome::Denied)
    }
}

/// Kubernetes' cluster domain in this test.
pub(crate) const CLUSTER_DOMAIN: &str = "cluster.local";

mod tests;

//! What the server does, all of it: zones, rules, and a seed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use hickory_proto::rr::LowerName;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::deep;
use crate::question::Question;
use crate::question::Transport;
use crate::rule::{CountedRule, Delivery, Reply, Rule};
use crate::wrong::Wrong;
use crate::zone::{CompiledZone, Zone, ZoneAnswer};

/// Zones and rules. An empty script refuses every query.
#[derive(Clone, Debug, Default)]
pub struct Script {
    zones: Vec<Zone>,
    rules: Vec<Rule>,
    seed: u64,
}

impl Script {
    /// A script that refuses every query.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a zone; the longest origin that holds a name answers for it.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zones.push(zone);
        self
    }

    /// Adds a rule after those already there; the first that matches wins.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Sets the seed of loss and random delays; 0 by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks the script and makes it ready to run.
    ///
    /// # Errors
    ///
    /// The first zone that cannot be parsed.
    pub(crate) fn compile(&self) -> Result<CompiledScript> {
        let zones = self
            .zones
            .iter()
            .map(Zone::compile)
            .collect::<Result<Vec<_>>>()?;
        Ok(CompiledScript {
            zones,
            rules: self.rules.iter().cloned().map(CountedRule::new).collect(),
            random: Mutex::new(StdRng::seed_from_u64(self.seed)),
        })
    }
}

/// A script in use, with its counts and its random numbers.
pub(crate) struct CompiledScript {
    zones: Vec<CompiledZone>,
    rules: Vec<CountedRule>,
    random: Mutex<StdRng>,
}

/// The replies to one query, in order.
#[derive(Default)]
pub(crate) struct ReplyPlan {
    pub(crate) replies: Vec<PlannedReply>,
    pub(crate) delivery: Delivery,
}

/// One reply: its octets, and how long after the query it leaves.
pub(crate) struct PlannedReply {
    pub(crate) after: Duration,
    pub(crate) octets: Vec<u8>,
    /// Whether it leaves from a port that was not asked.
    pub(crate) from_other_port: bool,
}

impl CompiledScript {
    /// How many queries fitted each rule: one that an earlier rule took is not counted.
    pub(crate) fn fitted(&self) -> Vec<u64> {
        self.rules.iter().map(CountedRule::fitted).collect()
    }

    /// Decides what is sent for `question`, and when.
    pub(crate) async fn plan(&self, question: &Question) -> ReplyPlan {
        let name = question.qname.to_ascii().to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        let Some(counted) = self.rules.iter().find(|rule| rule.takes(question, name)) else {
            return ReplyPlan::of(vec![PlannedReply::at(
                Duration::ZERO,
                self.right(question).await,
            )]);
        };
        let rule = &counted.rule;
        if self.is_lost(rule.loss) {
            return ReplyPlan::default();
        }
        let delay = self.pick(&rule.delay);
        let replies = self.replies(rule.reply, question, delay).await;
        ReplyPlan { replies, delivery: rule.delivery }
    }

    async fn replies(
        &self,
        reply: Reply,
        question: &Question,
        delay: Duration,
    ) -> Vec<PlannedReply> {
        let octets = match reply {
            Reply::Silence => return Vec::new(),
            Reply::Rcode(rcode) => question.fail(rcode, self.recurses(question)),
            Reply::Explained(rcode, code) => question.explain(rcode, self.recurses(question), code),
            Reply::Truncated if question.transport == Transport::Udp => question.truncated(),
            Reply::Right | Reply::Truncated => self.right(question).await,
            Reply::DeepNames(count) => deep::compose(question, count),
            Reply::Wrong(wrong) => {
                return wrong_reply(wrong, question, delay).into_iter().collect();
            }
            Reply::WrongThenRight(wrong, after) => {
                let right = PlannedReply::at(delay + after, self.right(question).await);
                return wrong_reply(wrong, question, delay)
                    .into_iter()
                    .chain([right])
                    .collect();
            }
        };
        vec![PlannedReply::at(delay, octets)]
    }

    async fn right(&self, question: &Question) -> Vec<u8> {
        if !question.is_ordinary() {
            return question.fail(hickory_proto::op::ResponseCode::NotImp, false);
        }
        let found = match self.zone_of(question) {
            Some(zone) => zone.look_up(&question.qname, question.qtype).await,
            None => ZoneAnswer::refused(),
        };
        question.respond(found)
    }

    /// A recursor sets RA also when it fails.
    fn recurses(&self, question: &Question) -> bool {
        self.zone_of(question)
            .is_some_and(|zone| zone.flags.recursion_available)
    }

    /// The zone with the longest origin that holds the name.
    fn zone_of(&self, question: &Question) -> Option<&CompiledZone> {
        let name = LowerName::new(&question.qname);
        self.zones
            .iter()
            .filter(|zone| zone.origin.zone_of(&name))
            .max_by_key(|zone| zone.origin.num_labels())
    }

    fn is_lost(&self, probability: f64) -> bool {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        probability > 0.0 && random.random_bool(probability.min(1.0))
    }

    fn pick(&self, delay: &std::ops::Range<Duration>) -> Duration {
        if delay.is_empty() {
            return delay.start;
        }
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        random.random_range(delay.clone())
    }
}

impl ReplyPlan {
    fn of(replies: Vec<PlannedReply>) -> Self {
        Self { replies, delivery: Delivery::Whole }
    }
}

impl PlannedReply {
    fn at(after: Duration, octets: Vec<u8>) -> Self {
        Self { after, octets, from_other_port: false }
    }
}

/// A stream has one source port, so the wrong one has no form over TCP.
fn wrong_reply(wrong: Wrong, question: &Question, after: Duration) -> Option<PlannedReply> {
    let from_other_port = wrong == Wrong::SourcePort;
    let possible = !from_other_port || question.transport == Transport::Udp;
    possible.then(|| PlannedReply { after, octets: wrong.compose(question), from_other_port })
}

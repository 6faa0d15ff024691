//! How the server misbehaves, and for which queries.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::question::Question;
use crate::question::Transport;
use crate::wrong::Wrong;

/// What a matching query is answered with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reply {
    /// What the zones say.
    #[default]
    Right,
    /// Nothing at all.
    Silence,
    /// This RCODE, with the question and no records; RA as in the answers of the
    /// zone that holds the name.
    Rcode(ResponseCode),
    /// The same with an Extended DNS Error of this INFO-CODE, for who sent an OPT.
    Explained(ResponseCode, u16),
    /// Over UDP TC=1 without records; over TCP what the zones say.
    Truncated,
    /// So many MX records, for a name and by a server that are what they claim: their
    /// names have 120 labels and differ at the end, and are not compressed.
    DeepNames(u16),
    /// A wrong reply and nothing more.
    Wrong(Wrong),
    /// A wrong reply at once, and the right one this much later.
    WrongThenRight(Wrong, Duration),
}

/// How a reply leaves over TCP.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Delivery {
    /// One write.
    #[default]
    Whole,
    /// Octet by octet, with this pause after each.
    ByteByByte(Duration),
    /// The length and the first half of the message, then the connection ends.
    CloseMidFrame,
    /// The connection ends without a reply.
    Close,
}

/// Which queries, and what happens to them. The first rule that matches wins.
#[derive(Clone, Debug)]
pub struct Rule {
    suffix: String,
    qtype: Option<RecordType>,
    transport: Option<Transport>,
    nth: Range<u64>,
    pub(crate) delay: Range<Duration>,
    pub(crate) loss: f64,
    pub(crate) reply: Reply,
    pub(crate) delivery: Delivery,
}

impl Rule {
    /// Matches every query.
    pub fn any() -> Self {
        Self::on(".")
    }

    /// Matches a name and all names below it, in any case.
    pub fn on(suffix: &str) -> Self {
        Self {
            suffix: suffix.trim_end_matches('.').to_ascii_lowercase(),
            qtype: None,
            transport: None,
            nth: 0..u64::MAX,
            delay: Duration::ZERO..Duration::ZERO,
            loss: 0.0,
            reply: Reply::Right,
            delivery: Delivery::Whole,
        }
    }

    /// Matches only this type.
    #[must_use]
    pub fn qtype(mut self, qtype: RecordType) -> Self {
        self.qtype = Some(qtype);
        self
    }

    /// Matches only datagrams.
    #[must_use]
    pub fn udp(mut self) -> Self {
        self.transport = Some(Transport::Udp);
        self
    }

    /// Matches only queries over TCP.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.transport = Some(Transport::Tcp);
        self
    }

    /// Matches only the first `count` queries that fit otherwise.
    #[must_use]
    pub fn first(mut self, count: u64) -> Self {
        self.nth = 0..count;
        self
    }

    /// Matches only the `nth` query that fits otherwise, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth.saturating_sub(1)..nth;
        self
    }

    /// Delays the reply. The timer's grain is one millisecond: the reply is
    /// never early and up to that much late.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        self.delay_between(delay, delay)
    }

    /// Delays each reply by a random time from the script's seed.
    #[must_use]
    pub fn delay_between(mut self, least: Duration, most: Duration) -> Self {
        self.delay = least..most;
        self
    }

    /// Loses this share of the queries, 0.0 to 1.0, from the script's seed.
    #[must_use]
    pub fn loss(mut self, probability: f64) -> Self {
        self.loss = probability;
        self
    }

    /// Never replies.
    #[must_use]
    pub fn silence(self) -> Self {
        self.reply(Reply::Silence)
    }

    /// Replies with an RCODE and no records.
    #[must_use]
    pub fn rcode(self, rcode: ResponseCode) -> Self {
        self.reply(Reply::Rcode(rcode))
    }

    /// Replies TC=1 over UDP.
    #[must_use]
    pub fn truncated(self) -> Self {
        self.reply(Reply::Truncated)
    }

    /// Replies wrongly and never rightly.
    #[must_use]
    pub fn wrong(self, wrong: Wrong) -> Self {
        self.reply(Reply::Wrong(wrong))
    }

    /// Replies wrongly at once, rightly `after` that.
    #[must_use]
    pub fn wrong_then_right(self, wrong: Wrong, after: Duration) -> Self {
        self.reply(Reply::WrongThenRight(wrong, after))
    }

    /// Replies with this.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.reply = reply;
        self
    }

    /// Sends replies over TCP like this; UDP is not touched.
    #[must_use]
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }
}

/// A rule with the count of queries that fitted it.
pub(crate) struct CountedRule {
    pub(crate) rule: Rule,
    seen: AtomicU64,
}

impl CountedRule {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, seen: AtomicU64::new(0) }
    }

    pub(crate) fn fitted(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Whether the rule takes this query; `name` is folded, without final dot.
    pub(crate) fn takes(&self, question: &Question, name: &str) -> bool {
        let Rule { suffix, qtype, transport, nth, .. } = &self.rule;
        let fits = is_at_or_below(name, suffix)
            && qtype.is_none_or(|qtype| qtype == question.qtype)
            && transport.is_none_or(|transport| transport == question.transport);
        fits && nth.contains(&self.seen.fetch_add(1, Ordering::Relaxed))
    }
}

fn is_at_or_below(name: &str, suffix: &str) -> bool {
    let Some(above) = name.strip_suffix(suffix) else { return false };
    suffix.is_empty() || above.is_empty() || above.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_ends_at_a_label() {
        assert!(is_at_or_below("a.example", "example"));
        assert!(is_at_or_below("example", "example"));
        assert!(is_at_or_below("example", ""));
        assert!(!is_at_or_below("anexample", "example"));
        assert!(!is_at_or_below("example", "a.example"));
    }
}

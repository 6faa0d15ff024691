//! The server behind the server, with its faults by phase.

use std::fmt;
use std::io;
use std::time::Duration;

use dns::Rcode;
use upstream::{Flags, ResponseCode, Rule, Script, TcpMode, Upstream, Wrong, Zone};

use super::{PlayedUpstream, cannot};

/// What happens to the queries of some names, in some phase.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The index of the phase; all without one.
    pub phase: Option<usize>,
    /// A name and all below it; `.` for all.
    pub names: String,
    /// What is answered.
    pub answer: Answer,
    /// How long after the query, at least and at most.
    pub delay: (Duration, Duration),
    /// The share of queries that get no answer, from 0 to 1.
    pub loss: f64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.answer)?;
        if self.names != "." {
            write!(f, " for {}", self.names)?;
        }
        let (least, most) = self.delay;
        if !most.is_zero() {
            write!(f, ", {least:?} late")?;
            if most > least {
                write!(f, " and up to {:?} more", most.saturating_sub(least))?;
            }
        }
        if self.loss > 0.0 {
            write!(f, ", {}% lost", self.loss * 100.0)?;
        }
        Ok(())
    }
}

/// What a fault answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// What is right.
    Right,
    /// Nothing.
    Silence,
    /// This RCODE.
    Rcode(ResponseCode),
    /// TC over UDP, what is right over TCP.
    Truncated,
    /// What is right, with another ID.
    WrongId,
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TcpOf {
    /// They are served.
    Serve,
    /// Nothing listens.
    Refuse,
    /// Each SYN is swallowed.
    Drop,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right answers"),
            Self::Silence => f.write_str("silence"),
            Self::Rcode(rcode) => write!(f, "{}", Rcode(u16::from(*rcode))),
            Self::Truncated => f.write_str("truncated answers"),
            Self::WrongId => f.write_str("answers with a wrong ID"),
        }
    }
}

impl Answer {
    /// Reads a word of a scenario.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "right" => Self::Right,
            "silence" => Self::Silence,
            "truncated" => Self::Truncated,
            "wrong-id" => Self::WrongId,
            "SERVFAIL" => Self::Rcode(ResponseCode::ServFail),
            "REFUSED" => Self::Rcode(ResponseCode::Refused),
            "NXDOMAIN" => Self::Rcode(ResponseCode::NXDomain),
            "FORMERR" => Self::Rcode(ResponseCode::FormErr),
            "NOTIMP" => Self::Rcode(ResponseCode::NotImp),
            _ => return None,
        })
    }
}

/// The server, and how many of its rules are faults.
pub(super) struct Played {
    server: Upstream,
    played: PlayedUpstream,
    faults: usize,
    asked: u64,
    faulted: u64,
}

impl Played {
    /// Starts it as in the first phase.
    pub(super) fn start(played: &PlayedUpstream) -> io::Result<Self> {
        let tcp = match played.tcp {
            TcpOf::Serve => TcpMode::Serve,
            TcpOf::Refuse => TcpMode::Refuse,
            TcpOf::Drop => TcpMode::BlackHole,
        };
        let (script, faults) = script(played, 0);
        let started = Upstream::builder()
            .listen(played.listen)
            .script(script)
            .tcp(tcp)
            .start();
        let server = started.map_err(|error| {
            let error = io::Error::other(format!("{error:#}"));
            cannot("upstream: cannot serve", played.listen, &error)
        })?;
        Ok(Self { server, played: played.clone(), faults, asked: 0, faulted: 0 })
    }

    /// Goes over to the faults of a phase. The count of those before must have been taken.
    pub(super) fn enter(&mut self, phase: usize) {
        let (script, faults) = script(&self.played, phase);
        // It was compiled for the first phase already; the faults have no zones.
        self.server.set_script(&script).unwrap_or_default();
        (self.faults, self.faulted) = (faults, 0);
    }

    /// Returns how many queries came, and how many of them a fault was for, since the
    /// last call.
    pub(super) fn take(&mut self) -> (u64, u64) {
        let (asked, faulted) = (self.server.total(), self.server.fitted());
        let faulted = faulted.iter().take(self.faults).sum::<u64>();
        let new = (asked.saturating_sub(self.asked), faulted.saturating_sub(self.faulted));
        (self.asked, self.faulted) = (asked, faulted);
        new
    }
}

/// What is answered in a phase; the faults come first.
fn script(played: &PlayedUpstream, phase: usize) -> (Script, usize) {
    let faults = played
        .faults
        .iter()
        .filter(|fault| fault.phase.is_none_or(|only| only == phase));
    let rules: Vec<Rule> = faults.map(rule).collect();
    let count = rules.len();
    let script = rules.into_iter().fold(internet(played.ttl), Script::rule);
    (script, count)
}

fn rule(fault: &Fault) -> Rule {
    let rule = Rule::on(&fault.names)
        .delay_between(fault.delay.0, fault.delay.1)
        .loss(fault.loss);
    match fault.answer {
        Answer::Right => rule,
        Answer::Silence => rule.silence(),
        Answer::Rcode(rcode) => rule.rcode(rcode),
        Answer::Truncated => rule.truncated(),
        Answer::WrongId => rule.wrong(Wrong::Id),
    }
}

/// A resolver to which each name has an address, but those of clouds' own domains and
/// those that exist nowhere (RFC 6761, section 6.4).
fn internet(ttl: u32) -> Script {
    let empty = |origin: &str| Zone::new(origin).flags(Flags::RECURSIVE).negative_ttl(ttl);
    Script::new()
        .zone(empty("internal."))
        .zone(empty("invalid."))
        .zone(empty("cluster.local."))
        .zone(empty(".").synthesize(ttl))
}

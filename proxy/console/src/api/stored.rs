//! `/api/v1/cache/entries` and `/api/v1/cache/flush`: the answers under one name, and
//! their removal.

use std::time::Duration;

use dns::{Name, Question};
use resolver::{Cache, Flush, Kind, Moment, Stored};
use serde::{Deserialize, Serialize};

use super::SCHEMA;

/// What is stored under one name.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct StoredPage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The name.
    pub name: String,
    /// Its answers, of all types.
    pub answers: Vec<StoredView>,
}

/// One stored answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct StoredView {
    /// The type that was asked for.
    pub qtype: String,
    /// `positive`, `negative` or `failure`.
    pub kind: String,
    /// Its RCODE.
    pub rcode: String,
    /// For queries with DO.
    pub dnssec_ok: bool,
    /// For queries with CD.
    pub checking_disabled: bool,
    /// Seconds since it arrived.
    pub age_s: u64,
    /// Seconds until it expires, rounded up; 0 when it has.
    pub ttl_s: u64,
    /// Its TTL is over, and it is used since no upstream answers.
    pub stale: bool,
    /// Octets of the message.
    pub octets: usize,
    /// The text of a failure.
    pub reason: String,
    /// Its records, with the TTL that is left.
    pub records: Vec<String>,
}

/// What a flush did.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct FlushPage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Answers that were removed, cached failures among them.
    pub removed: usize,
}

/// What a flush is asked to remove: one of the three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlushParams {
    /// One name.
    pub name: Option<String>,
    /// A zone.
    pub suffix: Option<String>,
    /// Everything.
    pub all: bool,
}

impl StoredPage {
    /// Looks into the cache at `now`.
    ///
    /// # Errors
    ///
    /// For a text that is no name.
    pub fn of(cache: &Cache, name: &str, now: Moment) -> Result<Self, String> {
        let name = parse_name(name)?;
        let mut answers: Vec<_> = cache
            .stored(&name)
            .iter()
            .map(|stored| StoredView::of(stored, now))
            .collect();
        answers.sort_by(|a, b| a.qtype.cmp(&b.qtype));
        Ok(Self { schema: SCHEMA, name: name.to_string(), answers })
    }
}

impl StoredView {
    fn of(stored: &Stored, now: Moment) -> Self {
        let Stored { entry, dnssec_ok, checking_disabled } = stored;
        let head = &entry.head;
        let kind = match head.kind {
            Kind::Positive => "positive",
            Kind::Negative => "negative",
            Kind::Failure => "failure",
        };
        let age = now.saturating_since(head.born).as_secs();
        let qtype = Question::parse(&entry.message).map(|question| question.qtype);
        Self {
            qtype: qtype.map(|qtype| qtype.to_string()).unwrap_or_default(),
            kind: kind.to_owned(),
            rcode: head.rcode.to_string(),
            dnssec_ok: *dnssec_ok,
            checking_disabled: *checking_disabled,
            age_s: age,
            ttl_s: whole_seconds(head.expires.saturating_since(now)),
            stale: head.stale,
            octets: entry.message.len(),
            reason: String::from_utf8_lossy(&entry.text).into_owned(),
            records: dns::present_records(&entry.message, age),
        }
    }
}

impl FlushPage {
    /// Removes what `params` asks for.
    ///
    /// # Errors
    ///
    /// Without exactly one of the three, and for a text that is no name.
    pub fn of(cache: &Cache, params: &FlushParams) -> Result<Self, String> {
        let flush = match params {
            FlushParams { name: Some(name), suffix: None, all: false } => {
                Flush::Name(parse_name(name)?)
            }
            FlushParams { name: None, suffix: Some(zone), all: false } => {
                Flush::Suffix(parse_name(zone)?)
            }
            FlushParams { name: None, suffix: None, all: true } => Flush::All,
            _ => return Err("one of name, suffix and all=true is needed".to_owned()),
        };
        Ok(Self { schema: SCHEMA, removed: cache.flush(&flush) })
    }
}

/// Rounded up, so that only what has expired has none left.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn parse_name(text: &str) -> Result<Name, String> {
    Name::from_text(text).map_err(|error| format!("{text:?} is no name: {error}"))
}

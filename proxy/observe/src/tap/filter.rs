//! Which queries are meant.

use std::time::Duration;

use dns::{Name, Rcode, Rtype};

use super::error::FilterError;
use super::who::ClientFilter;
use crate::accounts::Identities;
use crate::intake::{QueryEvent, QueryFlags};
use crate::observer::Observer;

/// What a query has to be like to be shown; empty lists take all.
#[derive(Clone, Debug, Default)]
pub struct TapFilter {
    /// From one of these.
    pub clients: Vec<ClientFilter>,
    /// For a name like this.
    pub name: Option<NamePattern>,
    /// Answered with one of these.
    pub rcodes: Vec<Rcode>,
    /// For one of these types.
    pub types: Vec<Rtype>,
    /// Answered no sooner than this.
    pub min_took: Duration,
}

impl TapFilter {
    /// Says whether the query is one that is meant; `names` has who is behind an
    /// address.
    pub fn takes(&self, event: &QueryEvent<'_>, names: &Identities) -> bool {
        let QueryEvent { record, qname } = event;
        // From cheap to dear.
        record.took >= self.min_took
            && (self.types.is_empty() || self.types.contains(&record.qtype))
            && (self.rcodes.is_empty()
                || record.flags.has(QueryFlags::ANSWERED) && self.rcodes.contains(&record.rcode))
            && (self.clients.is_empty()
                || self.clients.iter().any(|who| who.has(record.client, names)))
            && self.name.as_ref().is_none_or(|name| name.fits(qname))
    }

    /// Says whether all pods and workloads that are meant are known.
    ///
    /// # Errors
    ///
    /// Names the first that is not.
    pub fn check(&self, observer: &Observer) -> Result<(), FilterError> {
        self.clients.iter().try_for_each(|who| who.check(observer))
    }
}

/// Which names are meant.
#[derive(Clone, Debug)]
pub enum NamePattern {
    /// This one and all below it.
    Within(Box<Name>),
    /// Those that look like this, with `*` for any number of characters, in
    /// lower case and with a dot at the end.
    Like(String),
}

impl NamePattern {
    /// Reads a name, or one with `*` in it.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.contains('*') {
            let dot = if text.ends_with(['.', '*']) { "" } else { "." };
            return Ok(Self::Like(text.to_ascii_lowercase() + dot));
        }
        let name = Name::from_text(text).map_err(|_| FilterError::Name(text.to_owned()))?;
        Ok(Self::Within(Box::new(name)))
    }

    /// Says whether a name in wire form is meant.
    pub fn fits(&self, qname: &[u8]) -> bool {
        let Ok(qname) = Name::from_wire(qname) else { return false };
        match self {
            Self::Within(zone) => qname.is_within(zone),
            Self::Like(pattern) => {
                is_like(pattern.as_bytes(), qname.folded().to_string().as_bytes())
            }
        }
    }
}

/// Compares with `*` for any number of octets: goes back to the last `*` only,
/// so that the work is at most the product of the lengths.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while let Some(octet) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(expected) if expected == octet => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    let rest = pattern.get(p..).unwrap_or_default();
    rest.iter().all(|octet| *octet == b'*')
}

/// Reads addresses, ranges, pods and workloads with commas between.
///
/// # Errors
///
/// Names the one that is none of them.
pub fn parse_clients(text: &str) -> Result<Vec<ClientFilter>, FilterError> {
    each(text, ClientFilter::parse, FilterError::Client)
}

/// Reads response codes with commas between.
///
/// # Errors
///
/// Names the one that is none.
pub fn parse_rcodes(text: &str) -> Result<Vec<Rcode>, FilterError> {
    each(text, Rcode::from_mnemonic, FilterError::Rcode)
}

/// Reads record types with commas between.
///
/// # Errors
///
/// Names the one that is none.
pub fn parse_types(text: &str) -> Result<Vec<Rtype>, FilterError> {
    each(text, Rtype::from_mnemonic, FilterError::Type)
}

fn each<T>(
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
    error: impl Fn(String) -> FilterError,
) -> Result<Vec<T>, FilterError> {
    let one = |word: &str| parse(word).ok_or_else(|| error(word.to_owned()));
    text.split(',').map(one).collect()
}

//! What of an upstream's response is kept, and for how long.
//!
//! A response is kept whole under its question. Records of names that the
//! question does not lead to are left out, so that they cannot be planted
//! (RFC 5452, section 6); TTLs stay apart per RRset (RFC 2181, section 5.2).

use std::collections::HashMap;
use std::time::Duration;

use dns::{
    Composer, ExtendedError, Flags, Header, Name, Opt, ParseError, Question, Rcode, Record,
    Records, Rtype, Section, get_u16, get_u32,
};

use foldhash::fast::RandomState;

use super::{CacheConfig, Entry, Head, Kind};
use crate::clock::Moment;
use crate::query::Retained;

mod owner;
mod plain;

use owner::{Owner, Owners};
use plain::Plain;

/// A response that may be sent, and perhaps stored.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The response, composed anew.
    pub entry: Entry,
    /// Whether others may be answered with it: not when it was truncated,
    /// failed, has TTL 0, or denies without an SOA (RFC 2308, section 5).
    pub cacheable: bool,
}

/// Composes an entry from a response that `forward::accept` took.
///
/// # Errors
///
/// When a name, a count or RDATA is malformed.
pub fn admit(
    message: &[u8],
    question: &Question<'_>,
    now: Moment,
    config: &CacheConfig,
) -> Result<Admitted, ParseError> {
    let header = Header::parse(message).ok_or(ParseError::Short)?;
    let qname = Name::from_wire(question.qname)?;
    let asked = (question, &qname);
    let composed = match Plain::read(message, question, &header) {
        Some(plain) => plain.compose(message, asked, &header, config)?,
        None => compose(message, asked, &header, config)?,
    };
    let Composed { kind, rcode, ede, least_ttl, octets, ttls } = composed;
    let expires = now + Duration::from_secs(least_ttl.unwrap_or_default().into());
    let head = Head { kind, rcode, ede, born: now, expires, stale: false, first: None };
    let truncated = header.flags.has(Flags::TC);
    let cacheable = kind != Kind::Failure && !truncated && least_ttl.is_some_and(|ttl| ttl > 0);
    let entry = Entry { head, message: octets, ttls, text: Vec::new() };
    Ok(Admitted { entry, cacheable })
}

/// A response, composed anew.
#[derive(Debug, PartialEq)]
struct Composed {
    kind: Kind,
    rcode: Rcode,
    ede: Option<u16>,
    /// How long the whole may be kept, in seconds; none if it may not.
    least_ttl: Option<u32>,
    octets: Vec<u8>,
    /// As [`Entry::ttls`].
    ttls: Vec<u8>,
}

/// Composes any response.
fn compose(
    message: &[u8],
    (question, qname): (&Question<'_>, &Name),
    header: &Header,
    config: &CacheConfig,
) -> Result<Composed, ParseError> {
    let mut response = Response::read(message, question, header, qname)?;
    let kind = response.kind(question.qtype);
    let ttls = response.ttls(kind, config);
    let ttls = response.without_extras_of_ttl_zero(ttls);

    let mut octets = Vec::with_capacity(message.len());
    let mut offsets = Vec::with_capacity(response.kept.len() * 2);
    let mut composer = Composer::new(&mut octets, qname, question.qtype, question.qclass);
    let mut counts = [1, 0, 0, 0];
    for (kept, ttl) in response.kept.iter().zip(&ttls) {
        let at = composer.record_of(&kept.owner.name, message, &kept.record, *ttl)?;
        // A message has 65,535 octets at most; `finish` sees to it.
        offsets.extend(
            u16::try_from(at)
                .map_err(|_| ParseError::TooLong)?
                .to_be_bytes(),
        );
        if let Some(count) = counts.get_mut(kept.record.section as usize + 1) {
            *count += 1;
        }
    }
    composer.finish(&Header { id: 0, flags: header.flags, counts })?;
    let least_ttl = response.least_ttl(kind, &ttls);
    let (rcode, ede) = (response.rcode, response.ede);
    Ok(Composed { kind, rcode, ede, least_ttl, octets, ttls: offsets })
}

/// Composes the answer to a question that no upstream answered; it is kept
/// for `ttl` (RFC 9520).
pub(crate) fn failure(
    query: &Retained,
    rcode: Rcode,
    error: ExtendedError<'_>,
    ttl: Duration,
    now: Moment,
) -> Entry {
    let mut message = Vec::new();
    let composer = Composer::new(&mut message, &query.qname, query.qtype, query.qclass);
    let flags = Flags(Flags::QR | Flags::RA).with_rcode(rcode);
    let header = Header { id: 0, flags, counts: [1, 0, 0, 0] };
    // A header and a question always fit.
    composer.finish(&header).unwrap_or_default();
    let kind = Kind::Failure;
    let text = error.text.iter().take(ExtendedError::MAX_TEXT).copied();
    let (ede, expires) = (Some(error.code), now + ttl);
    let head = Head { kind, rcode, ede, born: now, expires, stale: false, first: None };
    Entry { head, message, ttls: Vec::new(), text: text.collect() }
}

/// A record that stays, with its owner.
struct Kept {
    record: Record,
    owner: Owner,
}

/// The content of a response, without records that were not asked for.
struct Response<'m> {
    message: &'m [u8],
    kept: Vec<Kept>,
    /// The name at the end of the chain of aliases.
    last: Owner,
    rcode: Rcode,
    ede: Option<u16>,
}

impl<'m> Response<'m> {
    fn read(
        message: &'m [u8],
        question: &Question<'_>,
        header: &Header,
        qname: &Name,
    ) -> Result<Self, ParseError> {
        let records: usize = header.counts.iter().skip(1).copied().map(usize::from).sum();
        let mut all: Vec<Kept> = Vec::with_capacity(records.min(MAX_TARGETS));
        let owners = Owners::for_records(records);
        let (mut rcode, mut ede) = (header.flags.rcode(), None);
        for record in Records::new(message, question.end(), header) {
            let record = record?;
            if let Some(opt) = Opt::from_record(&record) {
                rcode = opt.rcode(rcode);
                // Only a hint: one that is mangled costs itself, not the answer.
                ede = Opt::extended_error(message, &record).unwrap_or_default();
                continue;
            }
            let before = all.last().map(|kept| (kept.record.owner_at, &kept.owner));
            let owner = owners.read(message, record.owner_at, before)?;
            all.push(Kept { record, owner });
        }
        let chain = chain(message, owners.of(*qname), &all, &owners)?;
        let mut leads = Leads { chain: &chain, delegations: MAX_DELEGATIONS };
        all.retain(|kept| leads.to(kept, message));
        let targets = targets(message, &all, &owners);
        all.retain(|kept| {
            kept.record.section != Section::Additional || targets.contains(&kept.owner)
        });
        let last = chain.last().copied().unwrap_or_else(|| owners.of(*qname));
        Ok(Self { message, kept: all, last, rcode, ede })
    }

    fn kind(&self, qtype: Rtype) -> Kind {
        let answers = |kept: &Kept| {
            kept.record.section == Section::Answer
                && kept.record.rtype == qtype
                && (kept.owner == self.last || qtype == Rtype::CNAME)
        };
        match self.rcode {
            Rcode::NOERROR if self.kept.iter().any(answers) => Kind::Positive,
            Rcode::NOERROR | Rcode::NXDOMAIN => Kind::Negative,
            _ => Kind::Failure,
        }
    }

    /// Returns the TTL of each kept record: the least of its RRset, within
    /// the bounds; an SOA that denies lives as long as the denial.
    fn ttls(&self, kind: Kind, config: &CacheConfig) -> Vec<u32> {
        if let [only] = self.kept.as_slice() {
            return vec![self.bound(only, read_ttl(only.record.ttl), kind, config)];
        }
        let keys: Vec<_> = self.kept.iter().map(|kept| self.rrset(kept)).collect();
        let mut least: HashMap<_, u32, RandomState> = HashMap::default();
        for (kept, key) in self.kept.iter().zip(&keys) {
            let ttl = least.entry(*key).or_insert(u32::MAX);
            *ttl = read_ttl(kept.record.ttl).min(*ttl);
        }
        let bound = |(kept, key)| {
            let ttl = least.get(key).copied().unwrap_or_default();
            self.bound(kept, ttl, kind, config)
        };
        self.kept.iter().zip(&keys).map(bound).collect()
    }

    /// Returns the TTL of a record whose RRset says `ttl`.
    fn bound(&self, kept: &Kept, ttl: u32, kind: Kind, config: &CacheConfig) -> u32 {
        let minimum = (kind == Kind::Negative)
            .then(|| self.soa_minimum(kept))
            .flatten();
        match minimum {
            Some(minimum) => {
                clamp(ttl.min(read_ttl(minimum)), config.min_ttl, config.max_negative_ttl)
            }
            None => clamp(ttl, config.min_ttl, config.max_ttl),
        }
    }

    /// Returns what the records of one RRset have in common. Signatures of one
    /// owner are apart by the type they cover (RFC 4034, section 3).
    fn rrset(&self, kept: &Kept) -> (u8, u64, u16, Option<u16>) {
        let Record { section, rtype, .. } = &kept.record;
        let covers = covered(self.message, &kept.record);
        (*section as u8, kept.owner.hash, rtype.0, covers.map(|rtype| rtype.0))
    }

    /// Takes out additional records of TTL 0 where all others may be kept; returns
    /// the TTLs that are left. They are beside the answer, and must not keep it out
    /// of the cache; nor may they be kept in it.
    fn without_extras_of_ttl_zero(&mut self, ttls: Vec<u32>) -> Vec<u32> {
        let is_extra = |kept: &Kept| kept.record.section == Section::Additional;
        let mut pairs = self.kept.iter().zip(&ttls);
        let is_needless = ttls.contains(&0) && pairs.all(|(kept, ttl)| *ttl > 0 || is_extra(kept));
        if !is_needless {
            return ttls;
        }
        let mut of_kept = ttls.iter();
        self.kept
            .retain(|_| of_kept.next().is_some_and(|ttl| *ttl > 0));
        ttls.into_iter().filter(|ttl| *ttl > 0).collect()
    }

    /// Returns how long the whole may be kept, or `None` if it may not.
    ///
    /// As long as all its records: none is ever shown with an age that its
    /// owner did not allow.
    fn least_ttl(&self, kind: Kind, ttls: &[u32]) -> Option<u32> {
        let denies = self
            .kept
            .iter()
            .any(|kept| self.soa_minimum(kept).is_some());
        match kind {
            Kind::Negative if !denies => None,
            Kind::Positive | Kind::Negative => ttls.iter().copied().min(),
            Kind::Failure => None,
        }
    }

    /// Returns the MINIMUM field, the last four octets of an SOA that stands
    /// in the authority section.
    fn soa_minimum(&self, kept: &Kept) -> Option<u32> {
        let Record { section, rtype, rdata, .. } = &kept.record;
        let denies = *section == Section::Authority && *rtype == Rtype::SOA;
        denies.then(|| get_u32(self.message, rdata.end.checked_sub(4)?))?
    }
}

/// Follows the aliases from `qname`, in whatever order they stand.
fn chain(
    message: &[u8],
    qname: Owner,
    all: &[Kept],
    owners: &Owners,
) -> Result<Vec<Owner>, ParseError> {
    let mut chain = vec![qname];
    let alias =
        |kept: &&Kept| kept.record.section == Section::Answer && kept.record.rtype == Rtype::CNAME;
    while let Some(last) = chain.last().copied()
        && let Some(next) = all.iter().filter(alias).find(|kept| kept.owner == last)
    {
        let (target, _) = Name::parse(message, next.record.rdata.start)?;
        let target = owners.of(target);
        if chain.contains(&target) || chain.len() > MAX_ALIASES {
            break;
        }
        chain.push(target);
    }
    Ok(chain)
}

/// Which records a question leads to.
struct Leads<'c> {
    /// The name that was asked for, and where its aliases lead.
    chain: &'c [Owner],
    /// Records of the authority section that are still looked at.
    delegations: usize,
}

impl Leads<'_> {
    /// Returns whether the question leads to a record; of additional ones only
    /// whether their type is one that is added.
    fn to(&mut self, kept: &Kept, message: &[u8]) -> bool {
        let (rtype, owner) = (kept.record.rtype, &kept.owner);
        match kept.record.section {
            Section::Answer => {
                let is_above = |qname: &Owner| qname.name.is_within(&owner.name);
                self.chain.contains(owner)
                    || rtype == Rtype::DNAME && self.chain.first().is_some_and(is_above)
            }
            Section::Authority => match rtype {
                Rtype::SOA | Rtype::NS => self.is_above(owner),
                // Proofs stand at neighbors' names; only a validator reads them.
                Rtype::NSEC | Rtype::NSEC3 | Rtype::RRSIG | Rtype::DS => true,
                _ => false,
            },
            Section::Additional => {
                let of = covered(message, &kept.record).unwrap_or(rtype);
                matches!(of, Rtype::A | Rtype::AAAA)
            }
        }
    }

    /// Returns whether a name of the chain is in the zone `owner`.
    fn is_above(&mut self, owner: &Owner) -> bool {
        let Some(left) = self.delegations.checked_sub(1) else { return false };
        self.delegations = left;
        self.chain
            .iter()
            .any(|alias| alias.name.is_within(&owner.name))
    }
}

/// Returns the names that records of the answer, and the name servers beside
/// it, send their reader to next.
fn targets(message: &[u8], kept: &[Kept], owners: &Owners) -> Vec<Owner> {
    let target = |Kept { record, owner }: &Kept| {
        let before = match (record.section, record.rtype) {
            (Section::Answer, Rtype::SRV) => 6,
            (Section::Answer, Rtype::MX | Rtype::SVCB | Rtype::HTTPS) => 2,
            (Section::Answer | Section::Authority, Rtype::NS) => 0,
            _ => return None,
        };
        let (name, _) = Name::parse(message, record.rdata.start + before).ok()?;
        let own = matches!(record.rtype, Rtype::SVCB | Rtype::HTTPS) && name == Name::ROOT;
        // The root stands for the owner (RFC 9460, section 2.5).
        Some(if own { *owner } else { owners.of(name) })
    };
    kept.iter().filter_map(target).take(MAX_TARGETS).collect()
}

/// Returns the type that a signature covers (RFC 4034, section 3.1.1).
fn covered(message: &[u8], record: &Record) -> Option<Rtype> {
    let covers = get_u16(message, record.rdata.start).map(Rtype);
    covers.filter(|_| record.rtype == Rtype::RRSIG)
}

/// A TTL with the top bit set is read as zero (RFC 2181, section 8).
const fn read_ttl(ttl: u32) -> u32 {
    if ttl > i32::MAX.cast_unsigned() { 0 } else { ttl }
}

fn clamp(ttl: u32, least: Duration, most: Duration) -> u32 {
    let seconds = |bound: Duration| u32::try_from(bound.as_secs()).unwrap_or(u32::MAX);
    ttl.max(seconds(least)).min(seconds(most))
}

/// Aliases that are followed: more than any zone needs, and an end to circles.
const MAX_ALIASES: usize = 16;

/// Targets whose addresses are kept beside an answer.
const MAX_TARGETS: usize = 64;

/// SOA and NS records of the authority section that are compared with each name of
/// the chain, label by label: more than any zone has servers.
const MAX_DELEGATIONS: usize = 64;

#[cfg(test)]
mod tests;

//! Zones of records, and names made up on demand.

use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, SOA};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordSet, RecordType, RrKey};
use hickory_proto::serialize::txt::Parser;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, LookupError, LookupOptions, ZoneHandler, ZoneType};

/// The header bits a zone's answers carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flags {
    /// AA, authoritative answer.
    pub authoritative: bool,
    /// RA, recursion available.
    pub recursion_available: bool,
    /// AD, authentic data.
    pub authentic_data: bool,
}

impl Flags {
    /// As CoreDNS answers for the cluster's own names: AA=1, RA=0, AD=0.
    pub const AUTHORITATIVE: Self =
        Self { authoritative: true, recursion_available: false, authentic_data: false };
    /// As a recursor's answer: AA=0, RA=1, AD=0.
    pub const RECURSIVE: Self =
        Self { authoritative: false, recursion_available: true, authentic_data: false };
}

/// One zone: an origin, records as text, and what to do with other names.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: String,
    records: String,
    flags: Flags,
    negative_ttl: u32,
    synthetic_ttl: Option<u32>,
}

impl Zone {
    /// A zone without records: every name in it is NXDOMAIN, with a SOA.
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            records: String::new(),
            flags: Flags::AUTHORITATIVE,
            negative_ttl: 30,
            synthetic_ttl: None,
        }
    }

    /// Adds records, one a line: `name ttl type rdata`, in the syntax of a zone
    /// file. A name without a final dot is relative to the origin, `*` is a
    /// wildcard. A SOA of your own replaces the made one.
    #[must_use]
    pub fn records(mut self, lines: &str) -> Self {
        self.records.push_str(lines);
        self.records.push('\n');
        self
    }

    /// Sets the header bits of this zone's answers; authoritative by default.
    #[must_use]
    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets TTL and MINIMUM of the made SOA, in seconds; 30 by default.
    #[must_use]
    pub fn negative_ttl(mut self, seconds: u32) -> Self {
        self.negative_ttl = seconds;
        self
    }

    /// Answers every other name of the zone: A with [`synthetic_address`] and
    /// this TTL in seconds, NODATA for any other type.
    #[must_use]
    pub fn synthesize(mut self, ttl: u32) -> Self {
        self.synthetic_ttl = Some(ttl);
        self
    }

    /// Parses the records.
    ///
    /// # Errors
    ///
    /// An origin, line or SOA that is not well formed; the zone is named.
    pub(crate) fn compile(&self) -> Result<CompiledZone> {
        let mut origin = Name::from_ascii(&self.origin)
            .with_context(|| format!("zone {:?}: not a name", self.origin))?;
        origin.set_fqdn(true);
        let text = unindented(&self.records);
        let (_, mut records) = Parser::new(text, None, Some(origin.clone()))
            .parse()
            .with_context(|| format!("zone {:?}: cannot parse the records", self.origin))?;
        let soa_key = RrKey::new(LowerName::new(&origin), RecordType::SOA);
        let soa = records
            .entry(soa_key)
            .or_insert_with(|| RecordSet::from(made_soa(&origin, self.negative_ttl)))
            .records_without_rrsigs()
            .next()
            .cloned()
            .ok_or_else(|| anyhow!("zone {:?}: no SOA", self.origin))?;
        let handler =
            InMemoryZoneHandler::new(origin.clone(), records, ZoneType::Primary, AxfrPolicy::Deny)
                .map_err(|reason| anyhow!("zone {:?}: {reason}", self.origin))?;
        Ok(CompiledZone {
            origin: LowerName::new(&origin),
            handler: Arc::new(handler),
            negative: negative_soa(soa),
            flags: self.flags,
            synthetic_ttl: self.synthetic_ttl,
        })
    }
}

/// A zone's answer to one question.
pub(crate) struct ZoneAnswer {
    pub(crate) rcode: ResponseCode,
    pub(crate) flags: Flags,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
}

impl ZoneAnswer {
    /// No zone holds the name.
    pub(crate) const fn refused() -> Self {
        Self::empty(
            ResponseCode::Refused,
            Flags { authoritative: false, recursion_available: false, authentic_data: false },
        )
    }

    const fn empty(rcode: ResponseCode, flags: Flags) -> Self {
        Self { rcode, flags, answers: Vec::new(), authorities: Vec::new(), additionals: Vec::new() }
    }
}

/// A zone ready to be asked.
pub(crate) struct CompiledZone {
    pub(crate) origin: LowerName,
    handler: Arc<InMemoryZoneHandler<TokioRuntimeProvider>>,
    negative: Record,
    pub(crate) flags: Flags,
    synthetic_ttl: Option<u32>,
}

impl CompiledZone {
    /// Looks `qname` up; a negative response carries the SOA (RFC 2308,
    /// section 3).
    pub(crate) async fn look_up(&self, qname: &Name, qtype: RecordType) -> ZoneAnswer {
        let name = LowerName::new(qname);
        let found = self
            .handler
            .lookup(&name, qtype, None, LookupOptions::default())
            .await;
        match found.map_result() {
            Some(Ok(lookup)) => ZoneAnswer {
                answers: lookup.iter().cloned().collect(),
                additionals: lookup
                    .additionals()
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect(),
                ..ZoneAnswer::empty(ResponseCode::NoError, self.flags)
            },
            Some(Err(LookupError::NameExists)) => self.negative(ResponseCode::NoError),
            _ => self.unknown(qname, qtype),
        }
    }

    fn unknown(&self, qname: &Name, qtype: RecordType) -> ZoneAnswer {
        match self.synthetic_ttl {
            None => self.negative(ResponseCode::NXDomain),
            Some(ttl) if qtype == RecordType::A => {
                let rdata = RData::A(A(synthetic_address(&qname.to_ascii())));
                let answers = vec![Record::from_rdata(qname.clone(), ttl, rdata)];
                ZoneAnswer { answers, ..ZoneAnswer::empty(ResponseCode::NoError, self.flags) }
            }
            Some(_) => self.negative(ResponseCode::NoError),
        }
    }

    fn negative(&self, rcode: ResponseCode) -> ZoneAnswer {
        ZoneAnswer {
            authorities: vec![self.negative.clone()],
            ..ZoneAnswer::empty(rcode, self.flags)
        }
    }
}

/// The address a synthesizing zone gives to `name`: always the same, folded
/// for case, in 198.18.0.0/15 (RFC 2544, benchmarking).
pub fn synthetic_address(name: &str) -> Ipv4Addr {
    // FNV-1a: the standard library's hasher may change between releases.
    let folded = name
        .trim_end_matches('.')
        .bytes()
        .map(|octet| octet.to_ascii_lowercase());
    let hash = folded
        .fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193));
    let base = u32::from(Ipv4Addr::new(198, 18, 0, 0));
    Ipv4Addr::from(base | (hash & 0x0001_ffff))
}

/// The zone file syntax gives leading blanks a meaning (the owner of the line
/// above), which an indented Rust literal does not intend.
fn unindented(lines: &str) -> String {
    lines
        .lines()
        .flat_map(|line| [line.trim_start(), "\n"])
        .collect()
}

fn made_soa(origin: &Name, minimum: u32) -> Record {
    let under = |label: &str| {
        Name::from_str(label)
            .and_then(|name| name.append_domain(origin))
            .unwrap_or_else(|_| origin.clone())
    };
    let soa = SOA::new(under("ns.dns"), under("hostmaster"), 1, 7200, 1800, 86400, minimum);
    Record::from_rdata(origin.clone(), minimum, RData::SOA(soa))
}

/// A negative response's SOA lives min(its TTL, its MINIMUM) (RFC 2308,
/// section 3).
fn negative_soa(mut soa: Record) -> Record {
    if let RData::SOA(data) = &soa.data {
        soa.ttl = soa.ttl.min(data.minimum);
    }
    soa
}

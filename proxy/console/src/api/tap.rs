//! One line of a tap: a query, or what was left out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::redact::redacted_workload;
use crate::redact::Veil;
use observe::{QueryFlags, Skipped, TappedQuery, Workload};
use resolver::Moment;

/// One line, as JSON.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TapLine {
    /// A query.
    Query(Box<QueryLine>),
    /// What was left out since the last line of this kind.
    Skipped(SkippedLine),
}

/// A query and its result.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct QueryLine {
    /// When it arrived, in milliseconds of Unix time.
    pub unix_ms: u64,
    /// The client.
    pub client: IpAddr,
    /// The workload of its pod; none if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// The name of the pod; none if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// `udp` or `tcp`.
    pub transport: String,
    /// The name; none if the question did not parse.
    pub name: Option<String>,
    /// The type of the question.
    #[serde(rename = "type")]
    pub qtype: String,
    /// The RCODE of the response; none without one.
    pub rcode: Option<String>,
    /// Whether the response had records of the type.
    pub data: bool,
    /// Where the response came from, or why it failed.
    pub origin: String,
    /// The upstream that answered, or failed last.
    pub upstream: Option<SocketAddr>,
    /// From its arrival to the response, in milliseconds.
    pub took_ms: f64,
    /// Whether the same query of this client was waiting: then it gets no response
    /// of its own.
    pub repeated: bool,
}

/// Queries that were left out.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct SkippedLine {
    /// All of them.
    pub skipped: u64,
    /// Above the limit of queries per second.
    pub over_limit: u64,
    /// The reader was too slow.
    pub behind: u64,
    /// Not counted by the proxy, whether or not the filters match.
    pub missed: u64,
}

impl From<Skipped> for SkippedLine {
    fn from(Skipped { over_limit, behind, missed }: Skipped) -> Self {
        Self { skipped: over_limit + behind + missed, over_limit, behind, missed }
    }
}

/// Turns records into lines, with pseudonyms for what is redacted.
#[derive(Clone, Debug)]
pub struct LineWriter {
    /// The Unix time of the moment zero, in milliseconds.
    pub epoch_ms: u64,
    /// The upstreams by their number.
    pub upstreams: Arc<[SocketAddr]>,
    /// Pseudonyms for what is redacted.
    pub veil: Veil,
}

impl LineWriter {
    /// Writes one query.
    pub fn line(&self, heard: &TappedQuery) -> QueryLine {
        let TappedQuery { record, qname, identity } = heard;
        let identity = identity.as_deref();
        let has = |flags| record.flags.has(flags);
        let upstream = record.upstream.map(usize::from);
        QueryLine {
            unix_ms: self.epoch_ms + millis(record.arrived),
            client: self.veil.client(record.client),
            workload: identity.map(|who| redacted_workload((*who.workload).clone(), &self.veil)),
            pod: identity
                .and_then(|who| who.pod.as_deref())
                .map(|pod| self.veil.word(pod.to_owned())),
            transport: if has(QueryFlags::TCP) { "tcp" } else { "udp" }.to_owned(),
            name: qname.map(|name| self.veil.name(name.to_string())),
            qtype: record.qtype.to_string(),
            rcode: has(QueryFlags::ANSWERED).then(|| record.rcode.to_string()),
            data: has(QueryFlags::DATA),
            origin: record.origin.label().to_owned(),
            upstream: upstream.and_then(|at| self.upstreams.get(at)).copied(),
            took_ms: record.took.as_secs_f64() * 1000.0,
            repeated: has(QueryFlags::REPEATED),
        }
    }
}

const fn millis(moment: Moment) -> u64 {
    moment.as_micros() / 1000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dns::{Name, Rcode, Rtype};
    use observe::Record;

    use super::*;
    use crate::redact::{Pseudonyms, Redact};

    #[test]
    fn a_line_has_no_octet_that_a_terminal_would_obey() {
        let peer = SocketAddr::new("10.0.0.1".parse().unwrap(), 4242);
        let mut record = Record::unparsed(7, peer, Moment::from_micros(5_000_000));
        record.qtype = Rtype::A;
        record.took = Duration::from_millis(1);
        record.rcode = Rcode::NOERROR;
        record.flags = QueryFlags::ANSWERED;
        let qname = Name::from_wire(b"\x05\x1b[2J\x07\x04test\0").ok();
        let line = |redact: Redact| {
            let veil = Pseudonyms::default().veil(redact);
            let writer = LineWriter { epoch_ms: 1000, upstreams: Arc::new([]), veil };
            writer.line(&TappedQuery { record, qname, identity: None })
        };
        let open = line(Redact::default());
        assert_eq!(open.name.as_deref(), Some("\\027[2J\\007.test."));
        assert_eq!((open.unix_ms, open.took_ms), (6000, 1.0));
        let hidden = line(Redact { names: true, clients: true });
        let text = serde_json::to_string(&TapLine::Query(Box::new(hidden.clone()))).unwrap();
        assert!(!text.contains("test") && !text.contains("10.0.0.1"), "{text}");
        assert_eq!(
            serde_json::from_str::<TapLine>(&text).unwrap(),
            TapLine::Query(Box::new(hidden))
        );
        let skipped = serde_json::to_string(&TapLine::Skipped(SkippedLine::default())).unwrap();
        assert!(matches!(serde_json::from_str(&skipped), Ok(TapLine::Skipped(_))), "{skipped}");
    }
}

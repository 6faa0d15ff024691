//! The side of the clients: sockets, and what is done for each message.

mod frame;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;

use dns::{ExtendedError, Header, Rcode, get_u16};

pub use tcp::{TcpConfig, TcpServer, bind_tcp};
pub use udp::{UdpWorker, bind_udp, next_want};

use forward::{Ask, Forwarder, ReplyTo};
use observe::stats::{Lookup, WorkerStats, rcode_index};
use observe::{Record, Traits, Writer};
use resolver::Kind;
use resolver::Origin;
use resolver::{Clock, Moment};
use resolver::{Decision, Resolver, Terms};
use resolver::{Hops, Query, QueryError};

/// What every serving thread and task shares.
#[derive(Clone, Debug)]
pub struct Service {
    /// Decides.
    pub resolver: Arc<Resolver>,
    /// Asks upstreams.
    pub forwarder: Forwarder,
    /// Says what time it is.
    pub clock: Clock,
}

impl Service {
    /// Writes the response that `decision` calls for and counts it; `None`
    /// for silence, and for what has to be asked.
    fn respond(
        &self,
        decision: &Decision<'_, '_>,
        terms: Terms,
        stats: &WorkerStats,
        out: &mut [u8],
    ) -> Option<Responded> {
        count(decision, stats);
        let len = self.resolver.respond(decision, terms, out)?;
        let header = Header::parse(out)?;
        let rcode = rcode_of(decision, &header);
        stats.responses.add(rcode_index(rcode));
        Some(Responded { len, header, rcode })
    }
}

/// A response that was written: its octets, and what it says.
#[derive(Clone, Copy, Debug)]
struct Responded {
    len: usize,
    header: Header,
    /// Extended bits included.
    rcode: Rcode,
}

/// Who sent a message, how and when.
#[derive(Clone, Copy, Debug)]
struct Sender {
    peer: SocketAddr,
    /// [`Traits::TCP`] or none.
    over: Traits,
    arrived: Moment,
}

/// Notes a message that is done with, `responded` if there is a response. What
/// has to be asked is noted once its answer is there.
fn note(decision: &Decision<'_, '_>, from: Sender, responded: Option<Responded>, to: &mut Writer) {
    let Sender { peer, over, arrived } = from;
    let (record, qname): (_, &[u8]) = match decision {
        Decision::Ask(..) => return,
        Decision::Answer(query, entry) => {
            let origin = Origin::of_cached(entry.head.kind);
            (Record { origin, ..Record::of(query, peer, arrived) }, query.question.qname)
        }
        Decision::Any(query) => {
            let record = Record::of(query, peer, arrived);
            (Record { origin: Origin::Local, ..record }, query.question.qname)
        }
        Decision::Reject(_, message) => {
            let id = get_u16(message, 0).unwrap_or_default();
            (Record::unparsed(id, peer, arrived), &[])
        }
    };
    let record = Record { traits: record.traits | over, ..record };
    let record = match responded {
        Some(Responded { header, rcode, .. }) => record.answered(&header, rcode),
        None => record,
    };
    to.push(&record, qname);
}

/// The response code, extended bits included.
fn rcode_of(decision: &Decision<'_, '_>, header: &Header) -> Rcode {
    match decision {
        Decision::Reject(error, _) => error.rcode().unwrap_or(Rcode::NOERROR),
        _ => header.flags.rcode(),
    }
}

/// Notes a question for which there was no room.
fn note_refused(ask: &Ask, from: Sender, response: &[u8], to: &mut Writer) {
    let record = Record::of(&ask.query.as_query(), from.peer, from.arrived);
    let record = Record { origin: Origin::Limit, traits: record.traits | from.over, ..record };
    let header = Header::parse(response).unwrap_or_default();
    to.push(&record.answered(&header, Rcode::REFUSED), ask.query.qname.as_wire());
}

/// Makes what has to be asked out of a query that arrived at `terms.now`.
fn ask(query: &Query<'_>, hash: u64, terms: Terms, to: ReplyTo) -> Ask {
    Ask {
        hash,
        query: query.retain(),
        hops: Hops::of(query.options),
        reply_to: to,
        limit: terms.limit.of(query),
        arrived: terms.now,
    }
}

/// Writes the refusal of a question for which there is no room.
fn refuse(ask: &Ask, now: Moment, stats: &WorkerStats, out: &mut [u8]) -> Option<usize> {
    let text = Origin::Limit.extra_text(None);
    let error = ExtendedError { code: Origin::Limit.info_code(), text: text.as_bytes() };
    let entry =
        resolver::failure(&ask.query, Rcode::REFUSED, error, std::time::Duration::ZERO, now);
    let query = ask.query.as_query();
    let len = resolver::render(&entry.view(), &query, now, ask.limit, None, out)?;
    stats.inflight_refused.add(1);
    stats.responses.add(rcode_index(Rcode::REFUSED));
    Some(len)
}

fn count(decision: &Decision<'_, '_>, stats: &WorkerStats) {
    match decision {
        Decision::Answer(_, entry) if entry.head.kind == Kind::Failure => {
            stats.lookups.add(Lookup::Failure.index());
        }
        Decision::Answer(..) => stats.lookups.add(Lookup::Fresh.index()),
        Decision::Ask(..) => stats.lookups.add(Lookup::Miss.index()),
        Decision::Any(_) => {}
        Decision::Reject(error, _) => reject(*error, stats),
    }
}

fn reject(error: QueryError, stats: &WorkerStats) {
    stats.rejected.add(error.index());
}

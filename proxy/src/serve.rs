//! The side of the clients: sockets, and what is done for each message.

mod allow;
mod frame;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dns::{Header, Rcode, get_u16};

pub use allow::Allow;
pub use tcp::{TcpConfig, TcpServer, bind_tcp};
pub use udp::{SOCKET_BUFFER, UdpWorker, bind_udp, next_want};

use crate::live::Live;
use forward::{Ask, Forwarder, ReplyTo};
use observe::{CacheLookup, QueryFlags, Record, WorkerStats, Writer, rcode_index};
use resolver::{
    Clock, Decision, Head, Hops, Kind, Moment, Origin, Query, QueryError, Rendered, Resolver, Terms,
};

/// What every serving thread and task shares.
#[derive(Clone, Debug)]
pub struct Service {
    /// Decides.
    pub resolver: Arc<Resolver>,
    /// Asks upstreams.
    pub forwarder: Forwarder,
    /// Says what time it is.
    pub clock: Clock,
    /// Whose queries are answered.
    pub allow: Live<Allow>,
}

impl Service {
    /// Writes the response that `decision` calls for into `out`, counts it and
    /// leaves its record. What has to be asked gets its record with its answer.
    fn settle<'q>(
        &self,
        decision: &Decision<'q, '_>,
        from: Sender,
        terms: Terms,
        to: Accounts<'_>,
        out: &mut [u8],
    ) -> Outcome<'q> {
        let Sender { peer, over, arrived } = from;
        let Accounts { stats, notes } = to;
        let (rendered, record, qname): (_, _, &[u8]) = match decision {
            Decision::Ask(query, hash) => {
                stats.lookups.add(CacheLookup::Miss.index());
                return Outcome::Ask(*query, *hash);
            }
            Decision::Answer(query, entry) => {
                stats.lookups.add(lookup_of(&entry.head).index());
                let origin = Origin::of_cached(&entry.head);
                if entry.head.stale {
                    stats.stale_answers.add(1);
                }
                let record = Record { origin, ..Record::of(query, peer, arrived) };
                let record = record.remembering(&entry.head);
                let rendered = self.resolver.answer(query, entry, terms, out);
                (rendered, record, query.question.qname)
            }
            Decision::Any(query) => {
                let record = Record::of(query, peer, arrived);
                let record = Record { origin: Origin::Local, ..record };
                let rendered = self.resolver.answer_any(query, terms, out);
                (rendered, record, query.question.qname)
            }
            Decision::Reject(error, message) => {
                reject(*error, stats);
                let id = get_u16(message, 0).unwrap_or_default();
                (error.reply(message, out), Record::unparsed(id, peer, arrived), &[])
            }
        };
        let record = Record { flags: record.flags | over, ..record };
        let Some(Rendered { len, header, rcode }) = rendered else {
            notes.push(&record, qname);
            return Outcome::Silence;
        };
        stats.responses.add(rcode_index(rcode));
        notes.push(&record.answered(&header, rcode), qname);
        Outcome::Response(len)
    }
}

/// What is left to do for a message.
#[derive(Debug)]
enum Outcome<'q> {
    /// Send so many octets.
    Response(usize),
    /// Ask an upstream; with the hash of the key.
    Ask(Query<'q>, u64),
    /// Nothing.
    Silence,
}

/// Where a thread counts and leaves its records.
#[derive(Debug)]
struct Accounts<'a> {
    stats: &'a WorkerStats,
    notes: &'a mut Writer,
}

/// Who sent a message, how and when.
#[derive(Clone, Copy, Debug)]
struct Sender {
    peer: SocketAddr,
    /// [`QueryFlags::TCP`] or none.
    over: QueryFlags,
    arrived: Moment,
}

/// Notes a question for which there was no room.
fn note_refused(ask: &Ask, from: Sender, response: &[u8], to: &mut Writer) {
    let record = Record::of(&ask.query.as_query(), from.peer, from.arrived);
    let record = Record { origin: Origin::Limit, flags: record.flags | from.over, ..record };
    let header = Header::parse(response).unwrap_or_default();
    to.push(&record.answered(&header, Rcode::SERVFAIL), ask.query.qname.as_wire());
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

/// Makes the question for a name that is to be asked for anew before it expires, of
/// the query that found that.
fn refresh(decision: &Decision<'_, '_>, service: &Service, terms: Terms) -> Option<Ask> {
    let Decision::Answer(query, entry) = decision else { return None };
    if !entry.refresh {
        return None;
    }
    let hash = service.resolver.key(query).hash;
    Some(ask(query, hash, terms, ReplyTo::Refresh))
}

/// Writes the refusal of a question for which there is no room.
fn refuse(ask: &Ask, now: Moment, stats: &WorkerStats, out: &mut [u8]) -> Option<usize> {
    let entry = Origin::Limit.failure(&ask.query, Rcode::SERVFAIL, None, now);
    let query = ask.query.as_query();
    let len = resolver::render(&entry.view(), &query, now, ask.limit, None, out)?.len;
    stats.inflight_refused.add(1);
    stats.responses.add(rcode_index(Rcode::SERVFAIL));
    Some(len)
}

/// What a look-up in the cache counts as.
const fn lookup_of(head: &Head) -> CacheLookup {
    match head.kind {
        Kind::Failure => CacheLookup::Failure,
        Kind::Positive | Kind::Negative if head.stale => CacheLookup::Stale,
        Kind::Positive | Kind::Negative => CacheLookup::Fresh,
    }
}

/// Writes the response to a client that is not allowed to ask. It leaves no record:
/// strangers must not take the accounts of clients.
fn turn_away(message: &[u8], stats: &WorkerStats, out: &mut [u8]) -> Option<usize> {
    reject(QueryError::NotAllowed, stats);
    let rendered = QueryError::NotAllowed.reply(message, out)?;
    stats.responses.add(rcode_index(rendered.rcode));
    Some(rendered.len)
}

fn reject(error: QueryError, stats: &WorkerStats) {
    stats.rejected.add(error.index());
}

/// How long queries are read after the stop: over UDP those that keep coming, over TCP
/// those that were sent before it, and of connections that waited to be taken.
pub const LINGER: Duration = Duration::from_millis(200);

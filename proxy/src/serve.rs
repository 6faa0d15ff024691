//! The side of the clients: sockets, and what is done for each message.

mod frame;
mod tcp;
mod udp;

use std::sync::Arc;

use dns::{ExtendedError, Header, Rcode};

pub use tcp::{TcpConfig, TcpServer, bind_tcp};
pub use udp::{UdpWorker, bind_udp, next_want};

use crate::answer;
use crate::cache::{self, Kind};
use crate::forward::{Ask, Forwarder, ReplyTo};
use crate::moment::{Clock, Moment};
use crate::query::{Query, QueryError};
use crate::resolver::{Decision, Resolver, Terms};
use crate::stats::{Lookup, WorkerStats, rcode_index};

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
    ) -> Option<usize> {
        count(decision, stats);
        let len = self.resolver.respond(decision, terms, out)?;
        let rcode = match decision {
            Decision::Reject(error, _) => error.rcode()?,
            _ => Header::parse(out)?.flags.rcode(),
        };
        stats.responses.add(rcode_index(rcode));
        Some(len)
    }
}

/// Makes what has to be asked out of a query that arrived at `terms.now`.
fn ask(service: &Service, query: &Query<'_>, terms: Terms, to: ReplyTo) -> Ask {
    Ask {
        key: service.resolver.key(query),
        query: query.retain(),
        reply_to: to,
        limit: terms.limit.of(query),
        arrived: terms.now,
    }
}

/// Writes the refusal of a question for which there is no room.
fn refuse(ask: &Ask, now: Moment, stats: &WorkerStats, out: &mut [u8]) -> Option<usize> {
    let error = ExtendedError { code: ExtendedError::NOT_READY, text: "" };
    let entry = cache::failure(&ask.query, Rcode::REFUSED, error, std::time::Duration::ZERO, now);
    let query = ask.query.as_query();
    let len = answer::render(&entry.view(), &query, now, ask.limit, None, out)?;
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
        Decision::Ask(_) => stats.lookups.add(Lookup::Miss.index()),
        Decision::Any(_) => {}
        Decision::Reject(error, _) => reject(*error, stats),
    }
}

fn reject(error: QueryError, stats: &WorkerStats) {
    stats.rejected.add(error.index());
}

//! Connections to upstreams: few, kept open, with several queries in flight on
//! each (RFC 7766, section 6.2).

mod connection;
mod places;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::UpstreamFailure;
use crate::inbox::Inbox;
use crate::zones::Zones;
use connection::Remote;
use observe::WorkerStats;
pub(crate) use places::MAX_CONNECTIONS;
use places::{Chosen, PIPELINE, Places};
use resolver::Ticket;

/// The connections to all upstreams.
#[derive(Debug)]
pub(crate) struct TcpPool {
    upstreams: Vec<Upstream>,
    inbox: Arc<Inbox>,
    stats: Arc<WorkerStats>,
    runtime: Handle,
}

/// A query that leaves over TCP; its id is the connection's to choose.
#[derive(Debug)]
pub(crate) struct TcpAsk {
    pub(crate) ticket: Ticket,
    pub(crate) message: Box<[u8]>,
    /// When the last client stops waiting.
    pub(crate) deadline: Instant,
    /// For whom it is asked.
    pub(crate) client: Option<IpAddr>,
}

/// One upstream, and the ways to its connections' tasks, by their numbers.
#[derive(Debug)]
struct Upstream {
    to: Remote,
    tasks: Vec<(u64, mpsc::Sender<Job>)>,
    places: Arc<Mutex<Places>>,
}

/// A query with its place, which is given back wherever it ends.
#[derive(Debug)]
struct Job {
    ask: TcpAsk,
    /// It is asked elsewhere as well.
    moved: bool,
    place: Place,
}

/// A place on a connection.
#[derive(Debug)]
struct Place {
    places: Arc<Mutex<Places>>,
    connection: u64,
    number: u64,
}

impl TcpPool {
    /// Starts without any upstream; what becomes of queries is left in `inbox`.
    /// `stats` is for all tasks of connections together.
    pub(crate) const fn new(inbox: Arc<Inbox>, stats: Arc<WorkerStats>, runtime: Handle) -> Self {
        Self { upstreams: Vec::new(), inbox, stats, runtime }
    }

    /// Takes what is behind the upstreams that are known as new ones; `marks` are by
    /// upstream.
    pub(crate) fn extend(&mut self, zones: &Zones, marks: &[Option<u32>]) {
        let servers = zones.upstreams().iter().zip(zones.tls());
        for (number, ((addr, tls), mark)) in servers.zip(marks).enumerate() {
            let to = Remote { addr: *addr, tls: tls.clone(), mark: *mark };
            match self.upstreams.get_mut(number) {
                Some(known) => known.to = to,
                None => self.upstreams.push(Upstream::new(to)),
            }
        }
    }

    /// Sends `ask` to `upstream`, by the connection that suits its client.
    ///
    /// # Errors
    ///
    /// `Busy` when the client, or all clients together, have all places.
    pub(crate) fn ask(
        &mut self,
        upstream: usize,
        ask: TcpAsk,
        now: Instant,
    ) -> Result<(), UpstreamFailure> {
        let known = self.upstreams.get_mut(upstream);
        known.ok_or(UpstreamFailure::Socket)?.close_surplus(now);
        let Some(ask) = self.give(upstream, ask, now)? else { return Ok(()) };
        // That connection was just ending; there is no second one that is.
        match self.give(upstream, ask, now)? {
            Some(_) => Err(UpstreamFailure::Closed),
            None => Ok(()),
        }
    }

    /// Gives `ask` to a connection; gives it back where that has ended.
    fn give(
        &mut self,
        number: usize,
        ask: TcpAsk,
        now: Instant,
    ) -> Result<Option<TcpAsk>, UpstreamFailure> {
        let upstream = self.upstreams.get_mut(number);
        let upstream = upstream.ok_or(UpstreamFailure::Socket)?;
        let (chosen, place) = upstream
            .take_place(ask.client, now)
            .ok_or(UpstreamFailure::Busy)?;
        let connection = place.connection;
        if matches!(chosen, Chosen::New(_)) {
            let (tx, rx) = mpsc::channel(PIPELINE);
            let task = connection::Task {
                upstream: number,
                connection,
                places: Arc::clone(&upstream.places),
                inbox: Arc::clone(&self.inbox),
                stats: Arc::clone(&self.stats),
                reports: Vec::new(),
            };
            upstream.tasks.push((connection, tx));
            self.runtime.spawn(task.run(upstream.to.clone(), rx));
        }
        Ok(upstream.give(Job { ask, moved: false, place }))
    }
}

impl Upstream {
    fn new(to: Remote) -> Self {
        Self { to, tasks: Vec::new(), places: Arc::default() }
    }

    /// Takes a place on the connection that suits a client.
    fn take_place(&self, client: Option<IpAddr>, now: Instant) -> Option<(Chosen, Place)> {
        let mut places = relock(&self.places);
        let chosen = places.choose(client, now)?;
        let (Chosen::Existing(connection) | Chosen::New(connection)) = chosen;
        if matches!(chosen, Chosen::New(_)) {
            places.open(connection, now);
        }
        let number = places.hold(connection, client, now)?;
        Some((chosen, Place { places: Arc::clone(&self.places), connection, number }))
    }

    /// Gives a query to the connection of its place; gives it back, and forgets that
    /// connection, if it has ended.
    fn give(&self, job: Job) -> Option<TcpAsk> {
        let connection = job.place.connection;
        let mut tasks = self.tasks.iter();
        let task = tasks.find(|(number, _)| *number == connection);
        let back = match task {
            Some((_, tx)) => tx.try_send(job).err()?.into_inner(),
            None => job,
        };
        relock(&self.places).ended(connection);
        Some(back.ask)
    }

    /// Lets go of connections that have ended, and of those that are too many: a
    /// task ends when nobody can give it anything.
    fn close_surplus(&mut self, now: Instant) {
        let surplus = relock(&self.places).take_surplus(now);
        self.tasks
            .retain(|(number, tx)| !tx.is_closed() && !surplus.contains(number));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        relock(&self.places).release(self.connection, self.number, Instant::now());
    }
}

/// Counts are right after each change, so a thread that panicked left them so.
fn relock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

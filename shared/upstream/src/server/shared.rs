//! What the sockets of a server share: its script, its memory, its bounds.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::log::{Log, Received};
use crate::question::{Question, Transport};
use crate::script::{CompiledScript, ReplyPlan};

/// What all tasks of the server share.
pub(super) struct Shared {
    pub(super) running: RwLock<Arc<CompiledScript>>,
    pub(super) log: Log,
    /// One permit for each reply that waits for its time.
    pub(super) pending: Arc<Semaphore>,
    /// One permit for each open connection.
    pub(super) connections: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(running: CompiledScript) -> Self {
        Self {
            running: RwLock::new(Arc::new(running)),
            log: Log::default(),
            pending: Arc::new(Semaphore::new(MAX_PENDING)),
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        }
    }

    /// Remembers a message, and decides on its replies.
    pub(super) async fn receive(
        &self,
        octets: &[u8],
        from: SocketAddr,
        transport: Transport,
    ) -> ReplyPlan {
        #[expect(clippy::disallowed_methods, reason = "this is the socket loop's one clock")]
        let now = Instant::now();
        let Some(question) = Question::parse(octets, transport) else {
            self.log.record_malformed();
            return ReplyPlan::default();
        };
        self.log.record(Received::new(&question, from, now));
        let running = Arc::clone(&self.running.read().unwrap_or_else(PoisonError::into_inner));
        running.plan(&question).await
    }
}

/// Replies waiting for their time; beyond it a reply is lost, as in a network.
const MAX_PENDING: usize = 200_000;
/// Open connections; the next one waits in the accept queue.
const MAX_CONNECTIONS: usize = 4096;

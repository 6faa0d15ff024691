//! The accounts as readers see them: everything, and nothing to change.

use std::net::SocketAddr;

use resolver::{Moment, Origin};

use super::Observer;
use crate::accounts::{Clients, Identities, UpstreamAccount, WatchStatus, Workloads, ZoneAccounts};
use crate::config::ObserveConfig;
use crate::tables::{Count, Counters, HeavyHitters, History, Window, Windows};

impl Observer {
    /// Returns what is kept, and how much.
    pub const fn config(&self) -> &ObserveConfig {
        &self.config
    }

    /// Returns the counts of the node.
    pub const fn node(&self) -> &Counters {
        &self.node
    }

    /// Returns the node's responses by origin.
    pub const fn origins(&self) -> &Windows<{ Origin::COUNT }> {
        &self.origins
    }

    /// Returns the node's responses by origin, for each ten seconds.
    pub const fn history(&self) -> &History<{ Origin::COUNT }> {
        &self.history
    }

    /// Returns the clients that have an account.
    pub const fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Packs the search lists that were learned, for [`Self::take_learned`] of the next
    /// process.
    pub fn pack_learned(&self) -> Vec<u8> {
        self.clients.pack_learned()
    }

    /// Takes the search lists that the process before had learned; returns how many there
    /// are. Ends at the first that is none.
    pub fn take_learned(&mut self, octets: &[u8]) -> usize {
        self.clients.take_learned(octets)
    }

    /// Returns the pods and workloads behind addresses.
    pub const fn names(&self) -> &Identities {
        &self.names
    }

    /// Returns the state of the watch that maps addresses to pods; `None` without
    /// one.
    pub const fn watch(&self) -> Option<&WatchStatus> {
        self.watch.as_ref()
    }

    /// Sets the state of that watch.
    pub fn set_watch(&mut self, watch: WatchStatus) {
        self.watch = Some(watch);
    }

    /// Returns the workloads of clients that have no account any more.
    pub const fn workloads(&self) -> &Workloads {
        &self.workloads
    }

    /// Returns the upstreams, by number.
    pub fn upstreams(&self) -> &[UpstreamAccount] {
        &self.upstreams
    }

    /// Returns the address of an upstream by its number, if it is known.
    #[must_use]
    pub fn upstream_addr(&self, number: u8) -> Option<SocketAddr> {
        self.upstream_addrs.get(usize::from(number)).copied()
    }

    /// Returns the responses by forward zone.
    pub const fn zones(&self) -> &ZoneAccounts {
        &self.zones
    }

    /// Returns the names queried most, in wire form.
    pub const fn top_names(&self) -> &HeavyHitters {
        &self.top_names
    }

    /// Returns the names that upstreams were queried for most, in wire form.
    pub const fn top_misses(&self) -> &HeavyHitters {
        &self.top_misses
    }

    /// Returns the clients with most queries, by
    /// [`client_key`](crate::client_key).
    pub const fn top_clients(&self) -> &HeavyHitters {
        &self.top_clients
    }

    /// Returns the pairs of a client, by its key, and a base name that waste most
    /// queries.
    pub const fn top_pairs(&self) -> &HeavyHitters {
        &self.top_pairs
    }

    /// Returns when the accounts began.
    pub const fn started(&self) -> Moment {
        self.started
    }

    /// Returns the time up to which all records are counted.
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// Returns how many records were counted.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Returns how many queries of our own came back by a forwarding loop; they are on
    /// no account.
    pub const fn returned(&self) -> u64 {
        self.returned
    }

    /// Returns how many records found no room in their ring buffer.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// Returns how many lookups were cut for want of room.
    pub fn cut_lookups(&self) -> u64 {
        let sums = self.node.sum(Window::Start);
        let cut = sums.get(Count::CutLookups as usize);
        cut.copied().unwrap_or_default()
    }

    /// Returns the queries of closed accounts without a known workload.
    pub const fn unattributed(&self) -> u64 {
        self.unattributed
    }
}

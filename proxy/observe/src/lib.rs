//! What the traffic says: every query accounted for, by client.
//!
//! Each thread that answers leaves one [`Record`] per query in a ring of its
//! own; one observer reads them all. Nothing is sampled and nobody waits: what
//! does not fit into a ring is counted as missed.

mod config;
pub use config::{ObserveConfig, SearchRule};

mod wire;

pub mod counters;

mod intake;
pub use intake::{
    Batch, Merge, QueryEvent, QueryFlags, Reader, Record, Recorders, RingBuffer, Writer,
};

mod tables;
pub use tables::{
    COUNTS, Count, Counters, Figures, HeavyHitter, HeavyHitters, History, TENS, Window, Windows,
};

mod lookup;
pub use lookup::{
    Again, Chains, Closer, End, Guess, Habits, Lookup, Ndots, Repeated, Retransmits, Search,
    Source, Step,
};

mod accounts;
pub use accounts::{
    ADDRESS, Account, Client, Clients, DnsOption, Identities, Identity, LATE, NO_NAMESPACE, Slot,
    UpstreamAccount, WatchState, WatchStatus, Workload, Workloads, ZoneAccount, ZoneAccounts,
    client_key, quantile_ms,
};
pub use accounts::{Dropped, NameTallies, Totals};

pub mod advice;

mod observer;
pub use observer::Observer;

pub mod tap;

pub mod thread;

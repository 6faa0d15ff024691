//! What the traffic says: every query accounted for, by client.
//!
//! Each thread that answers leaves one [`Record`] per query in a ring of its
//! own; one observer reads them all. Nothing is sampled and nobody waits: what
//! does not fit into a ring is counted as missed.

mod record;
pub use record::{Record, Seen, Traits};

mod part;
pub use part::Part;

mod ring;
pub use ring::{Reader, Ring, Writer};

mod config;
pub use config::{ObserveConfig, SearchRule};

mod books;
pub use books::Books;

mod lookup;
pub use lookup::{End, Lookup, Step};

mod order;
pub use order::Order;

mod retransmit;
pub use retransmit::{Again, Repeated, Retransmits};

mod hash;

mod filter;

mod search;
pub use search::{Ndots, Search, Source};

mod learn;

mod family;
pub use family::{Guess, Habits};

mod finished;

mod walk;

mod chains;
pub use chains::{Chains, Closer};

mod window;
pub use window::{Window, Windows};

mod history;
pub use history::{History, TENS};

mod top;
pub use top::{Heavy, Top};

mod count;
pub use count::{COUNTS, Count, Counters, Figures};

mod names;
pub use names::{
    ADDRESS, DnsOption, Identity, LATE, NO_NAMESPACE, Names, Teller, Telling, Workload,
};

mod client;
pub use client::Client;

mod clients;
pub use clients::{Clients, Slot};

mod workloads;
pub use workloads::{Account, Workloads};

mod upstreams;
pub use upstreams::{UpstreamAccount, quantile_ms};

mod zones;
pub use zones::{ZoneAccount, ZoneAccounts};

mod observer;
pub use observer::{Observer, client_key};

mod settle;

mod attribute;

pub mod advice;

pub mod stats;

pub mod tap;

pub mod ledger;

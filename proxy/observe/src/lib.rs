//! Accounts of the traffic: records in, figures out.
//!
//! Each thread that answers leaves one [`Record`] per query in a ring buffer of
//! its own. One observer reads them all, in the order of the answers, puts the
//! queries of each client together to lookups, and keeps the accounts that the
//! API, the page, `top` and the metrics show. Nothing is sampled, and no thread
//! waits for another: a record that finds no room is counted as missed.
//!
//! ```text
//! Recorders -> intake -> observer -> lookup -> accounts -> advice
//!                |          |          |          |
//!                +- tap     +----------+----------+---- tables
//! ```
//!
//! | room | holds |
//! |---|---|
//! | `config`, `counters`, `wire` | bounds, counters of the threads, names in wire form |
//! | `intake` | a record, its ring buffer, the merge by time |
//! | `tables` | counts by time and by kind, heavy hitters |
//! | `lookup` | from queries to lookups: search lists, walks, retransmits, resolver libraries |
//! | `accounts` | by client, workload, upstream, forward zone |
//! | `advice` | what another ndots, or a dot at the end, would save |
//! | `observer` | takes each record through the rooms above |
//! | `tap` | a few records a second for those who watch |
//! | `thread` | the observer's thread; the only file with a thread or a clock |
//!
//! Each room uses those above it in this table and none below. The crate names
//! no socket, no asynchronous runtime and no format of the API: `console` draws
//! what the accounts hold.
//!
//! A good place to start reading is `observer.rs`; then `lookup/open.rs`, which
//! decides what lookup a query is for.

mod config;
pub use config::{ObserveConfig, SearchRule};

mod beat;
pub use beat::Beat;

mod counters;
pub use counters::{
    BOUNDS_MICROS, CacheLookup, Counter, Histogram, HistogramSum, LABELS, Labelled, RCODE_LABELS,
    RCODES, ResponseSource, Stats, Transport, WorkerStats, quantile_ms, rcode_index,
};

mod retry_kind;
pub use retry_kind::RetryKind;

mod wire;

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
    Again, End, Guess, Habits, Libraries, Lookup, Ndots, OpenLookups, Repeated, Search, Source,
    Step,
};

mod accounts;
pub use accounts::{
    ADDRESS, Account, Client, Clients, DnsOption, Dropped, FailedTypes, FailingName, FailingNames,
    Identities, Identity, LATE, NO_NAMESPACE, NameFailure, NameTallies, Slot, Totals,
    UpstreamAccount, WatchState, WatchStatus, Workload, Workloads, ZoneAccount, ZoneAccounts,
    client_key, failing_now,
};

mod advice;
pub use advice::{
    Advice, Affected, AffectedNames, Alternative, AtRisk, Capture, Captures, Change, Current,
    Forecast, NameAtRisk, Recommendation, Resolver, Warning, advise,
};

mod observer;
pub use observer::Observer;

mod tap;
pub use tap::{
    Audience, ClientFilter, FilterError, Governor, MAX_RATE, MAX_TAPS, NamePattern, Skipped, Tap,
    TapFilter, TappedQuery, Taps, parse_clients, parse_rcodes, parse_types,
};

mod thread;
pub use thread::ObserverHandle;

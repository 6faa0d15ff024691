//! What was asked, and how that went, by client, workload, upstream and zone.

mod identity;
pub use identity::{
    ADDRESS, DnsOption, Identities, Identity, LATE, NO_NAMESPACE, WatchState, WatchStatus, Workload,
};

mod name_tallies;
pub use name_tallies::{Dropped, NameTallies, Totals};
pub(crate) use name_tallies::{Kind, Named, Tally, Way};

mod failing;
pub use failing::{FailedTypes, FailingName, FailingNames, NameFailure, failing_now};

mod client;
pub use client::Client;
pub(crate) use client::{Noted, count, count_found, is_answer, note_unsent};

mod clients;
pub use clients::{Clients, Slot, client_key};

mod learned;

mod workloads;
pub use workloads::{Account, Workloads};

mod upstreams;
pub use upstreams::UpstreamAccount;

mod zones;
pub use zones::{ZoneAccount, ZoneAccounts};

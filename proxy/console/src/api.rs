//! The accounts as the admin listener gives them: JSON, version 1.
//!
//! Fields are added and never renamed or removed within a version; docs/api.md
//! describes each, which a test checks.

mod cache;
pub use cache::{CachePage, CacheWindow, Stored};

mod chains;
pub use chains::{ChainPage, Pair};

mod client;
pub use client::{ClientDetail, NameView, Ready, ResolverView, SearchView, Taken};

mod clients;
pub use clients::{ClientPage, ClientView, Order, Windowed};

mod failures;
pub use failures::{ClientFailures, FailurePage, OriginView, ZoneFailures, ZoneFigures};

mod loops;
pub use loops::{AskerView, LoopPage, LoopView};

mod redact;
pub use redact::{Redacted, redacted_workload};

mod summary;
pub use summary::{Busiest, Summary};

mod text;
pub use text::Text;
pub(crate) use text::span;

mod tap;
pub use tap::{Line, QueryLine, Scribe, SkippedLine};

mod upstreams;
pub use upstreams::{UpstreamHealth, UpstreamPage, UpstreamView, UpstreamWindow};

mod workloads;
pub use workloads::{
    KubernetesView, TakenWorkload, TakenWorkloads, WorkloadDetail, WorkloadPage, WorkloadView,
};

/// The version of every page.
pub const SCHEMA: u32 = 1;

/// Writes a name in wire form as text.
fn text_of(name: &[u8]) -> String {
    dns::Name::from_wire(name).map_or_else(|_| String::new(), |name| name.to_string())
}

//! The schema of the API: the accounts as JSON, version 1.
//!
//! Within a version, fields and paths are added, never renamed or removed.
//! docs/api.md describes each field, which a test checks.

mod cache;
pub use cache::{CachePage, CacheUsage, CacheWindow};

mod client;
pub use client::{ClientCopy, ClientDetail, NameView, ReadyPatch, ResolverView, SearchView};

mod clients;
pub use clients::{ClientPage, ClientView, List, Order};

pub mod evidence;

mod failing;
pub use failing::{FailingNameView, FailingNow};

mod failures;
pub use failures::{ClientFailures, FailurePage, OriginView, ZoneFailures, ZoneFigures};

mod kubernetes;
pub use kubernetes::KubernetesView;

mod lookups;
pub use lookups::{LookupPage, Pair};

mod loops;
pub use loops::{AskerView, LoopPage, LoopView};

mod next_step;
pub use next_step::NextStep;

mod redact;
pub use redact::{Redacted, redacted_domain, redacted_workload};

mod search;
pub use search::Search;

mod stored;
pub use stored::{FlushPage, FlushParams, StoredPage, StoredView};

mod summary;
pub use summary::{AnswerView, Busiest, Summary};

mod tap;
pub use tap::{LineWriter, QueryLine, SkippedLine, TapLine};

mod upstreams;
pub use upstreams::{UpstreamHealth, UpstreamPage, UpstreamView, UpstreamWindow};

mod verdict;
pub use verdict::{FoundCause, VerdictEvent, VerdictPage};

mod workloads;
pub use workloads::{WorkloadCopy, WorkloadDetail, WorkloadPage, WorkloadView, WorkloadsCopy};

/// The version of every page.
pub const SCHEMA: u32 = 1;

/// Writes a name in wire form as text.
fn text_of(name: &[u8]) -> String {
    dns::Name::from_wire(name).map_or_else(|_| String::new(), |name| name.to_string())
}

mod windowed;
pub use windowed::Windowed;

//! What the kernel and kube-proxy tell about a node: its connection table, its UDP
//! counters, the state of its rules, the CPU quota of its pods. Everything is read,
//! nothing changed.
//!
//! Counters are read twice, and what matters is their difference. Files are found below
//! a [`Proc`], so that a test has its own; their text is parsed by functions of it.

mod proc_files;
pub use proc_files::Proc;

mod conntrack;
pub use conntrack::{Entry, Sources, Stats, Table};

mod udp;
pub use udp::UdpCounts;

mod kernel_log;
pub use kernel_log::{FullTables, full_tables};

mod metrics;

mod kube_proxy;
pub use kube_proxy::RuleState;

mod quota;
pub use quota::{Periods, Quota};

mod coredns;
pub use coredns::CorednsCounts;

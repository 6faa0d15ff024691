//! A scripted DNS server that runs inside the test or the demo that uses it.
//!
//! It answers from zones (the lookup is hickory-server's) and misbehaves by
//! rules: late, lost, silent, refusing, truncating, or wrong in every way a
//! reply can be wrong. What it was asked is remembered, so a test can say not
//! only "the client got its answer" but "and one query was enough".
//!
//! hickory-server's own socket loop is not used: a well-behaved server cannot
//! be asked for a reply with another id, so the octets are written here.
//!
//! ```
//! use std::time::Duration;
//! use upstream::{Rule, Upstream};
//!
//! let server = Upstream::builder()
//!     .zone("cluster.local.", "web.default.svc 30 A 10.96.0.7")
//!     .rule(Rule::on("slow.cluster.local.").delay(Duration::from_millis(20)))
//!     .start()?;
//! assert_ne!(server.addr().port(), 0);
//! assert_eq!(server.count("web.default.svc.cluster.local."), 0);
//! # anyhow::Ok(())
//! ```

mod server;
pub use server::{Builder, TcpMode, Upstream};

mod script;
pub use script::Script;

mod rule;
pub use rule::{Delivery, Reply, Rule};

mod deep;

mod wrong;
pub use wrong::{POISON_V4, POISON_V6, Wrong};

mod zone;
pub use zone::{Flags, Zone, synthetic_address};

mod log;
pub use log::{LOG_CAPACITY, NAME_CAPACITY, Received};

mod question;
pub use question::Transport;

mod kubernetes;
pub use kubernetes::{CLUSTER_DELAY, EXTERNAL_DELAY, SERVICES, kubernetes};

pub use hickory_proto::op::ResponseCode;
pub use hickory_proto::rr::RecordType;

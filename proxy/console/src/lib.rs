//! What people see of a running proxy: the API, the page for browsers, and the
//! commands `stats`, `top` and `tap`.
//!
//! The proxy's side is [`AdminListener`], which serves the API and the page from
//! the accounts of the observer. The commands are its clients: they run outside
//! the proxy and read the same API.
//!
//! This crate draws and words; it measures and decides nothing. It owns each
//! schema of the API, and `words` has the wording that the page, `top` and
//! `stats` share. It may know the accounts (`observe`), the cache (`resolver`) and
//! the upstreams (`forward`), and must not know client sockets, mio or udp.
//!
//! Start with `admin.rs`, which has all routes; then `api.rs`, whose files are
//! one path each; then `page.rs` and `top.rs`.

mod redact;
pub use redact::{Pseudonyms, Redact, Veil};

mod patch;
pub use patch::{Instruction, Owner, OwnerError, Patch};

mod words;

pub mod api;

mod failing;

mod verdicts;
pub use verdicts::{VerdictChange, Verdicts};

mod http;
pub use http::{Bounded, Connection, Port, Source, bounded, listen};

mod page;

mod admin;
pub use admin::{AdminAddr, AdminListener, AdminState, Settings, SocketFile};

mod args;
pub use args::{
    CacheCommand, FlushArgs, FlushWhat, ProbeCommand, ProxyArgs, RecordArgs, StatsArgs, TapArgs,
    TopArgs, parse_admin,
};

mod admin_client;
pub use admin_client::{
    AdminClientError, get as read_page, get_over as read_page_over, text as read_text,
};

pub mod cache;

pub mod probe;

pub mod stats;

pub mod tap;

pub mod record;

pub mod top;

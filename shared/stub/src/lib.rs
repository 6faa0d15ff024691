//! What the stub resolvers of containers ask when a program looks up a name.
//!
//! One lookup becomes several queries: the search list of resolv.conf is walked
//! until a name answers, and the C libraries disagree on the order, on what
//! ends the walk and on what the file says. They disagree on sockets, resends and what
//! a response leads to as well: [`client`] has that. Here all is data, pure functions
//! and state machines: no sockets, no clocks, no files.
//!
//! The rules are what the programs were seen to do against a logging server:
//! glibc 2.36, musl 1.2.3, the pure resolver of Go 1.26, c-ares and nslookup. Two are not from
//! there: that musl passes over an unusable search domain is what it does since
//! 1.2.4, and what a closed port does to glibc's walk is read from its source.
#![forbid(unsafe_code)]

mod library;
pub use library::Library;

mod resolv_conf;
pub use resolv_conf::{Nameserver, Oddity, Options, Remark, ResolvConf};

pub mod timing;

pub mod client;

mod walk;
pub use walk::{Outcome, Walk, expand, walk};

//! Decides what to do with a query: octets and a time in, a decision out.
//!
//! The room of the cache. It parses a query, finds it in the cache and renders
//! the answer for one client; or it returns that an upstream has to be asked.
//! What an upstream answered is judged and stored here too.
//!
//! It reads no clock and has no socket, thread or runtime: callers bring octets
//! and `now`. Forwarding, serving and counting are other crates.
//!
//! Start with [`Resolver`], then [`Cache`] and [`render`]. [`Inflight`] holds
//! the questions that wait for an upstream.

mod answer;
mod cache;
mod clock;
mod held;
mod inflight;
mod origin;
mod places;
mod query;
mod resolver;
mod response;
mod shares;
mod special;

pub use answer::render;
pub use cache::{
    Admitted, BATCH, Cache, CacheConfig, Entry, EntryView, FirstFailure, Flush, Head, Key,
    KeyHasher, KeyView, Kind, Stored, admit,
};
pub use clock::{Clock, Moment, unix_time};
pub use held::{Held, Room};
pub use inflight::{GaveWay, Inflight, Joined, Limits, Open, Ticket, Waiter, Waiters};
pub use origin::Origin;
pub use places::{Place, Places};
pub use query::{Hops, Query, QueryError, Retained};
pub use resolver::{Decision, Limit, Resolver, Terms};
pub use response::Rendered;
pub use shares::Shares;
pub use special::special;

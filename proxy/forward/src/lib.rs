//! Asking upstreams: which, over what, how often, and what to believe.
//!
//! Client threads hand over what the cache has no answer to, as an [`Ask`]. One
//! upstream thread asks each question once, however many clients wait for it,
//! puts the answer into the cache, and sends it through the socket that the
//! client asked.
//!
//! What is decided is apart from what is done. `flights` decides, and all that it
//! stands on: retries, the choice of an upstream, health, what is an answer, the
//! loop guard. It has no socket, clock, thread or randomness, so that its tests
//! play hours of trouble in virtual time. `thread` reads the clock and the poll
//! and carries out the actions, `udp` has the sockets, `tcp` the connections.
//!
//! This crate names the resolver and the accounts, never the side of the clients
//! or what people see. Start with [`Forwarder`], then `flights.rs`; its tests are
//! in `tests/world.rs`.

mod accept;
mod ask;
mod client_rate;
mod compose;
mod conditions;
mod config;
mod failures;
mod flights;
mod forwarder;
mod inbox;
mod loops;
mod memory;
mod rate;
mod replies;
mod retry;
mod retry_budget;
mod stale;
mod tcp;
mod thread;
mod tls;
mod udp;
mod unsent;
mod upstream_health;
mod zones;

pub use accept::{NotAnAnswer, judge};
pub use ask::{Ask, ProbeReply, ReplyTo, TcpAnswer, TcpReply};
pub use conditions::Condition;
pub use config::{ForwardConfig, ForwardZone, ZonePods};
pub use failures::UpstreamFailure;
pub use forwarder::{Forwarder, ForwarderThread};
pub use loops::{Asker, Evidence, LoopEvent, Loops, Sighting};
pub use observe::Transport;
pub use tls::TlsServer;
pub use unsent::note_unsent;

#[cfg(test)]
mod tests;

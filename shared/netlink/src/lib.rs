//! Netlink (netlink(7)): messages as values, a socket that carries them, and the entries
//! of the connection table.

mod message;
pub use message::{APPEND, Attributes, CREATE, DUMP, EXCLUSIVE, Message, Reply, Values, text};

mod socket;
pub use socket::{Netlink, NetlinkError};

pub mod conntrack;

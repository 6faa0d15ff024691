//! Takes over the DNS of a node, and gives it back by itself.
//!
//! The node's DNS addresses become addresses of this machine, and packets to them
//! skip connection tracking, so that kube-proxy's rules do not see them: they reach
//! our sockets. That holds only while [`Interceptor::renew`] is called. Without it
//! the kernel drops the elements of a set after [`LIFE`], packets are tracked again,
//! and kube-proxy sends them to CoreDNS. No process has to be alive for that.
//!
//! Start with `rules`, which has every rule and why it is there.

pub use netlink::NetlinkError;

mod plan;
pub use plan::{Family, MARK, Plan, TABLE};

mod expression;

mod nft;

mod rules;
pub use rules::{LIFE, Matching};

mod link;

mod connections;
pub use connections::forget;

mod interceptor;
pub use interceptor::{InterceptError, Interceptor};

mod found;
pub use found::{Found, remove, status};

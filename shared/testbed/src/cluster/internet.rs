//! The resolver behind a cluster's CoreDNS.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use upstream::{Rule, Script, Upstream, Zone};

/// Plays the Internet at its address in the control plane, for ever: every name
/// has an address, after 10 ms.
///
/// # Errors
///
/// When the address cannot be bound.
pub fn serve() -> Result<()> {
    let script = Script::new()
        .zone(
            Zone::new(".")
                .flags(upstream::Flags::RECURSIVE)
                .synthesize(60),
        )
        .rule(Rule::any().delay(DELAY));
    let _server = Upstream::builder().listen(ADDR).script(script).start()?;
    loop {
        std::thread::park();
    }
}

/// As `control_plane.rs` makes it.
const ADDR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 250, 0, 53)), 53);
/// Of a resolver nearby.
const DELAY: Duration = Duration::from_millis(10);

//! The upstreams: honest ones, and one that is silent.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use anyhow::Result;
use upstream::{Reply, Rule, Script, TcpMode, Upstream};

use crate::subject::Zone;

/// What the subjects forward to.
pub(crate) struct World {
    honest: Upstream,
    in_turn: Upstream,
    /// Bound, and never read: the kernel drops what comes.
    silent: (UdpSocket, TcpListener),
}

impl World {
    /// Starts the servers.
    ///
    /// # Errors
    ///
    /// Those of their sockets.
    pub(crate) fn start() -> Result<Self> {
        let slow = format!("slow.{IN_TURN}");
        let honest = Upstream::builder().script(honest(None)).start()?;
        let in_turn = Upstream::builder()
            .script(names(IN_TURN))
            .rule(Rule::on(&slow).delay(SLOW))
            .tcp(TcpMode::InTurn)
            .start()?;
        let addr = testbed::port::free(Ipv4Addr::LOCALHOST)?;
        let silent = (UdpSocket::bind(addr)?, TcpListener::bind(addr)?);
        Ok(Self { honest, in_turn, silent })
    }

    /// Lets the honest server misbehave by a rule, or do so no more.
    ///
    /// # Errors
    ///
    /// When the rule cannot be had.
    pub(crate) fn change(&self, rule: Option<Rule>) -> Result<()> {
        self.honest.set_script(&honest(rule))
    }

    /// Who is asked for what.
    pub(crate) fn zones(&self) -> Vec<Zone> {
        // The address is that of a socket that is bound.
        let silent = self.silent.0.local_addr().unwrap_or(NOWHERE);
        vec![
            Zone::udp(".", self.honest.addr()),
            Zone::udp(SILENT, silent),
            Zone::tcp(IN_TURN, self.in_turn.addr()),
        ]
    }
}

/// Names of our own and of those who mean harm; `first` is asked before all other rules.
fn honest(first: Option<Rule>) -> Script {
    first
        .into_iter()
        .fold(names(GOOD), Script::rule)
        .rule(Rule::on(SMALL).reply(Reply::DeepNames(4)))
        .rule(Rule::on(EVIL).udp().truncated())
        .rule(Rule::on(EVIL).reply(Reply::DeepNames(242)))
}

/// Every name of a zone has an address.
fn names(zone: &str) -> Script {
    Script::new().zone(
        upstream::Zone::new(zone)
            .flags(upstream::Flags::RECURSIVE)
            .synthesize(600),
    )
}

/// Names that are answered at once.
pub(crate) const GOOD: &str = "good.test.";
/// Names whose servers say nothing.
pub(crate) const SILENT: &str = "silent.test.";
/// Names that are asked by TCP, of a server that answers each connection in turn.
pub(crate) const IN_TURN: &str = "tcp.test.";
/// Names with MX records of 64 KiB.
pub(crate) const EVIL: &str = "evil.test.";
/// The same in a datagram.
pub(crate) const SMALL: &str = "small.evil.test.";

const SLOW: Duration = Duration::from_millis(500);
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

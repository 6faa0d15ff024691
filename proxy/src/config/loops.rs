//! The part of the loop guard, and what is known of loops before any query.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use stub::{Library, ResolvConf};

use super::ConfigError;
use super::bounds::time;
use super::file::Source;
use super::machine::Machine;
use super::zones::{DNS_PORT, is_us};
use forward::ForwardZone;
use forward::{Evidence, Sighting};

/// How loops are looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoopConfig {
    /// Between two probes of one upstream for one zone, on average; zero for
    /// none.
    pub probe_interval: Duration,
    /// Queries to upstreams in the cluster carry our mark.
    pub hop_option: bool,
    /// Ways that lead from us to us by configuration alone.
    pub found: Vec<Sighting>,
}

pub(super) fn loops(
    source: &Source,
    machine: &Machine,
    zones: &[ForwardZone],
    listen: &[SocketAddr],
) -> Result<LoopConfig, ConfigError> {
    let table = &source.file.loops;
    Ok(LoopConfig {
        probe_interval: time(source, &table.probe_interval, PROBE_INTERVAL, INTERVALS)?,
        hop_option: table.hop_option.unwrap_or(false),
        found: found(machine, zones, listen),
    })
}

/// Follows each upstream as far as the files of this node show where it forwards.
/// That an upstream is ourselves was refused before.
fn found(machine: &Machine, zones: &[ForwardZone], listen: &[SocketAddr]) -> Vec<Sighting> {
    let mut found = Vec::new();
    for zone in zones {
        let stubs = zone.upstreams.iter().filter(|addr| is_resolved(addr));
        for stub in stubs {
            let servers = servers_of_resolved(machine);
            let back = servers
                .iter()
                .find(|server| is_us(**server, listen, machine));
            let Some(back) = back else { continue };
            let (stub_hop, back) = (format!("{stub} (systemd-resolved)"), back.to_string());
            found.push(Sighting {
                evidence: Evidence::Config,
                zone: zone.suffix,
                name: zone.suffix,
                upstream: Some(*stub),
                peer: None,
                hops: vec!["us".to_owned(), stub_hop, back, "us".to_owned()],
            });
        }
    }
    found
}

/// The stub listeners of systemd-resolved (systemd-resolved.service(8)).
fn is_resolved(addr: &SocketAddr) -> bool {
    let stubs = [[127, 0, 0, 53], [127, 0, 0, 54]];
    stubs.iter().any(|ip| *addr == (*ip, DNS_PORT).into())
}

fn servers_of_resolved(machine: &Machine) -> Vec<SocketAddr> {
    let (conf, _) = ResolvConf::parse(Library::Go, &machine.resolved_conf);
    conf.nameservers
        .iter()
        .map(|server| SocketAddr::new(server.address, DNS_PORT))
        .collect()
}

/// Often enough to find a loop before it becomes an incident, and one junk
/// query per upstream and zone.
const PROBE_INTERVAL: Duration = Duration::from_secs(120);
const INTERVALS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(24 * 3600);

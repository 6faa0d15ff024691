//! The keys of `[observe]`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::ConfigError;
use super::bounds::{number, scaled, size};
use super::file::{SearchTable, Source};
use super::machine::Machine;
use observe::{ObserveConfig, SearchRule};

pub(super) fn observe(
    source: &Source,
    machine: &Machine,
    listen: &[SocketAddr],
) -> Result<ObserveConfig, ConfigError> {
    let (table, default) = (&source.file.observe, ObserveConfig::default());
    let default_clients = scaled(default.clients, machine.memory_limit);
    let bound = |written: &Option<_>, default, range| {
        let number = |written| number(source, written, range);
        written.as_ref().map_or(Ok(default), number)
    };
    Ok(ObserveConfig {
        clients: bound(&table.clients, default_clients, CLIENTS)?,
        open_lookups: bound(&table.open_lookups, default.open_lookups, OPEN)?,
        names_per_client: bound(&table.names_per_client, default.names_per_client, NAMES)?,
        top: bound(&table.top, default.top, TOP)?,
        buffer_octets: size(source, &table.buffer, default.buffer_octets, BUFFER)?,
        own: listen.iter().map(SocketAddr::ip).collect(),
        cluster_domain: table
            .cluster_domain
            .as_ref()
            .map_or(default.cluster_domain, |name| name.get_ref().0),
        search: table
            .search
            .iter()
            .map(|rule| search(source, rule))
            .collect::<Result<_, _>>()?,
    })
}

fn search(source: &Source, table: &SearchTable) -> Result<SearchRule, ConfigError> {
    let domains = table.domains.get_ref();
    if domains.len() > MAX_DOMAINS {
        let reason = format!("{} domains; the kubelet writes at most {MAX_DOMAINS}", domains.len());
        return Err(source.wrong(&table.domains.span(), &reason));
    }
    let ndots = number(source, &table.ndots, NDOTS)?;
    Ok(SearchRule {
        clients: table.clients.get_ref().0,
        domains: domains.iter().map(|domain| domain.get_ref().0).collect(),
        ndots: u8::try_from(ndots).unwrap_or(u8::MAX),
    })
}

/// Some 60 KiB each with 64 names and 64 lookups under way.
const CLIENTS: RangeInclusive<usize> = 1..=65_536;
const OPEN: RangeInclusive<usize> = 64..=1_048_576;
const NAMES: RangeInclusive<usize> = 1..=4096;
const TOP: RangeInclusive<usize> = 8..=16_384;
const BUFFER: RangeInclusive<usize> = 64 << 10..=64 << 20;
/// kubelet, `MaxDNSSearchPaths`.
const MAX_DOMAINS: usize = 32;
/// resolv.conf(5): `ndots` is capped to 15.
const NDOTS: RangeInclusive<usize> = 0..=15;

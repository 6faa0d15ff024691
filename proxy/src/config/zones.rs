//! Which upstreams are asked for which names; none of them may be this proxy.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use stub::{Library, Nameserver, ResolvConf};
use toml::Spanned;

use super::ConfigError;
use super::bounds::addrs;
use super::file::{Source, ZoneTable};
use super::machine::Machine;
use super::units::UpstreamAddr;
use crate::cli::RunArgs;
use forward::{ForwardZone, TlsServer};
use observe::Transport;

/// The file's zones, then the flags' over them, then the root if it is
/// missing: with the servers of resolv.conf. Returns whether it was.
pub(super) fn zones(
    source: &Source,
    args: &RunArgs,
    machine: &Machine,
    listen: &[SocketAddr],
) -> Result<(Vec<ForwardZone>, bool), ConfigError> {
    let mut zones: Vec<ForwardZone> = Vec::new();
    for table in &source.file.zone {
        let zone = zone(source, table, (listen, machine))?;
        if zones
            .iter()
            .any(|other| is_same(&other.suffix, &zone.suffix))
        {
            let reason = format!("\"{}\" has a zone already", zone.suffix);
            return Err(source.wrong(&table.suffix.span(), &reason));
        }
        zones.push(zone);
    }
    if let Some(written) = &source.file.upstreams {
        if zones
            .iter()
            .any(|zone| is_same(&zone.suffix, &dns::Name::ROOT))
        {
            let reason = "the zone \".\" sets the same; keep one of the two";
            return Err(source.wrong(&written.span(), reason));
        }
        let upstreams = upstreams(source, written, DNS_PORT, (listen, machine))?;
        zones.push(udp_zone(dns::Name::ROOT, upstreams));
    }
    for zone in zones_of_flags(args, (listen, machine))? {
        zones.retain(|other| !is_same(&other.suffix, &zone.suffix));
        zones.push(zone);
    }
    let follows = !zones.iter().any(is_root);
    if follows {
        zones.push(udp_zone(dns::Name::ROOT, resolv_conf(machine, listen)?));
    }
    Ok((zones, follows))
}

/// Returns whether a zone takes all names that no other takes.
pub(super) fn is_root(zone: &ForwardZone) -> bool {
    is_same(&zone.suffix, &dns::Name::ROOT)
}

fn zone(
    source: &Source,
    table: &ZoneTable,
    us: (&[SocketAddr], &Machine),
) -> Result<ForwardZone, ConfigError> {
    let (transport, is_tls) = match &table.transport {
        None => (Transport::Udp, None),
        Some(word) => match word.get_ref().as_str() {
            "udp" => (Transport::Udp, None),
            "tcp" => (Transport::Tcp, None),
            "tls" => (Transport::Tcp, Some(word)),
            other => {
                let reason = format!("{other:?} is none of \"udp\", \"tcp\" and \"tls\"");
                return Err(source.wrong(&word.span(), &reason));
            }
        },
    };
    let tls = tls(source, table, is_tls)?;
    let port = if tls.is_some() { TLS_PORT } else { DNS_PORT };
    let upstreams = upstreams(source, &table.upstreams, port, us)?;
    let (suffix, cluster) = (table.suffix.get_ref().0, table.cluster.unwrap_or(false));
    Ok(ForwardZone { suffix, transport, tls, cluster, ..ForwardZone::root(upstreams) })
}

/// Reads who the servers have to prove to be; `transport` is the word that wants it.
fn tls(
    source: &Source,
    table: &ZoneTable,
    transport: Option<&Spanned<String>>,
) -> Result<Option<TlsServer>, ConfigError> {
    let Some(transport) = transport else {
        let name = table.tls_name.as_ref().map(Spanned::span);
        let needless = name.or_else(|| table.tls_ca.as_ref().map(Spanned::span));
        let reason = "it is for transport = \"tls\" alone";
        return match needless {
            Some(at) => Err(source.wrong(&at, reason)),
            None => Ok(None),
        };
    };
    let Some(name) = &table.tls_name else {
        let reason = "\"tls\" needs tls_name, the name in the certificate of the servers";
        return Err(source.wrong(&transport.span(), reason));
    };
    let ca = table.tls_ca.as_ref();
    let server =
        TlsServer { name: name.get_ref().clone(), ca: ca.map(|path| path.get_ref().clone()) };
    match server.check() {
        Ok(()) => Ok(Some(server)),
        Err(reason) => Err(source.wrong(&ca.map_or_else(|| name.span(), Spanned::span), &reason)),
    }
}

fn upstreams(
    source: &Source,
    written: &Spanned<Vec<Spanned<UpstreamAddr>>>,
    port: u16,
    (listen, machine): (&[SocketAddr], &Machine),
) -> Result<Vec<SocketAddr>, ConfigError> {
    for upstream in written.get_ref() {
        let addr = upstream.get_ref().at(port);
        if is_us(addr, listen, machine) {
            let reason = format!("{addr} is our own address: every query would come back");
            return Err(source.wrong(&upstream.span(), &reason));
        }
    }
    let count = written.get_ref().len();
    if !(1..=MAX_UPSTREAMS).contains(&count) {
        let reason = format!("{count} servers; 1 to {MAX_UPSTREAMS} are allowed");
        return Err(source.wrong(&written.span(), &reason));
    }
    Ok(addrs(written.get_ref(), |addr: &UpstreamAddr| addr.at(port)))
}

fn zones_of_flags(
    args: &RunArgs,
    (listen, machine): (&[SocketAddr], &Machine),
) -> Result<Vec<ForwardZone>, ConfigError> {
    let mut zones: Vec<ForwardZone> = Vec::new();
    for zone in &args.zone {
        if zones
            .iter()
            .any(|other| is_same(&other.suffix, &zone.suffix))
        {
            return Err(ConfigError::Flags(format!("--zone {} is given twice", zone.suffix)));
        }
        let transport = if zone.tcp { Transport::Tcp } else { Transport::Udp };
        let upstreams = zone.upstreams.clone();
        let suffix = zone.suffix;
        zones.push(ForwardZone { suffix, transport, ..ForwardZone::root(upstreams) });
    }
    if !args.upstream.is_empty() {
        if zones
            .iter()
            .any(|zone| is_same(&zone.suffix, &dns::Name::ROOT))
        {
            let reason = "--upstream and --zone . set the same; keep one of the two";
            return Err(ConfigError::Flags(reason.to_owned()));
        }
        zones.push(udp_zone(dns::Name::ROOT, args.upstream.clone()));
    }
    for zone in &zones {
        if let Some(own) = zone
            .upstreams
            .iter()
            .find(|addr| is_us(**addr, listen, machine))
        {
            let reason = format!("{own} is our own address: every query would come back");
            return Err(ConfigError::Flags(reason));
        }
        if zone.upstreams.len() > MAX_UPSTREAMS {
            let (count, suffix) = (zone.upstreams.len(), zone.suffix);
            let reason =
                format!("{count} servers for {suffix}; at most {MAX_UPSTREAMS} are allowed");
            return Err(ConfigError::Flags(reason));
        }
    }
    Ok(zones)
}

/// The servers of resolv.conf without our own addresses: on a node whose
/// resolv.conf already points here, the others are left.
pub(super) fn resolv_conf(
    machine: &Machine,
    listen: &[SocketAddr],
) -> Result<Vec<SocketAddr>, ConfigError> {
    let (path, text) = &machine.resolv_conf;
    let (conf, _) = ResolvConf::parse(Library::Go, text);
    let mut found = conf
        .nameservers
        .iter()
        .map(|server| addr_of(server, machine))
        .collect::<Vec<_>>();
    let named = found.len();
    found.retain(|addr| !is_us(*addr, listen, machine));
    if found.is_empty() {
        let found = if named == 0 { "no server" } else { "no server but our own address" };
        return Err(ConfigError::NoUpstream { path: path.clone(), found: found.to_owned() });
    }
    Ok(found)
}

/// A link-local address is of use only with its zone (RFC 4007, section 11): the
/// number of an interface, or its name.
fn addr_of(server: &Nameserver, machine: &Machine) -> SocketAddr {
    let zone = server.zone.as_deref();
    let scope = zone.and_then(|zone| zone.parse().ok().or_else(|| (machine.interface)(zone)));
    match (server.address, scope) {
        (IpAddr::V6(address), Some(scope)) => SocketAddrV6::new(address, DNS_PORT, 0, scope).into(),
        (address, _) => SocketAddr::new(address, DNS_PORT),
    }
}

/// Says whether a query to `addr` comes back to us. A wildcard stands for all
/// addresses of this machine.
pub(super) fn is_us(addr: SocketAddr, listen: &[SocketAddr], machine: &Machine) -> bool {
    listen.iter().any(|own| {
        let wildcard = own.ip().is_unspecified() && own.is_ipv4() == addr.is_ipv4();
        own.port() == addr.port()
            && (own.ip() == addr.ip()
                || addr.ip().is_unspecified()
                || wildcard && (addr.ip().is_loopback() || (machine.is_local)(addr.ip())))
    })
}

fn udp_zone(suffix: dns::Name, upstreams: Vec<SocketAddr>) -> ForwardZone {
    ForwardZone { suffix, ..ForwardZone::root(upstreams) }
}

fn is_same(one: &dns::Name, other: &dns::Name) -> bool {
    one.as_wire().eq_ignore_ascii_case(other.as_wire())
}

/// What the upstream thread keeps apart.
const MAX_UPSTREAMS: usize = 32;

/// Where servers of DNS over TLS listen (RFC 7858, section 3.1).
const TLS_PORT: u16 = 853;

/// Where the servers of a resolv.conf listen.
pub(super) const DNS_PORT: u16 = 53;

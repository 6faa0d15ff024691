//! From what was written to what is used: defaults filled in, bounds checked.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::allow::Allowed;
use super::bounds::{addrs, count, number, scaled, size, time};
use super::file::{CacheTable, ConfigFile, Source};
use super::intercept::intercept;
use super::kubernetes::kubernetes;
use super::loops::loops;
use super::machine::Machine;
use super::observe::observe;
use super::services::services;
use super::units::{OwnAddr, show_time};
use super::zones::zones;
use super::{Config, ConfigError, ForwardLimits};
use crate::cli::{LogFormat, RunArgs};
use crate::serve::TcpConfig;
use console::{AdminAddr, parse_admin};
use forward::ForwardConfig;
use resolver::CacheConfig;

pub(super) fn build(
    source: &Source,
    args: &RunArgs,
    machine: &Machine,
) -> Result<Config, ConfigError> {
    let file = &source.file;
    let intercept = intercept(source)?;
    let mut listen = listen(source, args)?;
    let taken_over: Vec<_> = intercept
        .listen()
        .filter(|addr| !listen.contains(addr))
        .collect();
    listen.extend(taken_over);
    let workers = match (args.workers, &file.workers) {
        (Some(workers), _) => usize::from(workers),
        (None, Some(workers)) => number(source, workers, WORKERS)?,
        (None, None) => machine.processors.clamp(1, DEFAULT_WORKERS),
    };
    let (zones, follows_resolv_conf) = zones(source, args, machine, &listen)?;
    let observe = observe(source, machine, &listen)?;
    let config = Config {
        workers,
        loops: loops(source, machine, &zones, &listen)?,
        zones,
        follows_resolv_conf,
        listen,
        forward: forward(source, machine)?,
        cache: cache(source, &file.cache, machine)?,
        snapshot: absolute(source, file.cache.snapshot.as_ref())?,
        tcp: tcp(source, machine)?,
        kubernetes: kubernetes(source, machine, &observe)?,
        observe,
        intercept,
        services: services(source, args)?,
        allow: allow(source),
        networks: (machine.networks)(),
        admin_hosts: admin_hosts(source)?,
        memory_limit: machine.memory_limit,
        metrics: args
            .metrics
            .or_else(|| file.metrics.map(|addr| addr.0))
            .unwrap_or(DEFAULT_METRICS),
        admin: admin(source, args)?,
        socket: socket(source, args)?,
        share_ports: file.share_ports.unwrap_or(false),
        log_format: log_format(source, args)?,
    };
    if config.admin == AdminAddr::Tcp(config.metrics) && config.metrics.port() != 0 {
        let addr = config.metrics;
        return Err(ConfigError::Flags(format!("metrics and admin are both on {addr}")));
    }
    Ok(config)
}

fn listen(source: &Source, args: &RunArgs) -> Result<Vec<SocketAddr>, ConfigError> {
    if let Some(twice) = repeated(&args.listen) {
        return Err(ConfigError::Flags(format!("--listen {twice} is given twice")));
    }
    if !args.listen.is_empty() {
        return Ok(args.listen.clone());
    }
    let Some(written) = &source.file.listen else { return Ok(vec![DEFAULT_LISTEN]) };
    let listen: Vec<_> = addrs(written.get_ref(), |addr: &OwnAddr| addr.0);
    if listen.is_empty() || listen.len() > MAX_LISTEN {
        let reason = format!("{} addresses; 1 to {MAX_LISTEN} are allowed", listen.len());
        return Err(source.wrong(&written.span(), &reason));
    }
    match repeated(&listen) {
        Some(twice) => Err(source.wrong(&written.span(), &format!("{twice} is listed twice"))),
        None => Ok(listen),
    }
}

/// What is written, or the default.
fn allow(source: &Source) -> Vec<Allowed> {
    let written = source.file.allow.clone();
    written.unwrap_or_else(|| vec![Allowed::Private, Allowed::Node])
}

/// The names of the admin listener.
fn admin_hosts(source: &Source) -> Result<Vec<String>, ConfigError> {
    let Some(written) = &source.file.admin_hosts else { return Ok(Vec::new()) };
    let is_host = |name: &str| {
        let is_of_one = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
        !name.is_empty() && name.bytes().all(is_of_one)
    };
    match written.get_ref().iter().find(|name| !is_host(name)) {
        Some(name) => {
            let reason = format!("{name:?} is not the name of a host, without a port");
            Err(source.wrong(&written.span(), &reason))
        }
        None => Ok(written.get_ref().clone()),
    }
}

fn forward(source: &Source, machine: &Machine) -> Result<ForwardLimits, ConfigError> {
    let table = &source.file.forward;
    let default_inflight = scaled(ForwardConfig::MAX_INFLIGHT, machine.memory_limit);
    Ok(ForwardLimits {
        deadline: time(source, &table.deadline, ForwardConfig::DEADLINE, DEADLINE)?,
        max_inflight: count(source, &table.max_inflight, default_inflight)?,
        max_waiters: count(source, &table.max_waiters, ForwardConfig::MAX_WAITERS)?,
        client_rate: match &table.client_rate {
            Some(written) => rate(number(source, written, CLIENT_RATE)?),
            None => None,
        },
    })
}

fn rate(number: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(number).unwrap_or(u32::MAX))
}

fn cache(
    source: &Source,
    table: &CacheTable,
    machine: &Machine,
) -> Result<CacheConfig, ConfigError> {
    let default = CacheConfig::default();
    let default_bytes = part_of(machine.memory_limit, 4, default.bytes, CACHE_BYTES);
    let bytes = size(source, &table.size, default_bytes, CACHE_BYTES)?;
    let config = CacheConfig {
        bytes,
        min_ttl: time(source, &table.min_ttl, default.min_ttl, TTL)?,
        max_ttl: time(source, &table.max_ttl, default.max_ttl, TTL)?,
        max_negative_ttl: time(source, &table.max_negative_ttl, default.max_negative_ttl, TTL)?,
        negative_share: match &table.negative_share {
            Some(written) => percent(number(source, written, NEGATIVE_SHARE)?),
            None => default.negative_share,
        },
        max_stale: time(source, &table.max_stale, default.max_stale, TTL)?,
        stale_wait: time(source, &table.stale_wait, default.stale_wait, STALE_WAIT)?,
        prefetch: table.prefetch.unwrap_or(default.prefetch),
        rotate: table.rotate.unwrap_or(default.rotate),
    };
    if let Some(written) = &table.min_ttl
        && config.min_ttl > config.max_ttl
    {
        let (min, max) = (show_time(config.min_ttl), show_time(config.max_ttl));
        let reason = format!("\"{min}\" is above max_ttl, \"{max}\"");
        return Err(source.wrong(&written.span(), &reason));
    }
    Ok(config)
}

/// A number that was checked to be a percentage.
fn percent(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(100)
}

/// Returns one of so many parts of the memory limit, `most` where there is none.
fn part_of(limit: Option<u64>, parts: u64, most: usize, range: RangeInclusive<usize>) -> usize {
    let part = limit.and_then(|limit| usize::try_from(limit / parts).ok());
    part.map_or(most, |part| part.clamp(*range.start(), most))
}

fn tcp(source: &Source, machine: &Machine) -> Result<TcpConfig, ConfigError> {
    let (table, default) = (&source.file.tcp, TcpConfig::default());
    let default_connections = scaled(default.max_connections, machine.memory_limit);
    let default_unread = part_of(machine.memory_limit, 16, default.max_unread, UNREAD);
    Ok(TcpConfig {
        idle_timeout: time(source, &table.idle_timeout, default.idle_timeout, TIMEOUT)?,
        write_timeout: time(source, &table.write_timeout, default.write_timeout, TIMEOUT)?,
        max_connections: count(source, &table.max_connections, default_connections)?,
        max_inflight: count(source, &table.max_inflight, default.max_inflight)?,
        max_unread: size(source, &table.max_unread, default_unread, UNREAD)?,
    })
}

fn admin(source: &Source, args: &RunArgs) -> Result<AdminAddr, ConfigError> {
    let written: Option<(&str, Option<Range<usize>>)> = match (&args.admin, &source.file.admin) {
        (Some(flag), _) => Some((flag, None)),
        (None, Some(written)) => Some((written.get_ref(), Some(written.span()))),
        (None, None) => None,
    };
    let Some((text, at)) = written else { return Ok(AdminAddr::Tcp(DEFAULT_ADMIN)) };
    parse_admin(text).map_err(|reason| match at {
        Some(at) => source.wrong(&at, &reason),
        None => ConfigError::Flags(format!("--admin: {reason}")),
    })
}

fn socket(source: &Source, args: &RunArgs) -> Result<Option<PathBuf>, ConfigError> {
    match &args.socket {
        Some(path) if path.is_absolute() => Ok(Some(path.clone())),
        Some(path) => Err(ConfigError::Flags(format!("--socket: {}", not_absolute(path)))),
        None => absolute(source, source.file.socket.as_ref()),
    }
}

/// A path of the file, which has no folder of ours to start from.
fn absolute(
    source: &Source,
    written: Option<&Spanned<String>>,
) -> Result<Option<PathBuf>, ConfigError> {
    let Some(written) = written else { return Ok(None) };
    let path = Path::new(written.get_ref());
    match path.is_absolute() {
        true => Ok(Some(path.to_owned())),
        false => Err(source.wrong(&written.span(), &not_absolute(path))),
    }
}

fn not_absolute(path: &Path) -> String {
    format!("{:?} is not an absolute path", path.display().to_string())
}

fn log_format(source: &Source, args: &RunArgs) -> Result<LogFormat, ConfigError> {
    let ConfigFile { log_format, .. } = &source.file;
    match (args.log_format, log_format) {
        (Some(format), _) => Ok(format),
        (None, None) => Ok(LogFormat::Text),
        (None, Some(word)) => match word.get_ref().as_str() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => {
                let reason = format!("{other:?} is neither \"text\" nor \"json\"");
                Err(source.wrong(&word.span(), &reason))
            }
        },
    }
}

fn repeated(addrs: &[SocketAddr]) -> Option<SocketAddr> {
    let mut seen = addrs.iter().enumerate();
    // Port 0 takes any free port, each time another.
    let twice =
        seen.find(|(at, addr)| addr.port() != 0 && addrs.iter().take(*at).any(|a| a == *addr));
    twice.map(|(_, addr)| *addr)
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// Not 53, which needs privileges, nor 5353, which is multicast DNS.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(LOOPBACK, 5335);
/// The port of node-cache's metrics.
const DEFAULT_METRICS: SocketAddr = SocketAddr::new(LOOPBACK, 9253);
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(LOOPBACK, 9254);
/// A tenth of the cache is for new names of any kind.
const NEGATIVE_SHARE: RangeInclusive<usize> = 10..=100;

/// Two threads answer more than a node asks.
const DEFAULT_WORKERS: usize = 2;
const WORKERS: RangeInclusive<usize> = 1..=64;
/// Every address has threads and sockets of its own.
const MAX_LISTEN: usize = 16;
/// Under the 5 s after which glibc asks again, with time for the way back.
const DEADLINE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_millis(4500);
/// The most is what a client may wait in all.
const STALE_WAIT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_millis(4500);
const CLIENT_RATE: RangeInclusive<usize> = 0..=1_000_000;
/// RFC 8767 advises a cap of a week.
const TTL: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(7 * 24 * 3600);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const CACHE_BYTES: RangeInclusive<usize> = 1 << 20..=64 << 30;
/// At least one answer of the largest size for a client beside those that fill the first
/// half.
const UNREAD: RangeInclusive<usize> = 1 << 20..=1 << 30;

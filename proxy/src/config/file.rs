//! The configuration file as it is written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::allow::Allowed;
use super::units::{AddrRange, Ip, OwnAddr, Size, Suffix, Time, UpstreamAddr, show_time};
use super::{Config, ConfigError};
use crate::upstreams::Service;
use forward::TlsServer;
use observe::{ObserveConfig, Transport};

/// A file, and its text for the lines of errors.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) file: ConfigFile,
    path: PathBuf,
    text: String,
}

/// The keys; `fivedots config defaults` describes them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) version: Option<Spanned<i64>>,
    pub(super) listen: Option<Spanned<Vec<Spanned<OwnAddr>>>>,
    pub(super) allow: Option<Vec<Allowed>>,
    pub(super) workers: Option<Spanned<i64>>,
    pub(super) upstreams: Option<Spanned<Vec<Spanned<UpstreamAddr>>>>,
    #[serde(default)]
    pub(super) zone: Vec<ZoneTable>,
    #[serde(default)]
    pub(super) cache: CacheTable,
    #[serde(default)]
    pub(super) forward: ForwardTable,
    #[serde(default, rename = "loop")]
    pub(super) loops: LoopTable,
    #[serde(default)]
    pub(super) tcp: TcpTable,
    #[serde(default)]
    pub(super) observe: ObserveTable,
    #[serde(default)]
    pub(super) kubernetes: KubernetesTable,
    #[serde(default)]
    pub(super) intercept: InterceptTable,
    pub(super) metrics: Option<OwnAddr>,
    pub(super) admin: Option<Spanned<String>>,
    pub(super) socket: Option<Spanned<String>>,
    pub(super) share_ports: Option<bool>,
    pub(super) admin_hosts: Option<Spanned<Vec<String>>>,
    pub(super) log_format: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneTable {
    pub(super) suffix: Spanned<Suffix>,
    pub(super) upstreams: Spanned<Vec<Spanned<UpstreamAddr>>>,
    pub(super) transport: Option<Spanned<String>>,
    pub(super) tls_name: Option<Spanned<String>>,
    pub(super) tls_ca: Option<Spanned<PathBuf>>,
    pub(super) cluster: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CacheTable {
    pub(super) size: Option<Spanned<Size>>,
    pub(super) min_ttl: Option<Spanned<Time>>,
    pub(super) max_ttl: Option<Spanned<Time>>,
    pub(super) max_negative_ttl: Option<Spanned<Time>>,
    pub(super) negative_share: Option<Spanned<i64>>,
    pub(super) max_stale: Option<Spanned<Time>>,
    pub(super) stale_wait: Option<Spanned<Time>>,
    pub(super) prefetch: Option<bool>,
    pub(super) rotate: Option<bool>,
    pub(super) snapshot: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForwardTable {
    pub(super) deadline: Option<Spanned<Time>>,
    pub(super) max_inflight: Option<Spanned<i64>>,
    pub(super) max_waiters: Option<Spanned<i64>>,
    pub(super) client_rate: Option<Spanned<i64>>,
    pub(super) services: Option<Spanned<BTreeMap<String, String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoopTable {
    pub(super) probe_interval: Option<Spanned<Time>>,
    pub(super) hop_option: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TcpTable {
    pub(super) idle_timeout: Option<Spanned<Time>>,
    pub(super) write_timeout: Option<Spanned<Time>>,
    pub(super) max_connections: Option<Spanned<i64>>,
    pub(super) max_inflight: Option<Spanned<i64>>,
    pub(super) max_unread: Option<Spanned<Size>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObserveTable {
    pub(super) clients: Option<Spanned<i64>>,
    pub(super) open_lookups: Option<Spanned<i64>>,
    pub(super) names_per_client: Option<Spanned<i64>>,
    pub(super) top: Option<Spanned<i64>>,
    #[serde(alias = "ring")]
    pub(super) buffer: Option<Spanned<Size>>,
    pub(super) cluster_domain: Option<Spanned<Suffix>>,
    #[serde(default)]
    pub(super) search: Vec<SearchTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchTable {
    pub(super) clients: Spanned<AddrRange>,
    pub(super) domains: Spanned<Vec<Spanned<Suffix>>>,
    pub(super) ndots: Spanned<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KubernetesTable {
    pub(super) enabled: Option<Spanned<String>>,
    pub(super) scope: Option<Spanned<String>>,
    pub(super) node: Option<String>,
    pub(super) kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InterceptTable {
    pub(super) enabled: Option<Spanned<bool>>,
    pub(super) services: Option<Spanned<Vec<Spanned<Ip>>>>,
    pub(super) local: Option<Spanned<Vec<Spanned<Ip>>>>,
    pub(super) fallback: Option<Spanned<Vec<Spanned<UpstreamAddr>>>>,
}

impl Source {
    /// No file: every default.
    pub(super) fn empty() -> Self {
        Self::default()
    }

    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, text)
    }

    pub(super) fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let mut source = Self { file: ConfigFile::default(), path: path.to_owned(), text };
        match toml::from_str(&source.text) {
            Ok(file) => source.file = file,
            Err(error) => {
                let at = error.span().unwrap_or_default();
                return Err(source.wrong(&at, error.message()));
            }
        }
        match &source.file.version {
            Some(version) if *version.get_ref() == 1 => Ok(source),
            Some(version) => {
                let found = version.get_ref();
                let reason = format!("{found} is not a version that is known; write 1");
                Err(source.wrong(&version.span(), &reason))
            }
            None => Err(source.wrong(&(0..0), "version is missing; write `version = 1`")),
        }
    }

    /// The error of the value at `at`.
    pub(super) fn wrong(&self, at: &Range<usize>, reason: &str) -> ConfigError {
        let before = self.text.get(..at.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigError::Line {
            path: self.path.clone(),
            line,
            field: field_at(&self.text, line),
            reason: reason.to_owned(),
        }
    }
}

/// Names the key whose value reaches line `line`, as `section.key: `.
fn field_at(text: &str, line: usize) -> String {
    let (mut section, mut key) = ("", "");
    for written in text.lines().take(line) {
        let written = written.trim();
        if written.starts_with('[') && !written.contains('=') && !written.ends_with(',') {
            (section, key) = (written.trim_matches(['[', ']']), "");
        } else if let Some((name, _)) = written.split_once('=')
            && !written.starts_with('#')
        {
            key = name.trim();
        }
    }
    match (section, key) {
        ("", "") => String::new(),
        ("", key) => format!("{key}: "),
        (section, "") => format!("{section}: "),
        (section, key) => format!("{section}.{key}: "),
    }
}

/// Writes a configuration as a file.
pub(super) fn write(config: &Config) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    write_top(config, &mut text).unwrap_or_default();
    write_tables(config, &mut text).unwrap_or_default();
    text
}

fn write_top(config: &Config, text: &mut String) -> std::fmt::Result {
    let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
    writeln!(text, "version = 1")?;
    writeln!(text, "listen = {listen:?}")?;
    let allow: Vec<_> = config.allow.iter().map(ToString::to_string).collect();
    writeln!(text, "allow = {allow:?}")?;
    writeln!(text, "workers = {}", config.workers)?;
    writeln!(text, "metrics = \"{}\"", config.metrics)?;
    writeln!(text, "admin = {}", toml::Value::from(config.admin.to_string()))?;
    if let Some(socket) = &config.socket {
        writeln!(text, "socket = {}", toml::Value::from(socket.display().to_string()))?;
    }
    writeln!(text, "share_ports = {}", config.share_ports)?;
    writeln!(text, "admin_hosts = {}", toml::Value::from(config.admin_hosts.clone()))?;
    writeln!(text, "log_format = {:?}", config.log_format.label())?;
    for zone in &config.zones {
        let upstreams: Vec<_> = zone.upstreams.iter().map(ToString::to_string).collect();
        writeln!(text, "\n[[zone]]")?;
        writeln!(text, "suffix = {}", toml::Value::from(zone.suffix.to_string()))?;
        writeln!(text, "upstreams = {upstreams:?}")?;
        match &zone.tls {
            None => writeln!(text, "transport = {:?}", Transport::label(zone.transport))?,
            Some(tls) => write_tls(tls, text)?,
        }
        writeln!(text, "cluster = {}", zone.cluster)?;
    }
    Ok(())
}

fn write_tls(tls: &TlsServer, text: &mut String) -> std::fmt::Result {
    writeln!(text, "transport = \"tls\"")?;
    writeln!(text, "tls_name = {}", toml::Value::from(tls.name.clone()))?;
    match &tls.ca {
        Some(path) => {
            let path = path.to_string_lossy().into_owned();
            writeln!(text, "tls_ca = {}", toml::Value::from(path))
        }
        None => Ok(()),
    }
}

fn write_tables(config: &Config, text: &mut String) -> std::fmt::Result {
    let (cache, forward, tcp) = (&config.cache, &config.forward, &config.tcp);
    writeln!(text, "\n[cache]")?;
    writeln!(text, "size = {}", cache.bytes)?;
    writeln!(text, "min_ttl = {:?}", show_time(cache.min_ttl))?;
    writeln!(text, "max_ttl = {:?}", show_time(cache.max_ttl))?;
    writeln!(text, "max_negative_ttl = {:?}", show_time(cache.max_negative_ttl))?;
    writeln!(text, "negative_share = {}", cache.negative_share)?;
    writeln!(text, "max_stale = {:?}", show_time(cache.max_stale))?;
    writeln!(text, "stale_wait = {:?}", show_time(cache.stale_wait))?;
    writeln!(text, "prefetch = {}", cache.prefetch)?;
    writeln!(text, "rotate = {}", cache.rotate)?;
    if let Some(path) = &config.snapshot {
        writeln!(text, "snapshot = {}", toml::Value::from(path.display().to_string()))?;
    }
    writeln!(text, "\n[forward]")?;
    writeln!(text, "deadline = {:?}", show_time(forward.deadline))?;
    writeln!(text, "max_inflight = {}", forward.max_inflight)?;
    writeln!(text, "max_waiters = {}", forward.max_waiters)?;
    let rate = forward.client_rate.map_or(0, NonZeroU32::get);
    writeln!(text, "client_rate = {rate}")?;
    if !config.services.is_empty() {
        let pairs: Vec<_> = config.services.iter().map(Service::pair).collect();
        writeln!(text, "services = {{ {} }}", pairs.join(", "))?;
    }
    let loops = &config.loops;
    writeln!(text, "\n[loop]")?;
    writeln!(text, "probe_interval = {:?}", show_time(loops.probe_interval))?;
    writeln!(text, "hop_option = {}", loops.hop_option)?;
    writeln!(text, "\n[tcp]")?;
    writeln!(text, "idle_timeout = {:?}", show_time(tcp.idle_timeout))?;
    writeln!(text, "write_timeout = {:?}", show_time(tcp.write_timeout))?;
    writeln!(text, "max_connections = {}", tcp.max_connections)?;
    writeln!(text, "max_inflight = {}", tcp.max_inflight)?;
    writeln!(text, "max_unread = {}", tcp.max_unread)?;
    write_observe(&config.observe, text)?;
    config.kubernetes.write(text)?;
    config.intercept.write(text)
}

fn write_observe(observe: &ObserveConfig, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n[observe]")?;
    writeln!(text, "clients = {}", observe.clients)?;
    writeln!(text, "open_lookups = {}", observe.open_lookups)?;
    writeln!(text, "names_per_client = {}", observe.names_per_client)?;
    writeln!(text, "top = {}", observe.top)?;
    writeln!(text, "buffer = {}", observe.buffer_octets)?;
    let domain = toml::Value::from(observe.cluster_domain.to_string());
    writeln!(text, "cluster_domain = {domain}")?;
    for rule in &observe.search {
        let domains: Vec<_> = rule.domains.iter().map(ToString::to_string).collect();
        writeln!(text, "\n[[observe.search]]")?;
        writeln!(text, "clients = \"{}\"", rule.clients)?;
        writeln!(text, "domains = {}", toml::Value::from(domains))?;
        writeln!(text, "ndots = {}", rule.ndots)?;
    }
    Ok(())
}

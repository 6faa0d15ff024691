//! The flags of the commands that read a running proxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use observe::{FilterError, NamePattern, parse_clients, parse_rcodes, parse_types};

use crate::admin::AdminAddr;
use crate::redact::Redact;

/// Which proxy to read, and what to hide.
#[derive(Args, Clone, Debug)]
pub struct ProxyArgs {
    /// Admin listener of the proxy: an address, or `unix:PATH`.
    #[arg(
        long,
        visible_alias = "url",
        value_name = PROXY,
        default_value_t = default_proxy(),
        value_parser = parse_proxy
    )]
    pub admin: AdminAddr,
    /// Show pseudonyms for `names`, `clients`, or both: `names,clients`.
    #[arg(long, value_name = "names,clients", value_parser = parse_redact)]
    pub redact: Option<String>,
}

/// The subcommands of `probe`.
#[derive(Clone, Debug, Subcommand)]
pub enum ProbeCommand {
    /// Exit with 0 while every thread makes its rounds.
    Live {
        /// Where the proxy is: its `socket`, as `unix:PATH`.
        #[arg(long, value_name = PROXY, default_value_t = default_proxy(),
            value_parser = parse_proxy)]
        admin: AdminAddr,
    },
    /// Exit with 0 once every listen address answers.
    Ready {
        /// Where the proxy is: its `socket`, as `unix:PATH`.
        #[arg(long, value_name = PROXY, default_value_t = default_proxy(),
            value_parser = parse_proxy)]
        admin: AdminAddr,
    },
}

/// The flags of `stats`.
#[derive(Args, Clone, Debug)]
pub struct StatsArgs {
    /// Which proxy.
    #[command(flatten)]
    pub proxy: ProxyArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The subcommands of `cache`.
#[derive(Clone, Debug, Subcommand)]
pub enum CacheCommand {
    /// Print what is stored under a name, of all types, cached failures too.
    Get {
        /// The name.
        name: String,
        /// Admin listener of the proxy.
        #[arg(long, visible_alias = "url", value_name = PROXY, default_value_t = default_proxy(),
            value_parser = parse_proxy)]
        admin: AdminAddr,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove answers, cached failures too: those of a name, of a zone, or all.
    Flush(FlushArgs),
    /// Print how full the cache is, and its hits.
    Stats {
        /// Admin listener of the proxy.
        #[arg(long, visible_alias = "url", value_name = PROXY, default_value_t = default_proxy(),
            value_parser = parse_proxy)]
        admin: AdminAddr,
    },
}

/// The flags of `cache flush`.
#[derive(Args, Clone, Debug)]
pub struct FlushArgs {
    /// Which answers.
    #[command(flatten)]
    pub what: FlushWhat,
    /// Admin listener of the proxy.
    #[arg(long, visible_alias = "url", value_name = PROXY, default_value_t = default_proxy(),
        value_parser = parse_proxy)]
    pub admin: AdminAddr,
}

/// Which answers are removed: one of the three.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct FlushWhat {
    /// One name, all types.
    pub name: Option<String>,
    /// A zone: its own name and all names below it.
    #[arg(long, value_name = "ZONE")]
    pub suffix: Option<String>,
    /// All answers.
    #[arg(long)]
    pub all: bool,
}

/// The flags of `top`.
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// Which proxy.
    #[command(flatten)]
    pub proxy: ProxyArgs,
    /// Print the list once, as text.
    #[arg(long)]
    pub once: bool,
}

/// The flags of `tap`. Filters are kept as text, which the proxy reads too.
#[derive(Args, Clone, Debug)]
pub struct TapArgs {
    /// Which proxy.
    #[command(flatten)]
    pub proxy: ProxyArgs,
    /// Only these clients, separated by commas: addresses, ranges and, if the
    /// proxy watches the Kubernetes API, `NAMESPACE/POD` and
    /// `NAMESPACE/KIND/NAME`.
    #[arg(long, value_name = "CLIENT,…", value_parser = checked(parse_clients))]
    pub client: Option<String>,
    /// Only this name and all below it; or names that match a pattern, with `*`
    /// for any characters.
    #[arg(long, value_name = "NAME|PATTERN", value_parser = checked(NamePattern::parse))]
    pub name: Option<String>,
    /// Only responses with one of these RCODEs, as `SERVFAIL,REFUSED`.
    #[arg(long, value_name = "RCODE,…", value_parser = checked(parse_rcodes))]
    pub rcode: Option<String>,
    /// Only these types, as `A,AAAA`.
    #[arg(long = "type", value_name = "TYPE,…", value_parser = checked(parse_types))]
    pub qtype: Option<String>,
    /// Only responses that took at least this long: `500us`, `20ms`, `2s`.
    #[arg(long, value_name = "TIME", value_parser = parse_latency)]
    pub min_latency: Option<Duration>,
    /// Lines a second at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: Option<u32>,
    /// End after this many lines.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print each line as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The flags of `record`.
#[derive(Args, Clone, Debug)]
pub struct RecordArgs {
    /// Which proxy.
    #[command(flatten)]
    pub proxy: ProxyArgs,
    /// How long, as `60s` or `500ms`.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = parse_latency)]
    pub length: Duration,
    /// Only these clients, as those of `tap`.
    #[arg(long, value_name = "CLIENT,…", value_parser = checked(parse_clients))]
    pub client: Option<String>,
}

/// Parses the address of an admin listener.
///
/// # Errors
///
/// A sentence with the text.
pub fn parse_admin(text: &str) -> Result<AdminAddr, String> {
    let addr = match text.strip_prefix("unix:") {
        Some(path) if path.starts_with('/') => Some(AdminAddr::Unix(path.into())),
        Some(_) => None,
        None => text.parse().ok().map(AdminAddr::Tcp),
    };
    addr.ok_or_else(|| format!("{text:?} is neither an address and port nor unix:/PATH"))
}

/// Parses the address of another proxy's admin listener, also as a host name or
/// a URL.
///
/// # Errors
///
/// A sentence with the text.
fn parse_proxy(text: &str) -> Result<AdminAddr, String> {
    if text.starts_with("https:") {
        return Err(format!("{text:?}: the admin listener has no TLS; use kubectl port-forward"));
    }
    let place = text
        .strip_prefix("http://")
        .unwrap_or(text)
        .trim_end_matches('/');
    parse_admin(place).or_else(|error| {
        let found = place
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next());
        found.map(AdminAddr::Tcp).ok_or(error)
    })
}

fn parse_redact(text: &str) -> Result<String, String> {
    text.parse::<Redact>().map(|_| text.to_owned())
}

/// Checks a filter where it is written.
fn checked<T>(
    parse: impl Fn(&str) -> Result<T, FilterError> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<String, FilterError> + Clone + Send + Sync + 'static {
    move |text| parse(text).map(|_| text.to_owned())
}

fn parse_latency(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a time such as 500us, 20ms or 2s");
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(end);
    let number = number.parse().map_err(|_| bad())?;
    match unit {
        "us" => Ok(Duration::from_micros(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(bad()),
    }
}
/// How the address of a proxy is written, and where one is by default.
const PROXY: &str = "[http://]HOST:PORT|unix:PATH";

/// The socket that images and units configure, where it is: it belongs to the process
/// beside us, while a port of the node may belong to another one. Else the default of
/// `admin`.
fn default_proxy() -> AdminAddr {
    let socket = Path::new(DEFAULT_SOCKET);
    match socket.exists() {
        true => AdminAddr::Unix(socket.to_owned()),
        false => AdminAddr::Tcp(DEFAULT_ADMIN),
    }
}

const DEFAULT_SOCKET: &str = "/run/fivedots/fivedots.sock";
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9254);

//! The flags of the commands that read a running proxy.

use std::net::ToSocketAddrs as _;
use std::time::Duration;

use clap::Args;
use observe::{FilterError, NamePattern, parse_clients, parse_rcodes, parse_types};

use crate::admin::AdminAddr;
use crate::redact::Redact;

/// Which proxy is meant, and what of it may be seen.
#[derive(Args, Clone, Debug)]
pub struct RemoteArgs {
    /// Its admin listener: an address, or `unix:PATH`.
    #[arg(
        long,
        visible_alias = "url",
        value_name = "[http://]HOST:PORT|unix:PATH",
        default_value = "127.0.0.1:9254",
        value_parser = parse_remote
    )]
    pub admin: AdminAddr,
    /// Show pseudonyms instead: `names`, `clients`, or both with a comma.
    #[arg(long, value_name = "names,clients", value_parser = parse_redact)]
    pub redact: Option<String>,
}

/// The flags of `stats`.
#[derive(Args, Clone, Debug)]
pub struct StatsArgs {
    /// Which proxy.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// For programs.
    #[arg(long)]
    pub json: bool,
}

/// The flags of `top`.
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// Which proxy.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Print the list once, as text.
    #[arg(long)]
    pub once: bool,
}

/// The flags of `tap`. Filters are kept as text, which the proxy reads too.
#[derive(Args, Clone, Debug)]
pub struct TapArgs {
    /// Which proxy.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Queries of these clients, with commas: addresses, ranges, and where the
    /// proxy knows them `NAMESPACE/POD` and `NAMESPACE/KIND/NAME`.
    #[arg(long, value_name = "CLIENT,…", value_parser = checked(parse_clients))]
    pub client: Option<String>,
    /// For this name and all below it; or, with `*` for any characters, for
    /// names that look like this.
    #[arg(long, value_name = "NAME|PATTERN", value_parser = checked(NamePattern::parse))]
    pub name: Option<String>,
    /// Answered with one of these, as `SERVFAIL,REFUSED`.
    #[arg(long, value_name = "RCODE,…", value_parser = checked(parse_rcodes))]
    pub rcode: Option<String>,
    /// For one of these types, as `A,AAAA`.
    #[arg(long = "type", value_name = "TYPE,…", value_parser = checked(parse_types))]
    pub qtype: Option<String>,
    /// Answered no sooner than this: `500us`, `20ms`, `2s`.
    #[arg(long, value_name = "TIME", value_parser = parse_latency)]
    pub min_latency: Option<Duration>,
    /// At most so many a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: Option<u32>,
    /// End after so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// A line of JSON for each.
    #[arg(long)]
    pub json: bool,
}

/// Parses where an admin listener is.
///
/// # Errors
///
/// A sentence that names the text.
pub fn parse_admin(text: &str) -> Result<AdminAddr, String> {
    let addr = match text.strip_prefix("unix:") {
        Some(path) if path.starts_with('/') => Some(AdminAddr::Unix(path.into())),
        Some(_) => None,
        None => text.parse().ok().map(AdminAddr::Tcp),
    };
    addr.ok_or_else(|| format!("{text:?} is neither an address and port nor unix:/PATH"))
}

/// Parses where the admin listener of another proxy is: also by the name of
/// its host, and as a URL.
///
/// # Errors
///
/// A sentence that names the text.
pub fn parse_remote(text: &str) -> Result<AdminAddr, String> {
    if text.starts_with("https:") {
        return Err(format!(
            "{text:?}: the admin listener speaks no TLS; use kubectl port-forward"
        ));
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

//! What an operator attaches to a ticket: evidence and verdict, and what the proxy of the
//! node tells of itself, in one file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use console::api::{
    CachePage, FailurePage, LoopPage, Redacted, Summary, UpstreamPage, VerdictPage, WorkloadPage,
};
use console::{AdminAddr, Pseudonyms, Redact, Veil, read_page, read_text};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Bundle, accounts, gather, judged};
use crate::cli::EvidenceArgs;
use config::redacted_config;

mod config;

/// The file: a [`Bundle`], which `diagnose --bundle` reads, with more beside it.
#[derive(Clone, Debug, Serialize)]
pub struct Ticket {
    #[serde(flatten)]
    bundle: Bundle,
    /// Of the program that wrote the file.
    version: &'static str,
    /// When it was written, in seconds since 1970.
    written_unix_s: u64,
    /// What the proxy tells of itself, by the name of the part.
    proxy: BTreeMap<&'static str, Value>,
    /// The parts that are missing, and why.
    missing: Vec<String>,
}

/// Gathers all of it.
pub async fn ticket(whom: &EvidenceArgs, redact: Redact) -> Ticket {
    // One veil, so that who is in two parts has one pseudonym.
    let veil = Pseudonyms::default().veil(redact);
    let proxy = Proxy { admin: accounts::place(whom.admin.as_ref()), veil };
    let (evidence, parts) = tokio::join!(gather(whom), proxy.parts());
    let (_, bundle) = judged(evidence.redacted(&proxy.veil));
    let mut ticket = Ticket {
        bundle,
        version: env!("CARGO_PKG_VERSION"),
        written_unix_s: resolver::unix_time().as_secs(),
        proxy: BTreeMap::new(),
        missing: Vec::new(),
    };
    for (name, part) in parts {
        match part {
            Ok(part) => drop(ticket.proxy.insert(name, part)),
            Err(why) => ticket.missing.push(format!("{name} of the proxy: {why}")),
        }
    }
    ticket
}

impl Ticket {
    /// Writes it, below `MOST` octets: the longest parts of the proxy are left out first,
    /// and then are missing.
    ///
    /// # Errors
    ///
    /// When the evidence alone is longer.
    pub fn to_json(&self) -> anyhow::Result<String> {
        let mut ticket = self.clone();
        loop {
            let text = serde_json::to_string_pretty(&ticket)?;
            if text.len() < MOST {
                return Ok(text);
            }
            let length = |part: &Value| part.to_string().len();
            let longest = ticket
                .proxy
                .iter()
                .max_by_key(|(_, part)| length(part))
                .map(|(name, part)| (*name, length(part)));
            let Some((name, octets)) = longest else {
                anyhow::bail!("the evidence has {} octets; {MOST} are the most", text.len());
            };
            ticket.proxy.remove(name);
            let why = format!("left out, its {octets} octets are too many");
            ticket.missing.push(format!("{name} of the proxy: {why}"));
        }
    }
}

/// What it amounts to, for the person who attaches it.
impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.bundle.verdict.iter();
        let first = verdict.map(ToString::to_string).next();
        let first = first.as_deref().and_then(|text| text.lines().next());
        write!(f, "verdict   {}", first.unwrap_or_default())?;
        for (n, missing) in self.missing.iter().enumerate() {
            write!(f, "\n{:10}{missing}", if n == 0 { "missing" } else { "" })?;
        }
        Ok(())
    }
}

/// The proxy of this node.
struct Proxy {
    admin: AdminAddr,
    veil: Veil,
}

/// A part, or why it is missing.
type Part = Result<Value, String>;

impl Proxy {
    async fn parts(&self) -> Vec<(&'static str, Part)> {
        let failed = "/api/v1/workloads?order=failed&limit=50&advice=false";
        let wasted = "/api/v1/workloads?order=wasted&limit=50&advice=false";
        let (version, config, metrics) =
            tokio::join!(self.text("/version"), self.config(), self.metrics());
        let (verdict, summary, cache, failures, loops, upstreams, failing, wasting) = tokio::join!(
            self.page::<VerdictPage>("/api/v1/verdict"),
            self.page::<Summary>("/api/v1/summary"),
            self.page::<CachePage>("/api/v1/cache"),
            self.page::<FailurePage>("/api/v1/failures"),
            self.page::<LoopPage>("/api/v1/loops"),
            self.page::<UpstreamPage>("/api/v1/upstreams"),
            self.page::<WorkloadPage>(failed),
            self.page::<WorkloadPage>(wasted),
        );
        vec![
            ("version", version.map(|text| text.trim_end().into())),
            ("config", config),
            ("metrics", metrics.map(Value::from)),
            ("verdict", verdict),
            ("summary", summary),
            ("cache", cache),
            ("failures", failures),
            ("loops", loops),
            ("upstreams", upstreams),
            ("workloads_by_failures", failing),
            ("workloads_by_waste", wasting),
        ]
    }

    async fn text(&self, path: &str) -> Result<String, String> {
        let text = read_text(&self.admin, path).await;
        text.map_err(|error| error.to_string())
    }

    async fn page<T: DeserializeOwned + Redacted + Serialize>(&self, path: &str) -> Part {
        let page: T = read_page(&self.admin, path)
            .await
            .map_err(|error| error.to_string())?;
        serde_json::to_value(page.redacted(&self.veil)).map_err(|error| error.to_string())
    }

    /// The configuration in force. It names files of secrets, such as a kubeconfig, and has
    /// none of its own.
    async fn config(&self) -> Part {
        let text = self.text("/config").await?;
        redacted_config(&text, &self.veil).map(Value::from)
    }

    /// A socket has them beside the API; the admin listener has not.
    async fn metrics(&self) -> Result<String, String> {
        if matches!(self.admin, AdminAddr::Unix(_)) {
            return self.text("/metrics").await;
        }
        let listener = metrics_listener(&self.text("/config").await?)?;
        let metrics = read_text(&AdminAddr::Tcp(listener), "/metrics").await;
        metrics.map_err(|error| error.to_string())
    }
}

/// Where the proxy of this node has its metrics, by its configuration.
fn metrics_listener(config: &str) -> Result<SocketAddr, String> {
    let table: toml::Table = toml::from_str(config).map_err(|error| error.to_string())?;
    let written = table.get("metrics").and_then(toml::Value::as_str);
    let mut addr: SocketAddr = written
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("its configuration has `metrics = {written:?}`, no address"))?;
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    Ok(addr)
}

/// Octets: what most trackers take as an attachment, and a person can still search.
const MOST: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use diagnose::Evidence;

    use super::*;

    fn ticket_of(parts: &[(&'static str, usize)]) -> Ticket {
        let (_, bundle) = judged(Evidence::default());
        let proxy = parts
            .iter()
            .map(|(name, octets)| (*name, Value::from("x".repeat(*octets))));
        Ticket {
            bundle,
            version: "1",
            written_unix_s: 1,
            proxy: proxy.collect(),
            missing: Vec::new(),
        }
    }

    #[test]
    fn what_is_too_long_is_left_out_and_named() {
        let whole = ticket_of(&[("metrics", 400_000), ("summary", 500_000)]);
        let text = whole.to_json().unwrap();
        assert!(text.len() > 900_000 && !text.contains("left out"));
        let long = ticket_of(&[("metrics", 700_000), ("summary", 500_000), ("config", 10)]);
        let text = long.to_json().unwrap();
        assert!(text.len() < MOST && text.contains("\"summary\"") && text.contains("\"config\""));
        assert!(text.contains("metrics of the proxy: left out, its 700002 octets"));
        let mut endless = ticket_of(&[]);
        endless.bundle.evidence.gaps.push("x".repeat(MOST));
        assert!(endless.to_json().is_err());
    }

    #[test]
    fn the_metrics_are_asked_where_they_are() {
        let at = |text: &str| metrics_listener(text).map(|addr| addr.to_string());
        assert_eq!(at("metrics = \"10.0.0.7:9253\"").as_deref(), Ok("10.0.0.7:9253"));
        assert_eq!(at("metrics = \"0.0.0.0:9253\"").as_deref(), Ok("127.0.0.1:9253"));
        assert_eq!(at("metrics = \"[::]:9253\"").as_deref(), Ok("[::1]:9253"));
        for bad in ["", "metrics = 7", "metrics"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}

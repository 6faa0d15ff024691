//! `fivedots tap`: prints the queries of a running proxy as they are answered.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::admin_client::{self, AdminClientError};
use crate::api::{QueryLine, SkippedLine, TapLine};
use crate::args::TapArgs;

/// Why a tap ended early.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The proxy could not be read.
    #[error(transparent)]
    Proxy(#[from] AdminClientError),
    /// A line that is not of the schema.
    #[error("unexpected line from the proxy: {0}")]
    Line(String),
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Prints queries to `out`, and counts of those left out to `aside`, until the
/// proxy ends or `--limit` queries were printed.
///
/// # Errors
///
/// When the proxy cannot be read or nothing can be written.
pub async fn run(
    args: &TapArgs,
    out: &mut impl Write,
    aside: &mut impl Write,
) -> Result<(), TapError> {
    let mut lines = admin_client::stream(&args.proxy.admin, &path(args)).await?;
    while let Some(text) = lines.next().await? {
        let line = serde_json::from_str(&text);
        let line = line.map_err(|_| TapError::Line(clean(&text)))?;
        match (args.json, line) {
            (true, _) => writeln!(out, "{text}")?,
            (false, TapLine::Query(query)) => writeln!(out, "{}", columns(&query))?,
            (false, TapLine::Skipped(skipped)) if skipped.skipped > 0 => {
                writeln!(aside, "{}", left_out(skipped))?;
            }
            (false, TapLine::Skipped(_)) => {}
        }
        out.flush()?;
    }
    Ok(())
}

/// The page with these filters.
fn path(args: &TapArgs) -> String {
    let mut path = "/api/v1/tap?".to_owned();
    let min_latency = args
        .min_latency
        .map(|time| (time.as_secs_f64() * 1000.0).to_string());
    let [rate, limit] = [args.rate.map(u64::from), args.limit].map(|n| n.map(|n| n.to_string()));
    for (key, value) in [
        ("client", &args.client),
        ("name", &args.name),
        ("rcode", &args.rcode),
        ("type", &args.qtype),
        ("min_latency_ms", &min_latency),
        ("rate", &rate),
        ("limit", &limit),
        ("redact", &args.proxy.redact),
    ] {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            write!(path, "{key}={}&", crate::http::encoded(value)).unwrap_or_default();
        }
    }
    path.pop();
    path
}

/// One line of text. The name and the pod come last: they may be long.
fn columns(line: &QueryLine) -> String {
    let QueryLine { qtype, origin, took_ms, .. } = line;
    let (client, time) = (line.client.to_string(), clock(line.unix_ms));
    let rcode = match &line.rcode {
        None => "-",
        // RFC 2308, section 2.2: the name exists, without records of the type.
        Some(rcode) if rcode == "NOERROR" && !line.data => "NODATA",
        Some(rcode) => rcode,
    };
    let name = line.name.as_deref().unwrap_or("?");
    let who = who(line);
    let head = format!("{time} {client:15} {qtype:5} {rcode:8} {took_ms:>8.2} ms {origin:15}");
    clean(&format!("{head} {name}{who}"))
}

/// Whose address it is, where that is known.
fn who(line: &QueryLine) -> String {
    match (&line.workload, &line.pod) {
        (Some(workload), Some(pod)) => format!(" of {}/{pod}", workload.namespace),
        (Some(workload), None) => format!(" of {} {}", workload.kind, workload.name),
        _ => String::new(),
    }
}

fn left_out(skipped: SkippedLine) -> String {
    let SkippedLine { skipped: _, over_limit, behind, missed } = skipped;
    let mut parts = Vec::new();
    for (count, why) in [
        (over_limit, "above the rate limit"),
        (behind, "because this reader was too slow"),
        (missed, "not counted by the proxy, matching or not"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {why}"));
        }
    }
    format!("# left out: {}", parts.join(", "))
}

/// The time of day, UTC.
fn clock(unix_ms: u64) -> String {
    let [ms, s] = [unix_ms % 1000, unix_ms / 1000];
    format!("{:02}:{:02}:{:02}.{ms:03}", s / 3600 % 24, s / 60 % 60, s % 60)
}

/// Replaces control characters, which a terminal would obey.
fn clean(text: &str) -> String {
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use observe::Workload;

    use super::*;

    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        tap: TapArgs,
    }

    fn query() -> QueryLine {
        QueryLine {
            unix_ms: 1_764_308_718_123,
            client: "10.244.1.7".parse().unwrap(),
            workload: None,
            pod: None,
            transport: "udp".to_owned(),
            name: Some("api.example.com.".to_owned()),
            qtype: "AAAA".to_owned(),
            rcode: Some("NOERROR".to_owned()),
            data: false,
            origin: "upstream".to_owned(),
            upstream: None,
            took_ms: 1.256,
            repeated: false,
        }
    }

    #[test]
    fn a_query_is_a_line_of_columns() {
        assert_eq!(
            columns(&query()),
            "05:45:18.123 10.244.1.7      AAAA  NODATA       1.26 ms upstream        api.example.com."
        );
        let workload = Workload::of_path(["shop", "Deployment", "cart"]);
        let known =
            QueryLine { workload: Some(workload), pod: Some("cart-7d9f".to_owned()), ..query() };
        assert!(columns(&known).ends_with(" api.example.com. of shop/cart-7d9f"));
        let node = QueryLine { pod: None, ..known };
        assert!(columns(&node).ends_with(" of Deployment cart"));
        let lost = QueryLine { rcode: None, name: Some("\u{1b}[2J".to_owned()), ..query() };
        assert!(columns(&lost).ends_with("upstream        ?[2J"), "{}", columns(&lost));
    }

    #[test]
    fn what_was_left_out_is_printed_with_its_reason() {
        let skipped = SkippedLine { skipped: 12, over_limit: 10, behind: 0, missed: 2 };
        assert_eq!(
            left_out(skipped),
            "# left out: 10 above the rate limit, 2 not counted by the proxy, matching or not"
        );
    }

    #[test]
    fn filters_are_in_the_path_and_cannot_add_to_it() {
        let path_of = |flags: &[&str]| {
            let words = ["tap"].iter().chain(flags);
            path(&Flags::try_parse_from(words).unwrap().tap)
        };
        assert_eq!(path_of(&[]), "/api/v1/tap");
        let flags =
            ["--name", "a&limit=1 *", "--min-latency", "1500us", "--redact", "names,clients"];
        assert_eq!(
            path_of(&flags),
            "/api/v1/tap?name=a%26limit%3D1%20%2A&min_latency_ms=1.5&redact=names%2Cclients"
        );
        for bad in [["--client", "pod"], ["--rcode", "OOPS"], ["--rate", "1001"], ["--type", ""]] {
            let words = ["tap"].iter().chain(&bad);
            assert!(Flags::try_parse_from(words).is_err(), "{bad:?}");
        }
    }
}

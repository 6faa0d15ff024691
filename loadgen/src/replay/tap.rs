//! A line of `fivedots record`: a query as the proxy of a node saw it, as JSON.

use std::net::IpAddr;

use dns::{Name, Rcode, Rtype};
use serde::Deserialize;

use super::Asked;
use super::corelog::{Line, LineError};

/// What a line is about.
#[expect(clippy::large_enum_variant, reason = "one at a time, and taken at once")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TapLine {
    /// A query.
    Query(Line),
    /// So many queries that are not in the recording.
    Skipped(u64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Query {
        unix_ms: u64,
        client: IpAddr,
        transport: String,
        name: Option<String>,
        #[serde(rename = "type")]
        qtype: String,
        rcode: Option<String>,
    },
    Skipped {
        skipped: u64,
    },
}

/// Returns whether a line is an object of JSON.
pub fn is_json(line: &str) -> bool {
    line.trim_start().starts_with('{')
}

/// Reads a line; `None` for a query whose name did not parse.
///
/// # Errors
///
/// When it is no line of a recording.
pub fn parse(line: &str) -> Result<Option<TapLine>, LineError> {
    let wrong = |field, text: &str| LineError::Recorded(field, text.to_owned());
    let written = serde_json::from_str(line).map_err(|_| wrong("the line", line))?;
    let (unix_ms, client, transport, name, qtype, rcode) = match written {
        Written::Skipped { skipped } => return Ok(Some(TapLine::Skipped(skipped))),
        Written::Query { name: None, .. } => return Ok(None),
        Written::Query { unix_ms, client, transport, name: Some(name), qtype, rcode } => {
            (unix_ms, client, transport, name, qtype, rcode)
        }
    };
    let numbered = || qtype.strip_prefix("TYPE")?.parse().ok().map(Rtype);
    let known = Rtype::from_mnemonic(&qtype).or_else(numbered);
    let qtype = known.ok_or_else(|| wrong("type", &qtype))?;
    let name = Name::from_text(&name).map_err(|_| wrong("name", &name))?;
    let rcode = match rcode {
        None => None,
        Some(text) => Some(Rcode::from_mnemonic(&text).ok_or_else(|| wrong("rcode", &text))?),
    };
    Ok(Some(TapLine::Query(Line {
        at: unix_ms.saturating_mul(1_000_000),
        client,
        // The proxy does not tell whether there was an OPT record.
        asked: Asked { name, qtype, payload: None, dnssec_ok: false },
        over_tcp: transport == "tcp",
        rcode,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "{\"unix_ms\": 1796000000250, \"client\": \"10.244.1.7\", \
        \"transport\": \"udp\", \"name\": \"cart.shop.svc.cluster.local.\", \"type\": \"AAAA\", \
        \"rcode\": \"NXDOMAIN\", \"data\": false, \"origin\": \"cache\", \"upstream\": null, \
        \"took_ms\": 0.0, \"repeated\": false}";

    #[test]
    fn a_query_of_the_proxy_is_a_query_to_replay() {
        let Some(TapLine::Query(line)) = parse(QUERY).unwrap() else { panic!("no query") };
        assert_eq!(line.at, 1_796_000_000_250_000_000);
        assert_eq!(line.client.to_string(), "10.244.1.7");
        assert_eq!(line.asked.name.to_string(), "cart.shop.svc.cluster.local.");
        assert_eq!((line.asked.qtype, line.over_tcp), (Rtype::AAAA, false));
        assert_eq!(line.rcode, Some(Rcode::NXDOMAIN));
        let unanswered = parse(&QUERY.replace("\"NXDOMAIN\"", "null")).unwrap();
        assert!(matches!(unanswered, Some(TapLine::Query(Line { rcode: None, .. }))));
        let unparsed = QUERY.replace("\"cart.shop.svc.cluster.local.\"", "null");
        assert_eq!(parse(&unparsed), Ok(None));
    }

    #[test]
    fn what_was_left_out_is_counted() {
        let line = "{\"skipped\": 12, \"over_limit\": 12, \"behind\": 0, \"missed\": 0}";
        assert_eq!(parse(line), Ok(Some(TapLine::Skipped(12))));
    }

    #[test]
    fn what_is_no_recording_is_an_error() {
        for (from, to, field) in [
            ("10.244.1.7", "cart", "the line"),
            ("\"AAAA\"", "\"Q\"", "type"),
            ("cart.shop", "cart..shop", "name"),
            ("NXDOMAIN", "FINE", "rcode"),
        ] {
            let error = parse(&QUERY.replace(from, to)).unwrap_err();
            assert!(matches!(&error, LineError::Recorded(found, _) if *found == field), "{error}");
        }
        assert!(is_json("  {\"a\": 1}") && !is_json("[INFO] {"));
    }
}

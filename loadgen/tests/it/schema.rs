//! The form of the JSON report is written down, and stays.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use upstream::{Upstream, kubernetes};

use crate::program::{run, shared};

/// `BLESS=1` writes the file anew. A key may be added, never renamed or removed.
#[test]
fn the_report_has_the_form_that_is_written_down() {
    let _machine = shared();
    let server = Upstream::builder().script(kubernetes()).start().unwrap();
    let address = server.addr().to_string();
    let mut arguments = vec!["quick", &address, "kubernetes.default.svc.cluster.local"];
    arguments.extend(["--rate", "100", "--for", "200ms", "--json", "-"]);
    arguments.extend(["--expect", "answered > 0"]);
    let report: Value = serde_json::from_str(&run(&arguments).text).unwrap();
    let mut schema = form("", &report);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Report of fivedots-loadgen, schema 1");
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join(FILE);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "{FILE} is not the form of a report; BLESS=1 writes it:\n{text}");
}

/// The schema of a value. What may be null, or is counted by name, is known by its
/// key.
fn form(key: &str, value: &Value) -> Value {
    let is_optional = OPTIONAL.contains(&key);
    match value {
        _ if COUNTS_BY_NAME.contains(&key) => {
            json!({ "type": "object", "additionalProperties": { "type": "integer" } })
        }
        _ if key == "evidence" => {
            json!({ "type": "object", "additionalProperties": { "type": "number" } })
        }
        _ if is_optional && !value.is_object() && !value.is_array() => {
            json!({ "type": ["number", "string", "null"] })
        }
        Value::Object(fields) => {
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(key, value)| (key.clone(), form(key, value)))
                .collect();
            let required: Vec<&String> = fields.keys().collect();
            let kind = if is_optional { json!(["object", "null"]) } else { json!("object") };
            json!({ "type": kind, "properties": properties, "required": required })
        }
        Value::Array(_) if is_optional => json!({ "type": ["array", "null"] }),
        Value::Array(items) => match items.first() {
            Some(item) => json!({ "type": "array", "items": form("", item) }),
            None => json!({ "type": "array" }),
        },
        Value::String(_) => json!({ "type": "string" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(number) if number.is_u64() => json!({ "type": "integer" }),
        Value::Number(_) => json!({ "type": "number" }),
        Value::Null => json!({ "type": ["number", "string", "object", "array", "null"] }),
    }
}

/// In the repository.
const FILE: &str = "docs/report.schema.json";

/// Keys whose values are counts by name.
const COUNTS_BY_NAME: [&str; 4] = ["rcodes", "send_errors", "socket_errors", "icmp"];

/// Keys without a value on some machines, or in some runs.
const OPTIONAL: [&str; 17] = [
    "kernel",
    "cpu_quota",
    "governor",
    "load_average",
    "open_files",
    "port_range",
    "rmem_max",
    "latency_ms",
    "from_send_ms",
    "lateness_ms",
    "lookup_ms",
    "burst",
    "found_from_send",
    "p50_ms",
    "p99_ms",
    "invalid",
    "failed",
];

//! A constant load without a file: the command line as a scenario.
//!
//! It is written as a scenario file first and read like any other, so there
//! is one set of checks, and what was run can be kept.

use std::fmt::Write as _;

use crate::cli::QuickArgs;

/// Writes the scenario that `args` stand for.
pub fn scenario_text(args: &QuickArgs) -> String {
    let quoted = |texts: &[String]| {
        let texts: Vec<String> = texts.iter().map(|text| quote(text)).collect();
        texts.join(", ")
    };
    let default = ["example.com".to_owned()];
    let names = if args.names.is_empty() { &default[..] } else { &args.names };
    let transport = if args.tcp { "tcp" } else { "udp" };
    let mut text = String::new();
    // Writing to a String cannot fail.
    write!(
        text,
        "schema = 1\n\
         name = \"quick\"\n\
         [target]\n\
         server = {}\n\
         transport = \"{transport}\"\n\
         allow = [{}]\n\
         [limits]\n\
         max_qps = {:?}\n\
         max_duration = {}\n\
         [sender]\n\
         ports = {}\n\
         connections = {}\n\
         timeout = {}\n\
         threads = {}\n\
         gso = {}\n\
         [workload]\n\
         names = [{}]\n\
         types = {{ {} = 1.0 }}\n\
         [[phase]]\n\
         name = \"load\"\n\
         for = {}\n\
         schedule = {{ shape = \"constant\", rate = {:?} }}\n",
        quote(&args.server),
        quoted(&args.allow),
        args.rate,
        quote(&args.length),
        quote(&args.ports),
        args.connections,
        quote(&args.timeout),
        args.threads,
        args.gso,
        quoted(names),
        quote(&args.qtype),
        quote(&args.length),
        args.rate,
    )
    .unwrap_or_default();
    text
}

/// A TOML string, whatever is in it.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

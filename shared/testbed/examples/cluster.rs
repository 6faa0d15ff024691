//! A real two-node Kubernetes cluster on this machine; `cargo xtask cluster` runs
//! this.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result, bail};
use testbed::Cluster;
use testbed::cluster::{self, Options, ProxyMode};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = arguments.split_first().context(USAGE)?;
    let name = std::env::var("CLUSTER").unwrap_or_else(|_| "fivedots".to_owned());
    let bed = Cluster::named(&name);
    match verb.as_str() {
        "parts" => cluster::build_parts(),
        "up" => up(&bed),
        "down" => {
            bed.down();
            Ok(())
        }
        "kubectl" => Err(bed
            .control_plane
            .kubectl_command()?
            .args(rest)
            .exec()
            .into()),
        "node" => {
            let (number, line) = rest.split_first().context(USAGE)?;
            let node = bed
                .nodes
                .iter()
                .find(|node| node.name().ends_with(number.as_str()));
            let (program, rest) = line.split_first().context(USAGE)?;
            let node = node.with_context(|| format!("no node {number}"))?;
            Err(node.space().command(program)?.args(rest).exec().into())
        }
        "internet" => cluster::serve_internet(),
        _ => bail!("{verb}: {USAGE}"),
    }
}

fn up(bed: &Cluster) -> Result<()> {
    let proxy_modes = ProxyMode::wanted()?;
    let program = std::env::current_exe()?;
    let internet = vec![program.to_string_lossy().into_owned(), "internet".to_owned()];
    bed.up(&Options { proxy_modes, images: Vec::new(), internet, internet_env: Vec::new() })?;
    writeln!(std::io::stdout(), "up; logs are in {}", bed.dir().display())?;
    Ok(())
}

const USAGE: &str = "cluster up | down | kubectl ARGS… | node 1|2 PROGRAM ARGS… | parts";

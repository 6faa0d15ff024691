//! A real two-node Kubernetes cluster on this machine; `cargo xtask cluster` runs
//! this.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use testbed::Cluster;
use testbed::cluster::{self, Options, ProxyMode};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = arguments.split_first().context(USAGE)?;
    let name = std::env::var("CLUSTER").unwrap_or_else(|_| "fivedots".to_owned());
    let bed = Cluster::named(&name);
    let takes_more = ["kubectl", "node", "install"].contains(&verb.as_str());
    if let Some(extra) = rest.first().filter(|_| !takes_more) {
        bail!("{extra}: {USAGE}");
    }
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
        "install" => install(&bed, rest),
        "page" => page(&bed),
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

/// Gives the nodes the image of an archive, and installs the chart with interception.
fn install(bed: &Cluster, rest: &[String]) -> Result<()> {
    let [archive] = rest else { bail!("install: one archive, not {}", rest.len()) };
    bed.load(Path::new(archive))?;
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/chart");
    let values = "interception.enabled=true,image.pullPolicy=Never";
    let line = ["upgrade", "--install", "fivedots", chart, "-n", NAMESPACE, "--set", values];
    let notes = bed.helm(&line)?;
    bed.wait_for_rollout(NAMESPACE, DAEMONSET)?;
    write!(std::io::stdout(), "{notes}")?;
    Ok(())
}

fn page(bed: &Cluster) -> Result<()> {
    let listener = TcpListener::bind(PAGE).with_context(|| format!("cannot listen on {PAGE}"))?;
    bed.forward((NAMESPACE, DAEMONSET), &listener, || {
        writeln!(std::io::stdout(), "http://{PAGE}/ is the page of one node; Ctrl-C ends it")?;
        Ok(())
    })
}

const NAMESPACE: &str = "kube-system";
const DAEMONSET: &str = "daemonset/fivedots";
const PAGE: &str = "127.0.0.1:9254";
const USAGE: &str = "cluster up | down | install ARCHIVE | page | kubectl ARGS… | \
                     node 1|2 PROGRAM ARGS… | parts";

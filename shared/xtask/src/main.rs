//! Every chore of this repository, as `cargo xtask CHORE`.
//!
//! Each chore does its own set-up. It starts other programs and reads what they
//! say, and depends on no crate of the repository, so that it builds in seconds
//! and also where the rest does not.

mod check;
mod ci;
mod cluster;
mod coredns;
mod deb;
mod demo;
mod fuzz;
mod image;
mod incidents;
mod lab;
mod lint;
mod mutants;
mod referee;
mod shell;
mod soak;
mod stages;
mod test;
mod trials;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use lab::Lab;

/// The chores of Fivedots.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Builds both programs and shows what the cache does for 200 pods
    Demo {
        /// Passed on to `fivedots-loadgen demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Checks format, lints and unit tests of one crate, or of all that the
    /// uncommitted change touches
    Check {
        /// As dns or proxy
        #[arg(name = "CRATE")]
        wanted: Option<String>,
    },
    /// Runs all tests, after installing or building what they need and can
    /// have; REQUIRE=coredns,netns makes the lack of a component a failure
    Test(test::Options),
    /// Runs a long test, as octets; `cargo xtask test` runs each for 10 s
    Soak {
        /// Which one
        name: String,
        /// How long, as 30s, 10m or 2h
        #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = soak::length)]
        length: std::time::Duration,
    },
    /// Feeds the parsers with octets that nobody would send on purpose
    Fuzz {
        /// Which targets, as compose or config; without any, all
        targets: Vec<String>,
        /// How long for each, as 30s, 10m or 2h
        #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = soak::length)]
        length: std::time::Duration,
    },
    /// Measures CPU per query beside CoreDNS, Unbound, dnsdist, Knot Resolver
    /// and a bare echo
    Lab {
        /// The programs as they ship: a slower build, for figures to publish
        #[arg(long)]
        release: bool,
        /// Only builds what it needs
        #[arg(long)]
        build: bool,
        /// Passed on to `lab run`, as `--quick`, `--veth` or `--json FILE`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Shows what a client gets beside one at ten times each bound, from Fivedots,
    /// CoreDNS and Unbound; fails when ours misses its goal
    Fire {
        /// Passed on to `trials fire`, as `--cases garbage`, `--subjects fivedots`,
        /// `--cgroup`, `--nofile 1024` or `--report FILE`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Shows what a client gets while upstreams, the machine or the operator make
    /// trouble, likewise
    Storms {
        /// Passed on to `trials storms`, as `--quick`, `--storms loop,one-silent`,
        /// `--subjects fivedots` or `--report FILE`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// A real two-node Kubernetes cluster on this machine, as root: `up`, `down`,
    /// `install`, `page`, `kubectl ARGS…`, `node 1|2 PROGRAM ARGS…`, `test [--all]`;
    /// `CLUSTER=name` keeps two apart,
    /// `PROXY_MODE=nftables` changes both kube-proxies
    Cluster {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
    /// Compares the load generator's reports with captures, in some thirty states of
    /// a server
    Referee,
    /// Compares what the load generator's clients send with what glibc, musl, Go, c-ares
    /// and nslookup send, packet by packet
    Clients,
    /// Makes each incident twenty times, and prints what `diagnose` found of it
    Incidents,
    /// Changes each threshold of `diagnose` by one step, and looks that a test fails
    Mutants {
        /// Only those whose file and line have this in them, as `clients.rs`
        #[arg(default_value = "")]
        part: String,
    },
    /// Plays 100,000 lines of a log of CoreDNS and compares them with a capture; plays
    /// ten times as many clients against a real CoreDNS
    Replay,
    /// Plays each file of scenarios/ at a server that is well, at CoreDNS with its trouble,
    /// and with Fivedots in front
    Scenarios {
        /// Which, as overload; all of them without any
        names: Vec<String>,
    },
    /// Ends a load with each fault in each way, and looks at its last packet and at what is
    /// left; stops server and generator, and looks at the limit on queries
    Safety,
    /// Compares real runs of the load generator: equal ones, and a server that takes a fifth
    /// more CPU
    Compare,
    /// Compares what four shards send, and their merged report, with one process
    Shards,
    /// Builds the container image for amd64 and arm64, and checks it
    Image(image::Options),
    /// Builds Debian packages for amd64 and arm64, and checks them
    Deb(deb::Options),
    /// Everything that must pass before a change is in: lints, tests, a short lab
    Ci,
    /// Checks format, lints, documentation and, where cargo-deny is, licenses
    Lint,
    /// Builds the real CoreDNS where it is missing, and prints its path
    Coredns,
    /// Builds the real kube-apiserver where it is missing, and prints its path
    Apiserver,
    /// Builds the real helm where it is missing, and prints its path
    Helm,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Demo { arguments } => demo::run(&arguments),
        Chore::Check { wanted } => check::run(wanted.as_deref()),
        Chore::Test(options) => test::run(&options),
        Chore::Soak { name, length } => soak::run(&name, length),
        Chore::Fuzz { targets, length } => fuzz::run(&targets, length),
        Chore::Lab { release, build, arguments } => compare(release, build, &arguments),
        Chore::Fire { arguments } => trials::run("fire", &arguments),
        Chore::Storms { arguments } => trials::run("storms", &arguments),
        Chore::Cluster { arguments } => cluster::run(&arguments),
        Chore::Incidents => incidents::run(),
        Chore::Mutants { part } => mutants::run(&part),
        Chore::Referee => referee::run("referee"),
        Chore::Clients => referee::run("clients"),
        Chore::Replay => referee::run("replay"),
        Chore::Scenarios { names } => referee::scenarios(&names),
        Chore::Safety => referee::run("safety"),
        Chore::Compare => referee::run("compare"),
        Chore::Shards => referee::run("shards"),
        Chore::Image(options) => image::run(&options),
        Chore::Deb(options) => deb::run(&options),
        Chore::Ci => ci::run(),
        Chore::Lint => lint::run(),
        Chore::Coredns => coredns::run(),
        Chore::Apiserver => coredns::apiserver(),
        Chore::Helm => coredns::helm(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            shell::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn compare(release: bool, only_build: bool, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let profile = if release { "release" } else { "lab" };
    let lab = Lab::build(profile)?;
    if !only_build {
        lab.run(arguments)?;
    }
    Ok(ExitCode::SUCCESS)
}

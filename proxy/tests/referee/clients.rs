//! The programs that look names up, and the resolv.conf of each.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use testbed::Component;

use crate::packet::nanoseconds;
use crate::referee::{CLUSTER_DOMAIN, Lookup};

/// What looks names up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Program {
    Glibc,
    Musl,
    Go,
    /// `dns.lookup`: glibc's getaddrinfo in a thread.
    NodeLookup,
    /// `dns.resolve4`: c-ares, which knows no search list here.
    NodeResolve4,
    Dig,
    Nslookup,
}

impl Program {
    pub(crate) const ALL: [Self; 7] = [
        Self::Glibc,
        Self::Musl,
        Self::Go,
        Self::NodeLookup,
        Self::NodeResolve4,
        Self::Dig,
        Self::Nslookup,
    ];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Go => "Go",
            Self::NodeLookup => "node lookup",
            Self::NodeResolve4 => "node resolve4",
            Self::Dig => "dig",
            Self::Nslookup => "nslookup",
        }
    }

    /// Whether it walks the search list.
    pub(crate) const fn searches(self) -> bool {
        !matches!(self, Self::NodeResolve4 | Self::Dig)
    }
}

impl Program {
    /// The library whose walk it takes; of those that do not search, any.
    pub(crate) const fn walks_like(self) -> &'static str {
        match self {
            // BIND's tools search for no name with enough dots either.
            Self::Musl | Self::Nslookup => "musl",
            Self::Go => "go",
            _ => "glibc",
        }
    }
}

/// One program in a pod of its own.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) program: Program,
    pub(crate) address: Ipv4Addr,
    pub(crate) ndots: u8,
    /// Search domains after the three of Kubernetes.
    pub(crate) extra: usize,
}

impl Client {
    pub(crate) fn search(&self) -> Vec<String> {
        let kubernetes = ["shop.svc", "svc"].map(|above| format!("{above}.{CLUSTER_DOMAIN}"));
        let node = EXTRA_DOMAINS[..self.extra].iter().map(ToString::to_string);
        kubernetes
            .into_iter()
            .chain([CLUSTER_DOMAIN.to_owned()])
            .chain(node)
            .collect()
    }

    /// The same for the proxy.
    pub(crate) fn config(&self) -> String {
        let Self { address, ndots, .. } = self;
        let domains = self.search();
        format!(
            "[[observe.search]]\nclients = \"{address}/32\"\ndomains = {domains:?}\nndots = {ndots}\n"
        )
    }

    pub(crate) fn resolv_conf(&self, nameserver: Ipv4Addr) -> String {
        let search = self.search().join(" ");
        format!("search {search}\nnameserver {nameserver}\noptions ndots:{}\n", self.ndots)
    }
}

/// Each program with each of these settings, each at an address of its own.
pub(crate) fn matrix(ndots: &[u8], extras: &[usize]) -> Vec<Client> {
    let settings = ndots
        .iter()
        .flat_map(|ndots| extras.iter().map(move |extra| (*ndots, *extra)));
    settings
        .flat_map(|(ndots, extra)| Program::ALL.map(|program| (program, ndots, extra)))
        .zip(FIRST_HOST..)
        .map(|((program, ndots, extra), host)| Client {
            program,
            address: Ipv4Addr::new(10, 78, 1, host),
            ndots,
            extra,
        })
        .collect()
}

/// The programs, built.
pub(crate) struct Programs {
    dir: tempfile::TempDir,
}

impl Programs {
    /// Says whether all that is needed is there.
    pub(crate) fn can_be_had() -> bool {
        let tools = ["gcc", "musl-gcc", "go", "node", "dig", "nslookup"];
        testbed::have(Component::Netns)
            && testbed::have(Component::Tshark)
            && tools
                .iter()
                .all(|tool| testbed::have_program(tool, Component::Tshark))
    }

    pub(crate) fn build() -> Self {
        let programs = Self { dir: tempfile::tempdir().unwrap() };
        programs.compile(&mut Command::new("gcc"), "glibc", "getaddrinfo.c");
        programs.compile(Command::new("musl-gcc").arg("-static"), "musl", "getaddrinfo.c");
        let mut go = Command::new("go");
        programs.compile(go.env("CGO_ENABLED", "0").arg("build"), "go", "lookup.go");
        programs
    }

    fn compile(&self, compiler: &mut Command, program: &str, source: &str) {
        compiler.arg("-o").arg(self.dir.path().join(program));
        let built = compiler.arg(sources().join(source)).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }

    /// The command line that looks up the names that follow it.
    pub(crate) fn command_line(&self, program: Program) -> Vec<OsString> {
        let built = |name: &str| vec![self.dir.path().join(name).into_os_string()];
        let script = |interpreter: &str, source: &str, what: &str| {
            let source = sources().join(source).into_os_string();
            vec![interpreter.into(), source, what.into()]
        };
        match program {
            Program::Glibc => built("glibc"),
            Program::Musl => built("musl"),
            Program::Go => built("go"),
            Program::NodeLookup => script("node", "lookup.js", "lookup"),
            Program::NodeResolve4 => script("node", "lookup.js", "resolve4"),
            Program::Dig => script("sh", "tool.sh", "dig"),
            Program::Nslookup => script("sh", "tool.sh", "nslookup"),
        }
    }
}

/// Reads the lines of a program: "time name address ...", or "none" or "error"
/// for the addresses.
pub(crate) fn lookups(lines: &str) -> Vec<Lookup> {
    let lookup = |line: &str| {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap_or_else(|| panic!("{line}"));
        let (began, name, first) = (nanoseconds(next()), next().to_owned(), next());
        Lookup { began, name, found: !["none", "error:"].contains(&first) }
    };
    lines.lines().map(lookup).collect()
}

fn sources() -> PathBuf {
    testbed::lookups::sources()
}

/// What a cloud and a company add to a node's search list.
const EXTRA_DOMAINS: [&str; 2] = ["eu-west-1.compute.internal", "corp.example"];
const FIRST_HOST: u8 = 1;

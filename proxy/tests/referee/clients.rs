//! The programs that look names up, and the resolv.conf of each.

use std::ffi::OsString;
use std::fmt;
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
    /// `getent hosts`: glibc's gethostbyname2, for AAAA and then for A.
    Getent,
    /// dnspython, for A and then for AAAA.
    Dnspython,
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
            Self::Getent => "getent",
            Self::Dnspython => "dnspython",
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
    /// What else its resolv.conf says.
    pub(crate) more: More,
}

/// Lines of a resolv.conf that change when a resolver asks, and whom.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct More {
    /// Options beside ndots.
    pub(crate) options: &'static str,
    /// A search domain after all others.
    pub(crate) domain: Option<&'static str>,
    /// A server before the proxy, at which nothing is.
    pub(crate) silent_server: bool,
}

impl Client {
    pub(crate) fn search(&self) -> Vec<String> {
        let kubernetes = ["shop.svc", "svc"].map(|above| format!("{above}.{CLUSTER_DOMAIN}"));
        let node = EXTRA_DOMAINS[..self.extra].iter().map(ToString::to_string);
        kubernetes
            .into_iter()
            .chain([CLUSTER_DOMAIN.to_owned()])
            .chain(node)
            .chain(self.more.domain.map(str::to_owned))
            .collect()
    }

    /// The same for the proxy, at each address that the client may have.
    pub(crate) fn config(&self) -> String {
        let (domains, ndots) = (self.search(), self.ndots);
        let rule = |nth| {
            let address = self.at(nth).address;
            format!(
                "[[observe.search]]\nclients = \"{address}/32\"\ndomains = {domains:?}\nndots = {ndots}\n"
            )
        };
        (0..TIMES).map(rule).collect()
    }

    /// The same client at another address, for the `nth` time that it is run.
    pub(crate) fn at(&self, nth: u8) -> Self {
        let [a, b, _, host] = self.address.octets();
        Self { address: Ipv4Addr::new(a, b, NETWORK + nth, host), ..self.clone() }
    }

    pub(crate) fn resolv_conf(&self, nameserver: Ipv4Addr) -> String {
        let search = self.search().join(" ");
        let More { options, silent_server, .. } = self.more;
        let before = if silent_server { format!("nameserver {SILENT}\n") } else { String::new() };
        let options = format!("options ndots:{} {options}", self.ndots);
        format!("search {search}\n{before}nameserver {nameserver}\n{options}\n")
    }
}

impl fmt::Display for More {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, domain, silent_server } = self;
        let silent = if *silent_server { " after a silent server" } else { "" };
        write!(f, "{}{options}{silent}", domain.unwrap_or_default())
    }
}

/// Each program with each of these settings, each at an address of its own.
pub(crate) fn matrix(ndots: &[u8], extras: &[usize]) -> Vec<Client> {
    each_of(&Program::ALL, ndots, extras)
}

/// The same of some programs.
pub(crate) fn each_of(programs: &[Program], ndots: &[u8], extras: &[usize]) -> Vec<Client> {
    let settings = ndots
        .iter()
        .flat_map(|ndots| extras.iter().map(move |extra| (*ndots, *extra)));
    settings
        .flat_map(|(ndots, extra)| programs.iter().map(move |program| (*program, ndots, extra)))
        .zip(FIRST_HOST..)
        .map(|((program, ndots, extra), host)| Client {
            program,
            address: Ipv4Addr::new(10, 78, NETWORK, host),
            ndots,
            extra,
            more: More::default(),
        })
        .collect()
}

/// Some programs with ndots 5, once with each of these settings.
pub(crate) fn set_up(programs: &[Program], settings: &[More]) -> Vec<Client> {
    let mut clients = Vec::new();
    for more in settings {
        let each = each_of(programs, &[5], &[0]);
        clients.extend(
            each.into_iter()
                .map(|client| Client { more: *more, ..client }),
        );
    }
    number(&mut clients);
    clients
}

/// Gives each an address of its own.
pub(crate) fn number(clients: &mut [Client]) {
    for (client, host) in clients.iter_mut().zip(FIRST_HOST..) {
        client.address = Ipv4Addr::new(10, 78, NETWORK, host);
    }
}

/// The programs, built.
pub(crate) struct Programs {
    dir: tempfile::TempDir,
}

impl Programs {
    /// Says whether all that is needed is there.
    pub(crate) fn can_be_had() -> bool {
        let tools = ["gcc", "musl-gcc", "go", "node", "dig", "nslookup", "nft"];
        testbed::have(Component::Netns)
            && testbed::have(Component::Tshark)
            && tools
                .iter()
                .all(|tool| testbed::have_program(tool, Component::Tshark))
    }

    /// Says whether Python has a resolver of its own.
    pub(crate) fn has_dnspython() -> bool {
        let found = Command::new("python3")
            .args(["-c", "import dns.resolver"])
            .output();
        let is_there = found.is_ok_and(|output| output.status.success());
        if !is_there {
            println!("without dnspython: python3 has no module `dns`");
        }
        is_there
    }

    pub(crate) fn build() -> Self {
        let programs = Self { dir: tempfile::tempdir().unwrap() };
        programs.compile(Command::new("gcc").arg("-pthread"), "glibc", "getaddrinfo.c");
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
            Program::Getent => script("sh", "tool.sh", "getent"),
            Program::Dnspython => {
                vec!["python3".into(), sources().join("lookup.py").into_os_string()]
            }
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
/// The third octet of the addresses of clients that run for the first time.
const NETWORK: u8 = 1;
/// How often a client is run at most; see [`Client::at`].
pub(crate) const TIMES: u8 = 3;
/// An address of the pods' network that no host has.
const SILENT: Ipv4Addr = Ipv4Addr::new(10, 78, 9, 1);

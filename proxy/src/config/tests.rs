//! Files and flags, good and bad, as tables.

use std::net::IpAddr;
use std::path::Path;

use clap::Parser as _;

use super::check::build;
use super::file::Source;
use super::machine::Machine;
use super::*;
use crate::cli::{Cli, Command};
use ::observe::Transport;

fn machine() -> Machine {
    let text = "nameserver 127.0.0.1\nnameserver 10.0.0.2\n".to_owned();
    let resolv_conf = ("/etc/resolv.conf".into(), text);
    Machine {
        memory_limit: None,
        processors: 8,
        resolv_conf,
        resolved_conf: "nameserver 10.0.0.2\nnameserver 10.0.0.1\n".to_owned(),
        node: Some("node-a".to_owned()),
        networks: || vec!["10.0.0.0/24".parse().unwrap()],
        is_local: |ip| ip == IpAddr::from([10, 0, 0, 1]),
        interface: |name| (name == "eth0").then_some(7),
    }
}

fn args(flags: &[&str]) -> RunArgs {
    let words = ["fivedots", "run"].iter().chain(flags);
    match Cli::try_parse_from(words).unwrap().command {
        Command::Run(args) => args,
        _ => unreachable!("asked to run"),
    }
}

fn file(text: &str) -> Result<Config, ConfigError> {
    let source = Source::parse(Path::new("f.toml"), text.to_owned())?;
    build(&source, &RunArgs::default(), &machine())
}

fn flags(flags: &[&str]) -> Result<Config, ConfigError> {
    build(&Source::empty(), &args(flags), &machine())
}

fn upstreams_of(config: &Config, suffix: &str) -> Vec<String> {
    let zone = config
        .zones
        .iter()
        .find(|zone| zone.suffix.to_string() == suffix);
    zone.unwrap()
        .upstreams
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn nothing_written_means_the_documented_defaults() {
    let config = flags(&[]).unwrap();
    assert_eq!(config.to_toml(), file(DEFAULTS).unwrap().to_toml());
    assert_eq!(config.listen, ["127.0.0.1:5335".parse().unwrap()]);
    assert_eq!(config.workers, 2);
    assert_eq!(config.cache.bytes, 64 << 20);
    assert_eq!(upstreams_of(&config, "."), ["127.0.0.1:53", "10.0.0.2:53"]);
}

/// Every key that is commented out in the defaults is one, too.
#[test]
fn the_commented_keys_of_the_defaults_are_keys() {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => key.to_owned(),
        _ => line.to_owned(),
    };
    let lines: Vec<_> = DEFAULTS.lines().map(uncommented).collect();
    let config = file(&lines.join("\n")).unwrap();
    assert_eq!(upstreams_of(&config, "cluster.local."), ["10.96.0.10:53"]);
    assert_eq!(upstreams_of(&config, "."), ["10.0.0.2:53", "10.0.0.3:53"]);
}

/// Of two ranges that hold a client the smaller one knows it better.
#[test]
fn search_lists_are_given_by_address_range() {
    let text = "version = 1
[[observe.search]]
clients = \"10.244.0.0/16\"
domains = [\"a.svc.cluster.local\"]
ndots = 5
[[observe.search]]
clients = \"10.244.7.9\"
domains = []
ndots = 2";
    let config = file(text).unwrap();
    let ndots = |client: &str| {
        config
            .observe
            .rule(client.parse().unwrap())
            .map(|rule| rule.ndots)
    };
    assert_eq!(ndots("10.244.7.8"), Some(5));
    assert_eq!(ndots("10.244.7.9"), Some(2));
    assert_eq!(ndots("10.0.0.1"), None);
    assert_eq!(file(&config.to_toml()).unwrap().observe, config.observe);
}

#[test]
fn a_word_that_is_unknown_is_refused_with_those_that_are_known() {
    let error = file("version = 1\n[kubernetes]\nscope = \"mine\"").unwrap_err();
    let said = "f.toml:3: kubernetes.scope: \"mine\" is none of \"node\", \"all\"";
    assert_eq!(error.to_string(), said);
}

#[test]
fn the_node_gives_pods_its_search_list_without_the_clusters() {
    let with = |text: &str| {
        let resolv_conf = ("r.conf".into(), format!("nameserver 10.0.0.2\n{text}\n"));
        let machine = Machine { resolv_conf, ..machine() };
        build(&Source::empty(), &RunArgs::default(), &machine)
            .unwrap()
            .kubernetes
    };
    let of_node = with("search corp.example ec2.internal\noptions ndots:2");
    assert_eq!(of_node.node_search, ["corp.example", "ec2.internal"]);
    assert_eq!((of_node.node_ndots, of_node.node.as_deref()), (Some(2), Some("node-a")));
    let pod = "search a.svc.cluster.local svc.cluster.local cluster.local xcluster.local";
    let of_pod = with(&format!("{pod}\noptions ndots:5"));
    assert_eq!(of_pod.node_search, ["xcluster.local"]);
    assert_eq!(of_pod.node_ndots, None);
}

#[test]
fn what_is_written_out_reads_back_the_same() {
    let zone = ["--zone", "cluster.local=10.96.0.10+tcp", "--admin", "unix:/run/x.sock"];
    let config = flags(&zone).unwrap();
    assert_eq!(file(&config.to_toml()).unwrap().to_toml(), config.to_toml());
}

#[test]
fn a_bad_file_is_refused_with_line_field_and_value() {
    for (text, said) in [
        (
            "version = 1\n[observe]\nclients = 0",
            "f.toml:3: observe.clients: 0 is not between 1 and 65536",
        ),
        (
            "version = 1\n[observe]\nbuffer = \"1KiB\"",
            "f.toml:3: observe.buffer: 1024 octets is not between 64KiB and 64MiB",
        ),
        (
            "version = 1\n[[observe.search]]\nclients = \"10.0/8\"\ndomains = []\nndots = 1",
            "f.toml:3: observe.search.clients: \"10.0/8\" is not a range",
        ),
        (
            "version = 1\n[[observe.search]]\nclients = \"10.0.0.0/8\"\ndomains = []\nndots = 16",
            "f.toml:5: observe.search.ndots: 16 is not between 0 and 15",
        ),
        ("", "f.toml:1: version is missing"),
        ("version = 2", "f.toml:1: version: 2 is not"),
        ("version = 1\ncahce = 1", "f.toml:2: cahce: unknown field `cahce`"),
        ("version = 1\nversion = 1", "f.toml:2: version: duplicate key"),
        ("version = 1\n[cache]\nsize = \"64MB\"", "f.toml:3: cache.size: \"64MB\" is not a size"),
        ("version = 1\n[cache]\nsize = 1000", "f.toml:3: cache.size: 1000 octets is not"),
        ("version = 1\n[cache]\nrotate = 1", "f.toml:3: cache.rotate: invalid type: integer `1`"),
        (
            "version = 1\n[cache]\nnegative_share = 9",
            "f.toml:3: cache.negative_share: 9 is not between 10 and 100",
        ),
        ("version = 1\n[cache]\nmin_ttl = \"2h\"", "f.toml:3: cache.min_ttl: \"2h\" is above"),
        ("version = 1\n[forward]\ndeadline = \"5s\"", "f.toml:3: forward.deadline: \"5s\" is not"),
        ("version = 1\n[tcp]\nmax_inflight = 0", "f.toml:3: tcp.max_inflight: 0 is not between"),
        ("version = 1\nworkers = -1", "f.toml:2: workers: -1 is not between 1 and 64"),
        ("version = 1\nlisten = []", "f.toml:2: listen: 0 addresses"),
        ("version = 1\nlisten = [\n\"::1\",\n]", "f.toml:2: listen: \"::1\" is not an address"),
        ("version = 1\nlisten = [\"[::1]:1\", \"[::1]:1\"]", "f.toml:2: listen: [::1]:1 is listed"),
        ("version = 1\nupstreams = [\"x\"]", "f.toml:2: upstreams: \"x\" is not an address"),
        ("version = 1\nupstreams = [\"127.0.0.1:5335\"]", "f.toml:2: upstreams: 127.0.0.1:5335 is"),
        ("version = 1\nadmin = \"unix:x\"", "f.toml:2: admin: \"unix:x\" is neither"),
        ("version = 1\nlog_format = \"xml\"", "f.toml:2: log_format: \"xml\" is neither"),
        ("version = 1\n[[zone]]\nsuffix = \"a\"", "f.toml:2: zone: missing field `upstreams`"),
        (
            "version = 1\n[[zone]]\nsuffix = \"a..b\"\nupstreams = [\"::1\"]",
            "f.toml:3: zone.suffix: \"a..b\" is not a domain name",
        ),
        (
            "version = 1\n[[zone]]\nsuffix = \"a\"\nupstreams = [\"::1\"]\ntransport = \"dot\"",
            "f.toml:5: zone.transport: \"dot\" is none of",
        ),
        (
            "version = 1\n[[zone]]\nsuffix = \"a\"\nupstreams = [\"::1\"]\n\
             [[zone]]\nsuffix = \"A.\"\nupstreams = [\"::1\"]",
            "f.toml:6: zone.suffix: \"A.\" has a zone already",
        ),
    ] {
        let error = file(text).unwrap_err().to_string();
        assert!(error.starts_with(said), "{text:?}:\n  {error}\n  {said}");
    }
}

#[test]
fn a_bad_zone_under_tls_is_refused_likewise() {
    for (text, said) in [
        (
            "version = 1\n[[zone]]\nsuffix = \"a\"\nupstreams = [\"::1\"]\ntransport = \"tls\"",
            "f.toml:5: zone.transport: \"tls\" needs tls_name",
        ),
        (
            "version = 1\n[[zone]]\nsuffix = \"a\"\nupstreams = [\"::1\"]\ntls_name = \"a\"",
            "f.toml:5: zone.tls_name: it is for transport = \"tls\" alone",
        ),
        (
            "version = 1\n[[zone]]\nsuffix = \"a\"\nupstreams = [\"::1\"]\ntransport = \"tls\"\n\
             tls_name = \"a\"\ntls_ca = \"/no/ca\"",
            "f.toml:7: zone.tls_ca: /no/ca: ",
        ),
    ] {
        let error = file(text).unwrap_err().to_string();
        assert!(error.starts_with(said), "{text:?}:\n  {error}\n  {said}");
    }
}

#[test]
fn flags_win_over_the_file() {
    let text = "version = 1\nworkers = 3\nupstreams = [\"10.0.0.9\"]\n\
                [[zone]]\nsuffix = \"a\"\nupstreams = [\"10.0.0.8\"]";
    let source = Source::parse(Path::new("f.toml"), text.to_owned()).unwrap();
    let args = args(&["--workers", "5", "--upstream", "10.0.0.1", "--zone", "A=10.0.0.7+tcp"]);
    let config = build(&source, &args, &machine()).unwrap();
    assert_eq!(config.workers, 5);
    assert_eq!(upstreams_of(&config, "."), ["10.0.0.1:53"]);
    assert_eq!(upstreams_of(&config, "A."), ["10.0.0.7:53"]);
    assert_eq!(config.zones.len(), 2);
    assert_eq!(config.zones[0].transport, Transport::Tcp);
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    for (given, said) in [
        (vec!["--upstream", "127.0.0.1:5335"], "our own address"),
        (vec!["--listen", "0.0.0.0:53", "--upstream", "127.0.0.9"], "our own address"),
        (vec!["--listen", "[::1]:1", "--listen", "[::1]:1"], "twice"),
        (vec!["--zone", "a=::1", "--zone", "A.=::2"], "twice"),
        (vec!["--zone", ".=::1", "--upstream", "::1"], "keep one"),
        (vec!["--admin", "unix:relative"], "--admin"),
        (vec!["--admin", "127.0.0.1:9253"], "metrics and admin"),
    ] {
        let error = flags(&given).unwrap_err().to_string();
        assert!(error.contains(said), "{given:?}: {error}");
    }
}

/// A node whose resolv.conf names the cache itself must not loop.
#[test]
fn our_own_addresses_are_no_servers_of_ours() {
    let config = flags(&["--listen", "127.0.0.1:53"]).unwrap();
    assert_eq!(upstreams_of(&config, "."), ["10.0.0.2:53"]);
    let config = flags(&["--listen", "0.0.0.0:53"]).unwrap();
    assert_eq!(upstreams_of(&config, "."), ["10.0.0.2:53"]);

    let alone =
        |text: &str| Machine { resolv_conf: ("r.conf".into(), text.to_owned()), ..machine() };
    for (text, said) in
        [("", "r.conf has no server;"), ("nameserver 127.0.0.1", "no server but our own address")]
    {
        let args = args(&["--listen", "127.0.0.1:53"]);
        let error = build(&Source::empty(), &args, &alone(text))
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// The port of DNS over TLS is another one, and all of it comes back from the text.
#[test]
fn a_zone_under_tls_reads_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, CERTIFICATE).unwrap();
    let text = format!(
        "version = 1\n[[zone]]\nsuffix = \".\"\nupstreams = [\"192.0.2.1\", \"192.0.2.2:8530\"]\n\
         transport = \"tls\"\ntls_name = \"dns.example\"\ntls_ca = {ca:?}\n"
    );
    let config = file(&text).unwrap();
    assert_eq!(upstreams_of(&config, "."), ["192.0.2.1:853", "192.0.2.2:8530"]);
    let again = file(&config.to_toml()).unwrap();
    assert_eq!(again.zones, config.zones);
}

/// Of an authority whose key is gone.
const CERTIFICATE: &str = include_str!("tests/ca.pem");

#[test]
fn a_link_local_server_keeps_its_zone() {
    let text = "nameserver fe80::1%eth0\nnameserver fe80::2%3\nnameserver fe80::3%eth9\n";
    let machine = Machine { resolv_conf: ("r.conf".into(), text.to_owned()), ..machine() };
    let config = build(&Source::empty(), &RunArgs::default(), &machine).unwrap();
    assert_eq!(upstreams_of(&config, "."), ["[fe80::1%7]:53", "[fe80::2%3]:53", "[fe80::3]:53"]);
    assert!(config.follows_resolv_conf);
    assert!(
        !flags(&["--upstream", "10.0.0.2"])
            .unwrap()
            .follows_resolv_conf
    );
}

#[test]
fn the_cache_takes_a_quarter_of_the_limit_and_64_mib_at_most() {
    for (limit, bytes) in [
        (None, 64 << 20),
        (Some(1 << 30), 64 << 20),
        (Some(128 << 20), 32 << 20),
        (Some(1), 1 << 20),
    ] {
        let machine = Machine { memory_limit: limit, ..machine() };
        let config = build(&Source::empty(), &RunArgs::default(), &machine).unwrap();
        assert_eq!(config.cache.bytes, bytes, "{limit:?}");
    }
}

/// The files of the node lead from systemd-resolved's stub back to us.
#[test]
fn a_way_back_through_the_node_is_found_and_not_refused() {
    let ways = |given: &[&str]| {
        let config = flags(given).unwrap();
        let ways = config.loops.found.iter().map(forward::Sighting::way);
        ways.collect::<Vec<_>>()
    };
    let way = "us -> 127.0.0.53:53 (systemd-resolved) -> 10.0.0.1:53 -> us";
    assert_eq!(ways(&["--listen", "10.0.0.1:53", "--upstream", "127.0.0.53"]), [way]);
    assert_eq!(ways(&["--listen", "0.0.0.0:53", "--upstream", "10.0.0.9"]), [""; 0]);
    assert_eq!(ways(&["--listen", "10.0.0.1:5353", "--upstream", "127.0.0.53"]), [""; 0]);
    assert_eq!(ways(&["--listen", "10.0.0.1:53", "--upstream", "127.0.0.53:5353"]), [""; 0]);
}

#[test]
fn a_wildcard_is_every_address_of_the_machine() {
    let error = flags(&["--listen", "0.0.0.0:53", "--upstream", "10.0.0.1"]).unwrap_err();
    assert!(error.to_string().contains("10.0.0.1:53 is our own address"), "{error}");
    flags(&["--listen", "0.0.0.0:5353", "--upstream", "10.0.0.1"]).unwrap();
    flags(&["--listen", "0.0.0.0:53", "--upstream", "10.0.0.2"]).unwrap();
}

#[test]
fn the_loop_guard_is_configured() {
    let zone = "[[zone]]\nsuffix = \"a\"\nupstreams = [\"10.0.0.9\"]\ncluster = true";
    let text = format!("version = 1\n{zone}\n[loop]\nprobe_interval = \"0s\"\nhop_option = true");
    let config = file(&text).unwrap();
    assert!(config.loops.hop_option && config.loops.probe_interval.is_zero());
    assert_eq!(config.zones.iter().filter(|zone| zone.cluster).count(), 1);
    assert_eq!(file(&config.to_toml()).unwrap().to_toml(), config.to_toml());
}

#[test]
fn clients_are_allowed_by_range_and_by_word() {
    let config = file("version = 1\nallow = [\"node\", \"203.0.113.7\", \"2001:db8:1::9/48\"]");
    let config = config.unwrap();
    assert!(
        config
            .to_toml()
            .contains("allow = [\"node\", \"203.0.113.7/32\", \"2001:db8:1::/48\"]")
    );
    let has = |addr: &str| config.allowed().has(addr.parse().unwrap());
    assert!(has("10.0.0.9") && has("203.0.113.7") && has("2001:db8:1:2::3"));
    assert!(!has("10.0.1.9") && !has("127.0.0.1"));
    let error = file("version = 1\nallow = [\"all\"]")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("f.toml:2: allow: \"all\" is not a range"), "{error}");
}

#[test]
fn a_host_of_the_admin_listener_is_a_name() {
    let config = file("version = 1\nadmin_hosts = [\"dns.example\"]").unwrap();
    assert_eq!(config.admin_hosts, ["dns.example"]);
    let error = file("version = 1\nadmin_hosts = [\"dns.example:80\"]").unwrap_err();
    assert!(error.to_string().starts_with("f.toml:2: admin_hosts: "), "{error}");
}

/// TOML escapes other characters than Rust does.
#[test]
fn a_path_is_written_as_toml_reads_it() {
    let config = file("version = 1\nadmin = \"unix:/run/\u{7f0}\u{301}.sock\"").unwrap();
    let written = config.to_toml();
    assert_eq!(file(&written).unwrap().admin, config.admin, "{written}");
}

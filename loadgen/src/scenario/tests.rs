//! A file is read whole, or refused with its line.

use std::path::Path;

use super::*;

pub(super) const GOOD: &str = r#"
schema = 1
name = "t"
[target]
server = "127.0.0.1:5300"
[limits]
max_qps = 1000
max_duration = "1m"
[workload]
names = ["a.example", "b.example MX"]
[[phase]]
name = "one"
for = "10s"
schedule = { shape = "constant", rate = 100 }
[expect]
"one.lost" = "< 1%"
"#;

pub(super) fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse(text, Path::new("s.toml")).map_err(|error| error.to_string())
}

#[test]
fn defaults_fill_what_was_left_out() {
    let scenario = parse(GOOD).unwrap();
    assert_eq!(scenario.target.transport, Transport::Udp);
    assert_eq!(scenario.sender.ports, Ports::Pool(1));
    assert_eq!(scenario.sender.timeout, Duration::from_secs(5));
    assert_eq!(scenario.limits.max_lateness, Duration::from_millis(50));
    assert_eq!((scenario.seed, scenario.workload.names()), (1, 2));
    assert_eq!(scenario.expectations.len(), 1);
}

/// Each replaces a part of the good file, and is refused with this message,
/// which starts with the file, the line and the field.
#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (from, to, message) in [
        ("schema = 1", "schema = 2", "s.toml:2: schema: this version reads schema 1 only"),
        ("name = \"t\"", "nane = \"t\"", "s.toml:3: unknown field `nane`"),
        ("max_qps = 1000", "max_qps = \"many\"", "s.toml:7: invalid type: string \"many\""),
        ("max_qps = 1000", "max_qps = -1", "s.toml:7: limits.max_qps: -1"),
        ("max_qps = 1000", "max_qps = 50", "phase.schedule: 100/s is above limits.max_qps"),
        ("\"1m\"", "\"1 minute\"", "s.toml:8: limits.max_duration: \"1 minute\""),
        ("\"1m\"", "\"5s\"", "s.toml:8: the phases take 10s"),
        ("127.0.0.1:5300", "kube-dns.kube-system", "s.toml:5: target.server: \"kube-dns"),
        ("5300\"", "5300\"\nallow = [\"10.0.0.0/40\"]", "s.toml:6: target.allow: \"10.0.0.0/40\""),
        ("b.example MX", "b..example", "s.toml:10: workload.names: \"b..example\": a label is"),
        ("[\"a.example\", \"b.example MX\"]", "[]", "workload.names: there is no name"),
        ("[\"a.example\", \"b.example MX\"]", "\"gone.txt\"", "cannot read gone.txt"),
        ("MX\"]", "MX\"]\npopularity = \"zipf\"", "s.toml:11: workload.popularity: \"zipf\""),
        ("MX\"]", "MX\"]\ntypes = { Q = 1 }", "s.toml:11: workload.types: unknown type \"Q\""),
        ("MX\"]", "MX\"]\ntypes = { A = 0 }", "s.toml:11: workload.types: the weight of A"),
        ("\"one\"\n", "\"run\"\n", "phase.name: \"run\" must be"),
        ("\"10s\"", "\"0s\"", "s.toml:13: phase.for: \"0s\""),
        ("constant", "sawtooth", "s.toml:14: unknown variant `sawtooth`"),
        ("rate = 100 ", "rate = 100, to = 2 ", "s.toml:14: unknown field `to`"),
        ("rate = 100 ", "rate = 0 ", "s.toml:14: phase.schedule: rate: 0 is not a rate"),
        ("one.lost", "two.lost", "s.toml:16: expect: \"two.lost\": there is no phase"),
        ("< 1%", "< 1ms", "s.toml:16: expect: \"one.lost\": \"< 1ms\" has the wrong unit"),
        ("[workload]", "[sender]\nports = \"pool:0\"\n[workload]", "s.toml:10: sender.ports:"),
        ("[workload]", "[sender]\ntimeout = \"2m\"\n[workload]", "s.toml:10: sender.timeout:"),
        ("[workload]", "[sender]\nthreads = 0\n[workload]", "s.toml:10: sender.threads:"),
        ("[workload]", "[sender]\ngso = 1\n[workload]", "s.toml:10: invalid type: integer"),
        ("[workload]", "[sender]\nlinger = \"2m\"\n[workload]", "s.toml:10: sender.linger: \"2m\""),
        ("[workload]", "[sender]\npacing = \"fast\"\n[workload]", "s.toml:10: unknown variant"),
        (
            "[workload]",
            "[sender]\nconnections = 2\n[workload]",
            "s.toml:10: sender.connections: over",
        ),
        (
            "[workload]",
            "[sender]\nports = \"pool:3\"\nthreads = 4\n[workload]",
            "s.toml:11: sender.threads: 4 cannot share 3 source port(s)",
        ),
        ("MX\"]", "MX\"]\nlookup = { search = [] }", "workload.names: b.example. has a type"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(message), "{to}: {error}");
        assert!(error.starts_with("s.toml:"), "{to}: {error}");
    }
}

/// Of ways to ask, and shapes.
#[test]
fn what_is_wrong_with_the_rarer_words_is_named_as_well() {
    let words = [
        ("MX\"]", "MX\"]\nnxdomain = \"5\"", "s.toml:11: workload.nxdomain: \"5\" is not 0%"),
        ("MX\"]", "MX\"]\nedns = 100", "s.toml:11: workload.edns: 100 is less than 512"),
        ("MX\"]", "MX\"]\ndnssec_ok = true", "s.toml:11: workload.dnssec_ok: DO is a bit of"),
        ("MX\"]", "MX\"]\norder = \"any\"", "s.toml:11: unknown variant `any`"),
        (
            "[\"a.example\", \"b.example MX\"]",
            "{ services = \"gone.json\" }",
            "s.toml:10: workload.names: cannot read gone.json: ",
        ),
        (
            "[\"a.example\", \"b.example MX\"]",
            "{ services = \"gone.json\", form = \"{zone}\" }",
            "s.toml:10: workload.names: form: \"{zone}\" is not of {name}, {namespace} and text",
        ),
        (
            "[\"a.example\", \"b.example MX\"]",
            "{ service = \"gone.json\" }",
            "s.toml:10: names: neither a list, nor the path of a file, nor { services",
        ),
        ("\"t\"", "\"t\"\nstop = [\"lost > 1\"]", "s.toml:4: stop: \"lost > 1\": write for"),
        (
            "MX\"]",
            "MX\"]\npopularity = \"zipf:1\"\norder = \"file\"",
            "s.toml:12: workload.order: names in their order are not drawn",
        ),
        (
            "\"constant\", rate = 100",
            "\"step\", from = 1, to = 9, steps = 1",
            "s.toml:14: phase.schedule: steps: 1 is not 2 to",
        ),
        (
            "\"constant\", rate = 100",
            "\"sine\", mean = 5, amplitude = 9, period = \"1s\"",
            "s.toml:14: phase.schedule: amplitude: 9/s must be below the mean, 5/s",
        ),
        (
            "\"constant\", rate = 100",
            "\"burst\", size = 500, every = \"1s\"",
            "s.toml:14: phase.schedule: 5000/s is above limits.max_qps",
        ),
        (
            "\"constant\", rate = 100",
            "\"on-off\", rate = 9, on = \"1\", off = \"1s\"",
            "s.toml:14: phase.schedule: on: \"1\" is not a duration",
        ),
    ];
    for (from, to, message) in words {
        assert!(GOOD.contains(from), "{from}");
        let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(message), "{to}: {error}");
        assert!(error.starts_with("s.toml:"), "{to}: {error}");
    }
}

#[test]
fn a_closed_loop_has_no_latency_to_expect() {
    let closed = GOOD.replace("shape = \"constant\", rate = 100", "shape = \"max\", window = 8");
    assert!(parse(&closed).is_ok());
    for key in ["one.latency.p99", "run.latency.p99", "one.lookup.p50"] {
        let text = closed.replace("\"one.lost\" = \"< 1%\"", &format!("\"{key}\" = \"< 1ms\""));
        let error = parse(&text).unwrap_err();
        assert!(error.contains("a closed loop (shape = \"max\") has no latency"), "{error}");
    }
}

#[test]
fn a_lookup_walks_its_search_path() {
    let lookup = "\"]\nlookup = { search = [\"x.svc.cluster.local\", \"cluster.local\"] }";
    let scenario = parse(&GOOD.replace(" MX\"]", lookup)).unwrap();
    assert!(scenario.workload.is_lookup());
    // Three names, A and AAAA.
    assert_eq!(scenario.workload.max_queries_per_draw(), 6);
}

/// What a resolver would not append, and libraries of which there is no model.
#[test]
fn a_search_path_is_one_that_a_pod_can_have() {
    let asked =
        |lookup: &str| parse(&GOOD.replace(" MX\"]", &format!("\"]\nlookup = {{ {lookup} }}")));
    for (lookup, message) in [
        ("search = [\"..\"]", "s.toml:11: lookup.search: \"..\" is no domain name"),
        ("search = [\"x y\"]", "s.toml:11: lookup.search: \"x y\" is no domain name"),
        ("search = [\"\"]", "s.toml:11: lookup.search: \"\" is no domain name"),
        ("search = [], family = \"bionic\"", "s.toml:11: lookup.family: \"bionic\" is none of"),
    ] {
        let error = asked(lookup).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    let scenario = asked("search = [\"a.b\"], family = \"go\"").unwrap();
    assert_eq!(scenario.clients.unwrap().count(), 1);
}

/// Held back by the limit they would not be independent of each other any more.
#[test]
fn poisson_arrivals_need_room_below_the_limit() {
    let poisson = |max_qps: &str| {
        let text = GOOD
            .replace("constant", "poisson")
            .replace("max_qps = 1000", max_qps);
        parse(&text)
    };
    assert!(poisson("max_qps = 330").is_ok());
    let error = poisson("max_qps = 320").unwrap_err();
    assert!(error.contains("limits.max_qps must be at least that"), "{error}");
}

/// 65,536 ids are not to be used again while an answer may come.
#[test]
fn ports_are_as_many_as_ids_last_for() {
    let ports = |rate: u32, length: &str, sender: &str| {
        let text = GOOD
            .replace("max_qps = 1000", "max_qps = 100000")
            .replace("rate = 100 ", &format!("rate = {rate} "))
            .replace("\"10s\"", &format!("\"{length}\""))
            .replace("[workload]", &format!("[sender]\n{sender}\n[workload]"));
        parse(&text).unwrap().sender.ports
    };
    assert_eq!(ports(1_000, "30s", ""), Ports::Pool(1));
    assert_eq!(ports(20_000, "30s", ""), Ports::Pool(8));
    assert_eq!(ports(20_000, "30s", "linger = \"0s\""), Ports::Pool(4));
    assert_eq!(ports(20_000, "1s", ""), Ports::Pool(1));
    assert_eq!(ports(100, "1s", "threads = 3"), Ports::Pool(3));
}

#[test]
fn conditions_are_judged_in_the_order_of_the_file() {
    let lines = "\"one.sent\" = \"> 1\"\n\"one.answered\" = \"> 1\"\n\"one.lost\" = \"< 1%\"";
    let text = GOOD.replace("\"one.lost\" = \"< 1%\"", lines);
    let text = format!("{text}\n[reproduced]\n\"one.rcode.SERVFAIL\" = \"> 50%\"\n");
    let scenario = parse(&text).unwrap();
    let keys: Vec<_> = scenario
        .expectations
        .iter()
        .map(|one| one.key.as_str())
        .collect();
    assert_eq!(keys, ["one.sent", "one.answered", "one.lost"]);
    assert_eq!(scenario.reproduced.len(), 1);
    let error = parse(&text.replace("SERVFAIL", "NODATA")).unwrap_err();
    assert!(error.contains("s.toml:21: reproduced: "), "{error}");
}

/// Where there are no datagrams of one socket to join.
#[test]
fn each_socket_of_a_pool_may_have_an_address_of_its_own() {
    let asked = |first: &str, more: &str| {
        let sender = format!("[sender]\nfirst_source = \"{first}\"\n{more}[workload]");
        parse(&GOOD.replace("[workload]", &sender)).map(|scenario| scenario.sender.first_source)
    };
    assert_eq!(asked("127.10.0.1", "").unwrap(), Some("127.10.0.1".parse().unwrap()));
    for (first, more, said) in [
        ("127.10.0", "", "s.toml:10: invalid IP address"),
        ("::1", "", "s.toml:10: sender.first_source: not of the server's family"),
        ("127.10.0.1", "ports = \"per-query\"\n", "s.toml:10: sender.first_source: addresses are"),
    ] {
        let error = asked(first, more).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn gso_is_refused_where_it_cannot_work() {
    let sender = "[sender]\ngso = true\n";
    let asked = |more: &str, from: &str, to: &str| {
        parse(
            &GOOD
                .replace("[workload]", &format!("{sender}{more}[workload]"))
                .replace(from, to),
        )
    };
    assert!(asked("", "", "").unwrap().sender.gso);
    assert!(!parse(GOOD).unwrap().sender.gso);
    let tcp = "5300\"\ntransport = \"tcp\"";
    for (more, from, to, message) in [
        ("", "5300\"", tcp, "s.toml:11: sender.gso: TCP has no datagrams"),
        ("ports = \"per-query\"\n", "", "", "s.toml:10: sender.gso: with a port per query"),
        ("", " MX\"]", "\"]\nlookup = { search = [] }", "s.toml:10: sender.gso: lookups imitate"),
    ] {
        let error = asked(more, from, to).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn the_fingerprint_is_of_the_text() {
    assert_ne!(fingerprint(GOOD), fingerprint(&GOOD.replace('1', "2")));
    assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
}

/// A word of a client has an effect on what it sends, or is an error.
#[test]
fn clients_have_models_that_use_each_of_their_words() {
    let with = |client: &str, rest: &str| {
        let good = GOOD.replace(" MX\"]", "\"]");
        parse(&format!("{good}[[client]]\n{client}\n{rest}"))
    };
    let scenario =
        with("model = \"glibc\"\ncount = 3", "[[client]]\nmodel = \"c-ares\"\n").unwrap();
    let clients = scenario.clients.unwrap();
    assert_eq!((clients.count(), clients.kinds().len()), (4, 2));
    assert_eq!(clients.kinds()[0].servers, [scenario.target.server]);
    for (client, message) in [
        ("model = \"bionic\"", "client.model: \"bionic\" is none of glibc, musl"),
        ("model = \"musl\"\noptions = \"rotate\"", "musl: option `rotate` is not known"),
        ("model = \"glibc\"\noptions = \"ndots:99\"", "`ndots:99` is out of bounds"),
        ("model = \"glibc\"\ncount = 0", "client.count: at least 1"),
        ("model = \"glibc\"\nsearch = [\"..\"]", "client.search: \"..\" is no domain"),
        ("model = \"c-ares\"\nsearch = [\"a.b\"]", "client.search: c-ares asks"),
        ("model = \"go\"\nservers = [\"nowhere\"]", "client.servers: "),
        ("model = \"go\"\nservers = [\"::1\"]", "client.servers: not of the family"),
        (
            "model = \"go\"\nservers = [\"127.0.0.1\", \"127.0.0.2\", \"127.0.0.3\", \"127.0.0.4\"]",
            "client.servers: resolvers ask 3 at most",
        ),
        ("model = \"go\"\nfirst_source = \"::1\"", "client.first_source: not of"),
    ] {
        let error = with(client, "").unwrap_err();
        assert!(error.contains(message), "{client}: {error}");
    }
    for (rest, message) in [
        ("[sender]\nports = \"one\"", "sender.ports: clients open their own sockets"),
        ("[sender]\ntimeout = \"1s\"", "sender.timeout: that of client.options counts"),
        ("[sender]\npacing = \"exact\"", "sender.pacing: "),
        ("[sender]\ngso = true", "sender.gso: "),
    ] {
        let error = with("model = \"go\"", rest).unwrap_err();
        assert!(error.contains(message), "{rest}: {error}");
    }
}

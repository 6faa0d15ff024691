//! What is beside the load is read whole, or refused with its line.

use crate::scenario::Scenario;
use crate::scenario::tests::{GOOD, parse};

#[test]
fn what_is_wrong_with_a_cause_is_named_with_its_line() {
    let upstream = "[upstream]\nlisten = \"127.0.0.1:5354\"\n";
    let fault = |rest: &str| format!("{upstream}[[upstream.fault]]\n{rest}\n[workload]");
    for (to, message) in [
        (
            "[upstream]\nlisten = \"here\"\n[workload]".to_owned(),
            "s.toml:10: upstream.listen: \"here\"",
        ),
        (format!("{upstream}ttl = 100000\n[workload]"), "s.toml:11: upstream.ttl: 100000 is more"),
        (format!("{upstream}tcp = \"no\"\n[workload]"), "s.toml:11: unknown variant `no`"),
        (
            fault("phase = \"two\""),
            "s.toml:12: upstream.fault.phase: \"two\" is none of the phases",
        ),
        (fault("names = \"..\""), "s.toml:12: upstream.fault.names: \"..\" is no domain"),
        (fault("answer = \"NO\""), "s.toml:12: upstream.fault.answer: \"NO\" is none of right"),
        (fault("delay = \"2m\""), "s.toml:12: upstream.fault.delay: \"2m\" is not a duration"),
        (fault("jitter = \"5\""), "s.toml:12: upstream.fault.jitter: \"5\" is not a duration"),
        (fault("loss = \"5\""), "s.toml:12: upstream.fault.loss: \"5\" is not 0%"),
        (fault("names = \"a.example\""), "upstream.fault: nothing goes wrong"),
        (
            "[ring]\nlisten = \"127.0.0.1:1\"\nlaps = 0\n[workload]".to_owned(),
            "s.toml:11: ring.laps: 0 is not",
        ),
        (
            "[flows]\nfill = \"0%\"\n[workload]".to_owned(),
            "s.toml:10: flows.fill: \"0%\" is not above",
        ),
        (
            "[flows]\nfill = \"9%\"\nlisten = \"::1\"\n[workload]".to_owned(),
            "s.toml:11: flows.listen: \"::1\"",
        ),
        (
            "[flows]\nfill = \"9%\"\nphase = \"x\"\n[workload]".to_owned(),
            "s.toml:11: flows.phase: \"x\" is none",
        ),
        (
            "[others]\nserver = \"127.0.0.2\"\ntimes = 0\n[workload]".to_owned(),
            "s.toml:11: others.times: 0 is not",
        ),
        (
            "[others]\nserver = \"here\"\ntimes = 1\n[workload]".to_owned(),
            "target.server: \"here\"",
        ),
        (
            "[others]\nserver = \"127.0.0.2\"\ntimes = 10\n[workload]".to_owned(),
            "is above limits.max_qps",
        ),
    ] {
        let error = parse(&GOOD.replacen("[workload]", &to, 1)).unwrap_err();
        assert!(error.contains(message), "{to}: {error}");
        assert!(error.starts_with("s.toml:"), "{to}: {error}");
    }
}

/// A figure is of a part of the scenario that is there.
#[test]
fn what_cannot_be_seen_is_not_expected() {
    for (key, reason) in [
        ("one.upstream.asked", "there is no [upstream]"),
        ("one.ring.passed", "there is no [ring]"),
        ("one.server.asked", "there is no target.metrics"),
        ("one.others.sent", "there are no [others]"),
    ] {
        let line = format!("\"{key}\" = \"> 1\"");
        let error = parse(&GOOD.replace("\"one.lost\" = \"< 1%\"", &line)).unwrap_err();
        assert!(error.contains("s.toml:16: expect: ") && error.contains(reason), "{error}");
    }
}

/// The same load elsewhere, so many times; the limits are of both together.
#[test]
fn others_send_the_same_load_many_times() {
    let others = "[others]\nserver = \"127.0.0.2:53\"\ntimes = 4\nunique = true\n[workload]";
    let text = GOOD
        .replace("[workload]", others)
        .replace("one.lost", "one.others.lost");
    let scenario = parse(&text).unwrap();
    let others = scenario.others.unwrap();
    assert_eq!(others.target.server, "127.0.0.2:53".parse().unwrap());
    let rate = |scenario: &Scenario| scenario.phases[0].plan.shape.peak().per_second();
    assert!((rate(&others) - 400.0).abs() < 1e-9);
    assert!((scenario.limits.max_qps - 200.0).abs() < 1e-9);
    assert!((others.limits.max_qps - 800.0).abs() < 1e-9);
    assert!(scenario.expectations[0].of_others && others.expectations.is_empty());
    assert_ne!(others.seed, scenario.seed);
}

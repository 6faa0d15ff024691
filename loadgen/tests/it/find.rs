//! The highest rate at which objectives are kept.

use testbed::by_length;

use crate::answering;
use crate::program::{alone, run};

/// A server that answers no more than so many queries in each 50 ms, and drops the
/// rest: a cliff.
#[test]
fn the_cliff_of_a_server_is_found() {
    let _machine = alone();
    let (cliff, from, step, step_s) =
        by_length((800, "400", "500ms", 0.5), (8_000, "1000", "3s", 3.0));
    let (_server, address) = answering::start_with_cliff(cliff);
    let mut arguments = vec!["find", &address, "--slo", "lost<1%", "--from", from];
    arguments.extend(["--to", "20000", "--step", step, "--timeout", "300ms"]);
    let mut tried = Vec::new();
    for _ in 0..3 {
        let ran = run(&arguments);
        let found = ran.text.lines().last().unwrap_or_default().to_owned();
        let rate: Option<f64> = found
            .strip_prefix("found: ")
            .and_then(|rest| rest.split('/').next()?.parse().ok());
        // 3 % between what is met and what is not, and 1 % may be lost. What the server's
        // budget holds comes on top once a step, if the load is even.
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let share = rate.map(|rate| rate / cliff as f64);
        let most = 1.02 * (1.0 + answering::HELD_S / step_s);
        if ran.code == 0 && share.is_some_and(|share| (0.97..=most).contains(&share)) {
            return;
        }
        tried.push(format!("{}{}", ran.text, ran.errors));
    }
    panic!("{}", tried.join("\n"));
}

#[test]
fn a_search_needs_an_objective_and_a_range() {
    for (arguments, message) in [
        (&["find", "127.0.0.1"][..], "find needs an objective"),
        (&["find", "127.0.0.1", "--slo", "lost<1%", "--from", "0"], "--from 0 must be above 0"),
        (&["find", "127.0.0.1", "--slo", "loss<1%"], "unknown metric \"loss\""),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 64, "{}", ran.errors);
        assert!(ran.errors.contains(message), "{}", ran.errors);
    }
    let ran = run(&["find", "10.96.0.10", "--slo", "lost<1%"]);
    assert_eq!(ran.code, 77, "{}", ran.errors);
}

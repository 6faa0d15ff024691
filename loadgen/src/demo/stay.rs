//! What follows the comparison: the proxy and its load, until somebody has seen enough.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use super::error::DemoError;
use super::subject::Subject;
use crate::run;
use crate::scenario::Scenario;
use crate::sender::Stop;

/// Keeps the pods looking names up until Enter or a signal.
pub(super) fn stay(
    scenario: &Scenario,
    subject: &Subject,
    stop: &Stop,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    let Subject { program, admin, .. } = subject;
    writeln!(
        out,
        "\nThe proxy keeps running, and the pods keep asking:\n\n  \
         the page  http://{admin}/\n  \
         top       {program} top --url http://{admin}\n\n\
         Enter or Ctrl-C ends it."
    )
    .and_then(|()| out.flush())
    .map_err(DemoError::Output)?;
    wait_for_enter(stop.clone());
    run::execute(scenario, stop)
        .map(drop)
        .map_err(DemoError::Run)
}

/// Ends the load when there is a line on standard input. Its end is no line: without a
/// terminal only a signal ends the demo.
fn wait_for_enter(stop: Stop) {
    let wait = move || {
        let mut line = String::new();
        if io::stdin()
            .read_line(&mut line)
            .is_ok_and(|octets| octets > 0)
        {
            stop.set(INTERRUPT);
        }
    };
    // Without the thread a signal still ends the demo.
    thread::Builder::new()
        .name("enter".to_owned())
        .spawn(wait)
        .map(drop)
        .unwrap_or_default();
}

/// Nobody watches a demo for longer; a forgotten one ends.
pub(super) const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// As for Ctrl-C.
const INTERRUPT: u8 = 2;

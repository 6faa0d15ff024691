//! Shows a proxy at work: the pods of a node look up names through it, and
//! then straight at the server behind it. Three outages follow.
//!
//! Everything runs in this machine, on loopback: the server that plays CoreDNS
//! and the Internet is part of this program, the proxy is its child.

use std::io::Write;
use std::time::Duration;

use upstream::Upstream;

use crate::cli::DemoArgs;
use crate::exit::Exit;
use crate::expect::parse_duration;
use crate::report::invalid_reasons;
use crate::run::{self, RunResult};
use crate::scenario::Scenario;
use crate::sender::Stop;

mod acts;
mod error;
mod page;
mod pods;
mod stay;
mod subject;

pub use error::DemoError;
use page::{Page, Side};
use subject::Subject;

/// Shows the demo.
///
/// # Errors
///
/// See [`DemoError`].
pub fn run(args: &DemoArgs, stop: &Stop, out: &mut impl Write) -> Result<Exit, DemoError> {
    let length = parse_duration(&args.length).filter(|length| !length.is_zero());
    let length = length.ok_or_else(|| DemoError::Length(args.length.clone()))?;
    let server = Upstream::builder()
        .script(upstream::kubernetes())
        .start()
        .map_err(|error| DemoError::Upstream(format!("{error:#}")))?;
    let pods = |target| pods::scenario(target, args.rate, length);
    let direct = pods(server.addr()).ok_or(DemoError::Rate(args.rate))?;
    let zones = [("cluster.local", server.addr())];
    let subject = Subject::start(&args.subject, server.addr(), &zones, stop)?;
    announce(out, length, &subject)?;
    let proxied = pods(subject.listen).ok_or(DemoError::Rate(args.rate))?;
    let (through, through_measured) = load(&proxied, &server, stop)?;
    let (straight, straight_measured) = load(&direct, &server, stop)?;

    let page = Page { through, straight };
    write!(out, "{page}").map_err(DemoError::Output)?;
    let mut exit = judge(&page);
    for (scenario, measured) in [(&proxied, &through_measured), (&direct, &straight_measured)] {
        for reason in invalid_reasons(scenario, measured) {
            writeln!(out, "INVALID {reason}").map_err(DemoError::Output)?;
            exit = exit.worse(Exit::Invalid);
        }
    }
    if let Some(signal) = stop.signal() {
        return Ok(exit.worse(Stop::exit_of(signal)));
    }
    exit = exit.worse(acts::play(&args.subject, stop, out)?);
    if !args.exit && stop.signal().is_none() {
        let lasting = pods::scenario(subject.listen, args.rate, stay::LONGEST);
        stay::stay(&lasting.ok_or(DemoError::Rate(args.rate))?, &subject, stop, out)?;
    }
    Ok(exit)
}

/// Runs one load, and reads how many queries reached the server.
fn load(
    scenario: &Scenario,
    server: &Upstream,
    stop: &Stop,
) -> Result<(Side, RunResult), DemoError> {
    server.forget();
    let measured = run::execute(scenario, stop).map_err(DemoError::Run)?;
    let side = Side::new(&measured.recorder.total(), server.total());
    Ok((side, measured))
}

/// The pods must have got something through the proxy, and lost nothing.
fn judge(page: &Page) -> Exit {
    let side = &page.through;
    if side.answered == 0 || side.failed > 0 { Exit::Failed } else { Exit::Passed }
}

fn announce(out: &mut impl Write, length: Duration, subject: &Subject) -> Result<(), DemoError> {
    let (pods, program, admin) = (pods::PODS, &subject.program, subject.admin);
    writeln!(
        out,
        "{pods} pods look up names for {length:?} through {program}, then as long without it.\n\
         Watch it at http://{admin}/ …\n"
    )
    .and_then(|()| out.flush())
    .map_err(DemoError::Output)
}

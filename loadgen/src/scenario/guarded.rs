//! `[guard]` and `stop`: from what was written to what ends a load.

use std::net::SocketAddr;
use std::time::Duration;

use toml::Spanned;

use super::Phase;
use super::error::{Result, Source};
use super::file::GuardFile;
use super::target::parse_server;
use crate::expect::parse_duration;
use crate::probe::GuardProbe;
use crate::stops::StopCondition;

/// Reads the guard; it asks the `target` unless it has a server of its own.
pub(super) fn guard(
    file: &GuardFile,
    target: SocketAddr,
    source: &Source<'_>,
) -> Result<GuardProbe> {
    let server = file.server.as_ref().map(|text| {
        parse_server(text.as_ref())
            .map_err(|reason| source.error(text.span(), format!("guard.server: {reason}")))
    });
    let name = dns::Name::from_text(file.name.as_ref()).map_err(|_| {
        let reason = format!("guard.name: {:?} is no domain name", file.name.as_ref());
        source.error(file.name.span(), reason)
    })?;
    let every = file.every.as_ref().map(|text| {
        parse_duration(text.as_ref())
            .filter(|every| (LEAST..=MOST).contains(every))
            .ok_or_else(|| {
                let reason = format!("guard.every: {:?} is not from 100ms to 1m", text.as_ref());
                source.error(text.span(), reason)
            })
    });
    let fails = file.fails.as_ref().map(|fails| match *fails.as_ref() {
        fails @ 1..=100 => Ok(fails),
        other => {
            let reason = format!("guard.fails: {other} is not from 1 to 100");
            Err(source.error(fails.span(), reason))
        }
    });
    Ok(GuardProbe {
        server: server.transpose()?.unwrap_or(target),
        name,
        every: every.transpose()?.unwrap_or(DEFAULT_EVERY),
        fails: fails.transpose()?.unwrap_or(DEFAULT_FAILS),
    })
}

/// Reads the stop conditions.
pub(super) fn stops(
    file: &[Spanned<String>],
    phases: &[Phase],
    source: &Source<'_>,
) -> Result<Vec<StopCondition>> {
    let is_closed = phases.iter().any(|phase| phase.plan.shape.is_closed());
    if let Some(over) = file.get(MOST_STOPS) {
        let reason = format!("stop: at most {MOST_STOPS} conditions");
        return Err(source.error(over.span(), reason));
    }
    let each = file.iter().map(|text| {
        let wrong = |reason: &str| {
            let reason = format!("stop: {:?}: {reason}", text.as_ref());
            source.error(text.span(), reason)
        };
        let condition = StopCondition::parse(text.as_ref()).map_err(|reason| wrong(&reason))?;
        match is_closed && condition.is_latency() {
            true => Err(wrong("a closed loop (shape = \"max\") has no latency to stop at")),
            false => Ok(condition),
        }
    });
    each.collect()
}

/// More often it would be a load itself.
const LEAST: Duration = Duration::from_millis(100);
/// Less often it would end a load minutes too late.
const MOST: Duration = Duration::from_secs(60);
const DEFAULT_EVERY: Duration = Duration::from_secs(1);
/// One may be lost on the way.
const DEFAULT_FAILS: u32 = 3;
/// More than there are figures to watch.
const MOST_STOPS: usize = 16;

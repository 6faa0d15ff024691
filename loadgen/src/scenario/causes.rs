//! What a scenario has beside its load: `[upstream]`, `[ring]`, `[others]`.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use toml::Spanned;

use super::asked::parse_share;
use super::error::{Result, Source};
use super::file::{
    FaultFile, FlowsFile, OthersFile, RingFile, ScenarioFile, ScheduleFile, TcpFile, UpstreamFile,
};
use super::{Phase, Scenario};
use crate::causes::{Answer, Causes, Fault, FillFlows, PlayedUpstream, Ring, TcpOf};
use crate::expect::parse_duration;

/// Reads the causes of a file.
pub(super) fn causes(file: &ScenarioFile, phases: &[Phase], source: &Source<'_>) -> Result<Causes> {
    let upstream = file.upstream.as_ref();
    let metrics = file.target.metrics.as_ref();
    Ok(Causes {
        upstream: upstream
            .map(|upstream| played(upstream, phases, source))
            .transpose()?,
        ring: file
            .ring
            .as_ref()
            .map(|file| ring(file, source))
            .transpose()?,
        flows: file
            .flows
            .as_ref()
            .map(|file| flows(file, phases, source))
            .transpose()?,
        metrics: metrics
            .map(|addr| address(addr, "target.metrics", source))
            .transpose()?,
    })
}

fn played(file: &UpstreamFile, phases: &[Phase], source: &Source<'_>) -> Result<PlayedUpstream> {
    let ttl = match &file.ttl {
        None => DEFAULT_TTL,
        Some(ttl) if *ttl.as_ref() <= MAX_TTL => *ttl.as_ref(),
        Some(ttl) => {
            let reason = format!("upstream.ttl: {} is more than {MAX_TTL}", ttl.as_ref());
            return Err(source.error(ttl.span(), reason));
        }
    };
    let tcp = match file.tcp.as_ref().map(Spanned::as_ref) {
        None | Some(TcpFile::Serve) => TcpOf::Serve,
        Some(TcpFile::Refuse) => TcpOf::Refuse,
        Some(TcpFile::Drop) => TcpOf::Drop,
    };
    let faults = file.fault.iter().map(|one| fault(one, phases, source));
    Ok(PlayedUpstream {
        listen: address(&file.listen, "upstream.listen", source)?,
        ttl,
        tcp,
        faults: faults.collect::<Result<_>>()?,
    })
}

fn fault(file: &Spanned<FaultFile>, phases: &[Phase], source: &Source<'_>) -> Result<Fault> {
    let FaultFile { phase, names, answer, delay, jitter, loss } = file.as_ref();
    let error = |text: &Spanned<String>, field: &str, what: &str| {
        let reason = format!("upstream.fault.{field}: {:?} {what}", text.as_ref());
        source.error(text.span(), reason)
    };
    let phase = phase_of(phase.as_ref(), "upstream.fault.phase", phases, source)?;
    let suffix = match names {
        None => ".".to_owned(),
        Some(name) => dns::Name::from_text(name.as_ref())
            .map(|_| name.as_ref().clone())
            .map_err(|_| error(name, "names", "is no domain name"))?,
    };
    let time = |text: &Option<Spanned<String>>, field: &str| match text {
        None => Ok(Duration::ZERO),
        Some(text) => parse_duration(text.as_ref())
            .filter(|time| *time <= MAX_DELAY)
            .ok_or_else(|| error(text, field, "is not a duration of at most 60s")),
    };
    let (least, more) = (time(delay, "delay")?, time(jitter, "jitter")?);
    let loss = match loss {
        None => 0.0,
        Some(text) => {
            parse_share(text.as_ref()).ok_or_else(|| error(text, "loss", "is not 0% to 100%"))?
        }
    };
    let answer = match answer {
        None => Answer::Right,
        Some(word) => Answer::parse(word.as_ref()).ok_or_else(|| error(word, "answer", WORDS))?,
    };
    let is_fault = answer != Answer::Right || !(least + more).is_zero() || loss > 0.0;
    if !is_fault {
        let reason = "upstream.fault: nothing goes wrong; give answer, delay, jitter or loss";
        return Err(source.error(file.span(), reason));
    }
    Ok(Fault { phase, names: suffix, answer, delay: (least, least + more), loss })
}

fn ring(file: &RingFile, source: &Source<'_>) -> Result<Ring> {
    let laps = match &file.laps {
        None => DEFAULT_LAPS,
        Some(laps) if (1..=MAX_LAPS).contains(laps.as_ref()) => *laps.as_ref(),
        Some(laps) => {
            let reason = format!("ring.laps: {} is not 1 to {MAX_LAPS}", laps.as_ref());
            return Err(source.error(laps.span(), reason));
        }
    };
    Ok(Ring { listen: address(&file.listen, "ring.listen", source)?, laps })
}

fn flows(file: &FlowsFile, phases: &[Phase], source: &Source<'_>) -> Result<FillFlows> {
    let share = parse_share(file.fill.as_ref()).filter(|share| *share > 0.0);
    let share = share.ok_or_else(|| {
        let reason = format!("flows.fill: {:?} is not above 0% to 100%", file.fill.as_ref());
        source.error(file.fill.span(), reason)
    })?;
    let peer = match &file.listen {
        None => FLOWS_PEER,
        Some(text) => text.as_ref().parse().map_err(|_| {
            let reason =
                format!("flows.listen: {:?} is not an IPv4 address and a port", text.as_ref());
            source.error(text.span(), reason)
        })?,
    };
    Ok(FillFlows {
        phase: phase_of(file.phase.as_ref(), "flows.phase", phases, source)?,
        share,
        peer,
        first_source: file
            .first_source
            .as_ref()
            .map_or(FLOWS_FROM, |first| *first.as_ref()),
    })
}

/// The index of the phase with this name.
fn phase_of(
    name: Option<&Spanned<String>>,
    field: &str,
    phases: &[Phase],
    source: &Source<'_>,
) -> Result<Option<usize>> {
    let Some(name) = name else { return Ok(None) };
    let found = phases.iter().position(|phase| phase.name == *name.as_ref());
    let reason = format!("{field}: {:?} is none of the phases", name.as_ref());
    found
        .map(Some)
        .ok_or_else(|| source.error(name.span(), reason))
}

/// The load of the others: this file once more, with another server and more of all.
pub(super) fn of_others(file: &ScenarioFile, source: &Source<'_>) -> Result<Option<ScenarioFile>> {
    let Some(OthersFile { server, times, unique }) = &file.others else { return Ok(None) };
    if !(1..=MAX_TIMES).contains(times.as_ref()) {
        let reason = format!("others.times: {} is not 1 to {MAX_TIMES}", times.as_ref());
        return Err(source.error(times.span(), reason));
    }
    let times = *times.as_ref();
    let mut others = file.clone();
    (others.others, others.upstream) = (None, None);
    (others.ring, others.flows) = (None, None);
    (others.target.metrics, others.target.server) = (None, server.clone());
    others.seed = file.seed.wrapping_add(OTHER_SEED);
    if let Some(unique) = unique {
        others.workload.as_mut().unique = Some(Spanned::new(server.span(), *unique));
    }
    others.expect.clear();
    others.reproduced.clear();
    let own_sources = others.sender.first_source.iter().map(Spanned::span);
    let client_sources = others.client.iter().filter_map(|client| {
        let client = client.as_ref();
        let servers = client.servers.first().map(Spanned::span);
        client.first_source.as_ref().map(Spanned::span).or(servers)
    });
    if let Some(span) = own_sources.chain(client_sources).next() {
        let reason = "others: they have addresses and servers of their own; leave out \
                      first_source and client.servers";
        return Err(source.error(span, reason));
    }
    for client in &mut others.client {
        let count = client
            .as_ref()
            .count
            .as_ref()
            .map_or(1, |count| *count.as_ref());
        let span = client.span();
        client.as_mut().count = Some(Spanned::new(span, count.saturating_mul(times)));
    }
    for phase in others.phase.as_mut() {
        scale(phase.schedule.as_mut(), times)
            .map_err(|reason| source.error(phase.schedule.span(), format!("others: {reason}")))?;
    }
    Ok(Some(others))
}

fn scale(schedule: &mut ScheduleFile, times: u16) -> std::result::Result<(), &'static str> {
    let more = f64::from(times);
    match schedule {
        ScheduleFile::Constant { rate }
        | ScheduleFile::Poisson { rate }
        | ScheduleFile::OnOff { rate, .. } => *rate *= more,
        ScheduleFile::Ramp { from, to } | ScheduleFile::Step { from, to, .. } => {
            *from *= more;
            *to *= more;
        }
        ScheduleFile::Sine { mean, amplitude, .. } => {
            *mean *= more;
            *amplitude *= more;
        }
        ScheduleFile::Burst { size, .. } => *size = size.saturating_mul(u32::from(times)),
        ScheduleFile::Max { .. } => return Err("a closed loop has no rate to send more of"),
    }
    Ok(())
}

/// A condition needs the part of the scenario that its figure comes from.
pub(super) fn is_seen(
    scenario: &Scenario,
    expectation: &crate::expect::Expectation,
) -> std::result::Result<(), String> {
    use crate::evidence::Source as From;
    if expectation.of_others && scenario.others.is_none() {
        return Err("there are no [others]".to_owned());
    }
    let crate::expect::Metric::Seen(seen) = expectation.metric else { return Ok(()) };
    if scenario.causes.has(seen.source()) {
        return Ok(());
    }
    Err(match seen.source() {
        From::Upstream => "there is no [upstream]",
        From::Ring => "there is no [ring]",
        From::Server => "there is no target.metrics",
        From::Kernel => "the kernel does not show it",
    }
    .to_owned())
}

fn address(text: &Spanned<String>, field: &str, source: &Source<'_>) -> Result<SocketAddr> {
    text.as_ref().parse().map_err(|_| {
        let reason = format!("{field}: {:?} is not an address and a port", text.as_ref());
        source.error(text.span(), reason)
    })
}

/// What `upstream.fault.answer` may be.
const WORDS: &str = "is none of right, silence, truncated, wrong-id, SERVFAIL, REFUSED, NXDOMAIN, \
                     FORMERR, NOTIMP";
/// A minute, as most public names have at least.
const DEFAULT_TTL: u32 = 60;
/// A day (RFC 8767, section 4, caps at a week; a test does not last that long).
const MAX_TTL: u32 = 86_400;
/// Longer than any client waits.
const MAX_DELAY: Duration = Duration::from_secs(60);
/// As many hops as an IP packet of Linux lives.
const DEFAULT_LAPS: u32 = 64;
/// More would be an outage of its own.
const MAX_LAPS: u32 = 1_000;
/// More nodes than this machine can play.
const MAX_TIMES: u16 = 1_000;
/// Others ask other names at other moments.
const OTHER_SEED: u64 = 0x6f74_6865_7273;
/// Loopback addresses that nothing else uses.
const FLOWS_PEER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 63, 0, 1), 5399);
const FLOWS_FROM: Ipv4Addr = Ipv4Addr::new(127, 64, 0, 1);

#[cfg(test)]
mod tests;

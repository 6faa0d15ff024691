//! Values within their bounds, or an error that names the line and the bounds.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use super::ConfigError;
use super::file::Source;
use super::units::{Size, Time, show_size, show_time};

pub(super) fn time(
    source: &Source,
    written: &Option<Spanned<Time>>,
    default: Duration,
    range: RangeInclusive<Duration>,
) -> Result<Duration, ConfigError> {
    let Some(written) = written else { return Ok(default) };
    let time = written.get_ref().0;
    if range.contains(&time) {
        return Ok(time);
    }
    let [least, most] = [range.start(), range.end()].map(|bound| show_time(*bound));
    let reason = format!("\"{}\" is not between {least} and {most}", show_time(time));
    Err(source.wrong(&written.span(), &reason))
}

pub(super) fn size(
    source: &Source,
    written: &Option<Spanned<Size>>,
    default: usize,
    range: RangeInclusive<usize>,
) -> Result<usize, ConfigError> {
    let Some(written) = written else { return Ok(default) };
    let octets = written.get_ref().0;
    if range.contains(&octets) {
        return Ok(octets);
    }
    let [least, most] = [range.start(), range.end()].map(|bound| show_size(*bound));
    let reason = format!("{octets} octets is not between {least} and {most}");
    Err(source.wrong(&written.span(), &reason))
}

pub(super) fn count(
    source: &Source,
    written: &Option<Spanned<i64>>,
    default: usize,
) -> Result<usize, ConfigError> {
    let number = |written| number(source, written, COUNT);
    written.as_ref().map_or(Ok(default), number)
}

pub(super) fn number(
    source: &Source,
    written: &Spanned<i64>,
    range: RangeInclusive<usize>,
) -> Result<usize, ConfigError> {
    let found = usize::try_from(*written.get_ref()).ok();
    found
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let (found, least, most) = (written.get_ref(), range.start(), range.end());
            source.wrong(&written.span(), &format!("{found} is not between {least} and {most}"))
        })
}

pub(super) fn addrs<T>(written: &[Spanned<T>], addr: impl Fn(&T) -> SocketAddr) -> Vec<SocketAddr> {
    written
        .iter()
        .map(|written| addr(written.get_ref()))
        .collect()
}

/// Returns a default number of things that take memory: with less than
/// [`AMPLE`], as many fewer.
pub(super) fn scaled(default: usize, memory_limit: Option<u64>) -> usize {
    let limit = memory_limit.map_or(AMPLE, |limit| usize::try_from(limit).unwrap_or(AMPLE));
    (default / FINEST * (limit.min(AMPLE) / (AMPLE / FINEST))).max(default / FINEST)
}

/// Octets from which on all have their usual defaults: the usual limit of a node-local
/// cache.
const AMPLE: usize = 128 << 20;

/// The steps in which defaults grow.
const FINEST: usize = 64;

/// A million of anything is a mistake.
const COUNT: RangeInclusive<usize> = 1..=1_000_000;

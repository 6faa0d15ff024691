//! Durations, sizes and addresses as they are written in a file.
//!
//! Each is a type whose `Deserialize` checks it, so that the error carries the
//! place of the value.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::cli;

/// A duration: `"250ms"`, `"10s"`, `"5m"`, `"1h"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        parse_time(&text).map(Self).map_err(Error::custom)
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{text:?} is not a duration such as \"250ms\" or \"10s\"")),
    };
    number
        .and_then(|number| number.checked_mul(millis))
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is not a duration such as \"250ms\" or \"10s\""))
}

/// Writes a duration so that [`Time`] reads it.
pub(super) fn show_time(time: Duration) -> String {
    match time.as_millis() {
        0 => "0s".to_owned(),
        millis if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
        millis if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

/// A size in octets: `4096`, `"64MiB"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) usize);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SizeVisitor)
    }
}

/// Writes a size with the largest unit that leaves no rest.
pub(super) fn show_size(octets: usize) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units
        .iter()
        .find(|(_, shift)| octets > 0 && octets.is_multiple_of(1 << shift));
    match whole {
        Some((unit, shift)) => format!("{}{unit}", octets >> shift),
        None => octets.to_string(),
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as \"64MiB\" or a number of octets")
    }

    fn visit_i64<E: Error>(self, octets: i64) -> Result<Size, E> {
        let size = usize::try_from(octets).map(Size);
        size.map_err(|_| E::custom(format!("{octets} is not a size")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        let (number, unit) = split_unit(text);
        let shift = match unit {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(E::custom(format!("{text:?} is not a size such as \"64MiB\""))),
        };
        number
            .and_then(|number| number.checked_mul(1 << shift))
            .and_then(|octets| usize::try_from(octets).ok())
            .map(Size)
            .ok_or_else(|| E::custom(format!("{text:?} is not a size such as \"64MiB\"")))
    }
}

/// A server's address, port 53 when none is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct UpstreamAddr {
    addr: SocketAddr,
    has_port: bool,
}

impl UpstreamAddr {
    /// Returns where it is asked, at `port` if no other is written.
    pub(super) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.addr.ip(), if self.has_port { self.addr.port() } else { port })
    }
}

impl<'de> Deserialize<'de> for UpstreamAddr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let addr = cli::parse_upstream(&text).map_err(Error::custom)?;
        Ok(Self { addr, has_port: text.parse::<SocketAddr>().is_ok() })
    }
}

/// An address of ours, with its port.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnAddr(pub(super) SocketAddr);

impl<'de> Deserialize<'de> for OwnAddr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let addr = text.parse().map(Self);
        addr.map_err(|_| D::Error::custom(format!("{text:?} is not an address and port")))
    }
}

/// An address alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ip(pub(super) IpAddr);

impl<'de> Deserialize<'de> for Ip {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let addr = text.parse().map(Self);
        addr.map_err(|_| D::Error::custom(format!("{text:?} is not an address without a port")))
    }
}

/// The name of a zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suffix(pub(super) dns::Name);

impl<'de> Deserialize<'de> for Suffix {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        cli::parse_suffix(&text).map(Self).map_err(Error::custom)
    }
}

/// A range of addresses; an address alone is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddrRange(pub(super) IpNet);

impl<'de> Deserialize<'de> for AddrRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let alone = || text.parse::<IpAddr>().map(IpNet::from);
        let range = text
            .parse::<IpNet>()
            .map(|range| range.trunc())
            .or_else(|_| alone());
        let error = || D::Error::custom(format!("{text:?} is not a range such as 10.244.0.0/16"));
        range.map(Self).map_err(|_| error())
    }
}

/// Splits `10s` into its number, if it is one, and its unit.
fn split_unit(text: &str) -> (Option<u64>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    (number.parse().ok(), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_written() {
        for text in ["0s", "250ms", "10s", "5m", "1h"] {
            assert_eq!(show_time(parse_time(text).unwrap()), text);
        }
        for bad in ["", "10", "s", "10 s", "1.5s", "-1s", "10d", "99999999999999999999s"] {
            assert!(parse_time(bad).unwrap_err().contains(bad), "{bad}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        let size = |text| SizeVisitor.visit_str::<serde::de::value::Error>(text);
        assert_eq!(size("64MiB").unwrap().0, 64 << 20);
        assert_eq!(size("4096").unwrap().0, 4096);
        for bad in ["64MB", "MiB", "-1", "20000000000GiB"] {
            assert!(size(bad).unwrap_err().to_string().contains(bad), "{bad}");
        }
    }
}

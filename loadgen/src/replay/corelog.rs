//! A line of CoreDNS's `log` plugin, with the time that its log was given.
//!
//! ```text
//! 2026-11-28T10:00:00.25Z stdout F [INFO] 10.244.1.5:41200 - 7 "A IN a.example. udp 40 false 512" NOERROR qr,rd,ra 95 0.0012s
//! ```
//!
//! The plugin writes no time, and writes when a query is over. The container runtime (CRI)
//! and `kubectl logs --timestamps` put a time before each line; the query came its
//! duration before that. One that got no answer has `- - 0`.

use std::net::{IpAddr, SocketAddr};

use dns::{Name, Rcode, Rtype};

use super::Asked;

/// A query of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// When it came, in nanoseconds since 1970.
    pub at: u64,
    /// Who asked.
    pub client: IpAddr,
    /// What for.
    pub asked: Asked,
    /// It came over TCP.
    pub over_tcp: bool,
    /// How it was answered; `None` where it was not.
    pub rcode: Option<Rcode>,
}

/// What is wrong with a line that is about a query.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum LineError {
    #[error(
        "the line has no time: take the log from the node (/var/log/pods), or with \
         kubectl logs --timestamps"
    )]
    NoTime,
    #[error("{0}: {1:?} is not what CoreDNS's log plugin writes")]
    Field(&'static str, String),
    #[error("{0}: {1:?} is not what fivedots record writes")]
    Recorded(&'static str, String),
}

/// Reads a line; `None` if it is about no query.
///
/// # Errors
///
/// When it is about a query and cannot be read.
pub fn parse(line: &str) -> Result<Option<Line>, LineError> {
    let Some((before, rest)) = line.split_once('"') else { return Ok(None) };
    let Some((question, after)) = rest.split_once('"') else { return Ok(None) };
    let mut before = before.split_ascii_whitespace().rev();
    let (id, dash, client) = (before.next(), before.next(), before.next());
    let is_query = dash == Some("-")
        && id.is_some_and(|id| id.parse::<u16>().is_ok())
        && client.is_some_and(|client| client.parse::<SocketAddr>().is_ok());
    let client = client.and_then(|client| client.parse::<SocketAddr>().ok());
    let Some(client) = client.filter(|_| is_query) else { return Ok(None) };
    let time = before.next_back().ok_or(LineError::NoTime)?;
    let stamp = time_of(time).ok_or(LineError::NoTime)?;
    let (asked, over_tcp) = asked(question)?;
    let (rcode, duration) = outcome(after)?;
    Ok(Some(Line {
        at: stamp.saturating_sub(duration),
        client: client.ip(),
        asked,
        over_tcp,
        rcode,
    }))
}

/// Reads `A IN name. udp 40 false 512`.
fn asked(text: &str) -> Result<(Asked, bool), LineError> {
    let wrong = |field| LineError::Field(field, text.to_owned());
    let fields: Vec<_> = text.split(' ').collect();
    let &[qtype, class, name, transport, _, dnssec_ok, payload] = fields.as_slice() else {
        return Err(wrong("the question"));
    };
    if class != "IN" {
        return Err(wrong("the class"));
    }
    let numbered = || qtype.strip_prefix("TYPE")?.parse().ok().map(Rtype);
    let qtype = Rtype::from_mnemonic(qtype)
        .or_else(numbered)
        .ok_or_else(|| wrong("the type"))?;
    let name = Name::from_text(name).map_err(|_| wrong("the name"))?;
    let over_tcp = match transport {
        "udp" => false,
        "tcp" => true,
        _ => return Err(wrong("the transport")),
    };
    let dnssec_ok = match dnssec_ok {
        "true" => true,
        "false" => false,
        _ => return Err(wrong("the DO bit")),
    };
    let payload: u16 = payload.parse().map_err(|_| wrong("the payload size"))?;
    // Without an OPT record CoreDNS writes 512, which no resolver advertises.
    let payload = (payload > dns::MIN_UDP_PAYLOAD || dnssec_ok).then_some(payload);
    Ok((Asked { name, qtype, payload, dnssec_ok }, over_tcp))
}

/// Reads ` NOERROR qr,rd,ra 95 0.0012s`: the RCODE, and nanoseconds.
fn outcome(text: &str) -> Result<(Option<Rcode>, u64), LineError> {
    let wrong = |field| LineError::Field(field, text.trim().to_owned());
    let mut fields = text.split_ascii_whitespace();
    let rcode = fields.next().ok_or_else(|| wrong("the RCODE"))?;
    let rcode = match rcode {
        "-" => None,
        known => Some(Rcode::from_mnemonic(known).ok_or_else(|| wrong("the RCODE"))?),
    };
    let seconds = fields
        .nth(2)
        .and_then(|field| field.strip_suffix('s'))
        .and_then(|seconds| seconds.parse::<f64>().ok())
        .filter(|seconds| (0.0..=MAX_DURATION).contains(seconds))
        .ok_or_else(|| wrong("the duration"))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to an hour, by the line above"
    )]
    let nanos = (seconds * 1e9).round() as u64;
    Ok((rcode, nanos))
}

/// Reads a time of RFC 3339, with up to nine digits of a second, in UTC or with an
/// offset; nanoseconds since 1970.
fn time_of(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => {
            let sign = time.rfind(['+', '-'])?;
            let (time, offset) = time.split_at_checked(sign)?;
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let seconds = number(hours, 23)? * 3600 + number(minutes, 59)? * 60;
            (time, if offset.starts_with('-') { -seconds } else { seconds })
        }
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let clock: Vec<_> = clock.split(':').collect();
    let &[hour, minute, second] = clock.as_slice() else { return None };
    let date: Vec<_> = date.split('-').collect();
    let &[year, month, day] = date.as_slice() else { return None };
    let days = days_since_1970(number(year, 9999)?, number(month, 12)?, number(day, 31)?)?;
    let clock = number(hour, 23)? * 3600 + number(minute, 59)? * 60 + number(second, 60)?;
    let is_fraction =
        (1..=9).contains(&fraction.len()) && fraction.bytes().all(|c| c.is_ascii_digit());
    let nanos: u64 = format!("{fraction:0<9}")
        .parse()
        .ok()
        .filter(|_| is_fraction)?;
    let seconds = u64::try_from(days * 86_400 + clock - offset).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

fn number(text: &str, most: i64) -> Option<i64> {
    let is_plain = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| is_plain && *number <= most)
}

/// Days of the proleptic Gregorian calendar, counted from March so that leap days come
/// last.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if month == 0 || day == 0 {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - FROM_YEAR_0)
}

/// Days from 1 March of year 0 to 1 January 1970.
const FROM_YEAR_0: i64 = 719_468;
/// Seconds of a query at most; CoreDNS gives up after six.
const MAX_DURATION: f64 = 3600.0;

#[cfg(test)]
mod tests {
    use super::*;

    const CRI: &str = "2026-11-28T10:00:00.25Z stdout F [INFO] 10.244.1.5:41200 - 7 \
                       \"A IN a.example. udp 40 false 512\" NOERROR qr,rd,ra 95 0.050s";

    fn time(text: &str) -> u64 {
        time_of(text).unwrap()
    }

    #[test]
    fn the_instant_is_the_stamp_less_the_duration() {
        let line = parse(CRI).unwrap().unwrap();
        assert_eq!(line.at, time("2026-11-28T10:00:00.2Z"));
        assert_eq!(line.client.to_string(), "10.244.1.5");
        assert_eq!(line.asked.name.to_string(), "a.example.");
        assert_eq!((line.asked.qtype, line.asked.payload, line.over_tcp), (Rtype::A, None, false));
        assert_eq!(line.rcode, Some(Rcode::NOERROR));
        // As kubectl logs --timestamps has it.
        let plain = CRI.replace("stdout F ", "");
        assert_eq!(parse(&plain).unwrap().unwrap(), line);
    }

    #[test]
    fn silence_ipv6_edns_and_tcp_are_read() {
        let line = parse(
            "2026-11-28T12:00:06+02:00 [INFO] [fd00::7]:53000 - 65535 \
             \"TYPE65 IN _x.b.example. tcp 52 true 1232\" - - 0 6.0s",
        );
        let line = line.unwrap().unwrap();
        assert_eq!((line.rcode, line.over_tcp), (None, true));
        assert_eq!(line.at, time("2026-11-28T10:00:00Z"));
        assert_eq!(line.client.to_string(), "fd00::7");
        let Asked { qtype, payload, dnssec_ok, .. } = line.asked;
        assert_eq!((qtype, payload, dnssec_ok), (Rtype(65), Some(1232), true));
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in [
            "",
            "2026-11-28T10:00:00Z stdout F [INFO] plugin/reload: Running configuration SHA512 = 1",
            "2026-11-28T10:00:00Z stdout F [ERROR] plugin/errors: 2 a.example. A: read udp: \"x\" y",
        ] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn a_query_that_cannot_be_read_is_an_error() {
        let untimed = CRI.split_once("[INFO]").unwrap().1;
        assert_eq!(parse(untimed), Err(LineError::NoTime));
        assert_eq!(parse(&format!("[INFO]{untimed}")), Err(LineError::NoTime));
        for (from, to, field) in [
            ("A IN", "QQ IN", "the type"),
            ("A IN", "A CH", "the class"),
            ("a.example.", "a..example.", "the name"),
            ("udp", "quic", "the transport"),
            ("false", "no", "the DO bit"),
            ("512", "huge", "the payload size"),
            (" false", "", "the question"),
            ("NOERROR", "FINE", "the RCODE"),
            ("0.050s", "50ms", "the duration"),
            ("0.050s", "-1s", "the duration"),
        ] {
            let error = parse(&CRI.replacen(from, to, 1)).unwrap_err();
            assert!(
                matches!(&error, LineError::Field(found, _) if *found == field),
                "{to}: {error}"
            );
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time("1970-01-01T00:00:00Z"), 0);
        assert_eq!(time("2000-02-29T00:00:00Z") / 1_000_000_000, 951_782_400);
        assert_eq!(time("2026-11-28T10:00:00.000000001Z"), 1_795_860_000_000_000_001);
        for wrong in
            ["", "10:00:00", "2026-13-01T00:00:00Z", "2026-11-28T10:00:00", "2026-11-28T10:00:00.Z"]
        {
            assert_eq!(time_of(wrong), None, "{wrong}");
        }
    }
}

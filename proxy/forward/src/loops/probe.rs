//! Questions that nobody asks but us: one that comes to us has gone round.

use std::io::Write as _;
use std::time::Duration;

use dns::Name;

use super::{Loops, State};
use resolver::Moment;

/// A probe that was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Probe {
    /// The random number in its name.
    pub nonce: u64,
    /// The number of the upstream that it was sent to.
    pub upstream: usize,
    sent: Moment,
    returned: bool,
}

impl Loops {
    /// Returns the name of a probe below `name`, or below the part of it that
    /// leaves room: this process's number and the probe's own.
    pub fn probe_name(&self, nonce: u64, name: &Name) -> Name {
        let mut wire = [0; Name::MAX_LEN];
        let mut below = name.as_wire();
        while below.len() > Name::MAX_LEN - LABELS {
            let label = usize::from(below.first().copied().unwrap_or_default());
            below = below.get(label + 1..).unwrap_or(&[0]);
        }
        let mut out = wire.as_mut_slice();
        for number in [self.process, nonce] {
            // There is room: it was made above.
            write!(out, "\x10{number:016x}").unwrap_or_default();
        }
        out.write_all(below).unwrap_or_default();
        let left = out.len();
        let wire = wire.get(..Name::MAX_LEN - left).unwrap_or(&[0]);
        Name::from_wire(wire).unwrap_or(Name::ROOT)
    }

    /// Returns the random number in the name of one of our own probes.
    pub fn nonce_in(&self, qname: &Name) -> Option<u64> {
        let (labels, _) = qname.as_wire().split_first_chunk::<LABELS>()?;
        let (process, nonce) = labels.split_at(LABEL);
        (number(process)? == self.process).then(|| number(nonce))?
    }

    /// Notes that a probe is sent to an upstream.
    pub fn sent(&self, nonce: u64, upstream: usize, now: Moment) {
        self.lock()
            .sent(Probe { nonce, upstream, sent: now, returned: false });
    }

    /// Takes a probe that has come back, once. Later than ten seconds it has
    /// not: some boxes ask names again that they saw long ago.
    pub fn returned(&self, nonce: u64, now: Moment) -> Option<Probe> {
        let mut state = self.lock();
        let mut probes = state.probes.iter_mut();
        let probe = probes.find(|probe| probe.nonce == nonce)?;
        let late = now.saturating_since(probe.sent) > VALID;
        if probe.returned || late {
            return None;
        }
        probe.returned = true;
        Some(*probe)
    }
}

impl State {
    fn sent(&mut self, probe: Probe) {
        self.probes
            .retain(|old| probe.sent.saturating_since(old.sent) <= VALID);
        if self.probes.len() >= MAX_PROBES {
            self.probes.remove(0);
        }
        self.probes.push(probe);
    }
}

/// Reads a label of sixteen hexadecimal digits, in any case.
fn number(label: &[u8]) -> Option<u64> {
    let (len, digits) = label.split_first()?;
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    (*len == 16 && plain).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Octets of one label, with its length.
const LABEL: usize = 17;

/// Octets of both labels.
const LABELS: usize = 2 * LABEL;

/// A lap takes milliseconds, with lost datagrams seconds.
const VALID: Duration = Duration::from_secs(10);

/// Probes that may come back at a time; the oldest is given up for a new one.
const MAX_PROBES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::from_micros(secs * 1_000_000)
    }

    #[test]
    fn a_probe_is_known_by_its_name_and_by_us_alone() {
        let (ours, theirs) = (Loops::new(0xabcd), Loops::new(0xabce));
        for zone in [".", "cluster.local.", &format!("{}web.", "x.".repeat(125))] {
            let name = ours.probe_name(7, &Name::from_text(zone).unwrap());
            assert_eq!(ours.nonce_in(&name), Some(7), "{name}");
            assert_eq!(theirs.nonce_in(&name), None);
            assert!(name.to_string().ends_with(zone.trim_start_matches("x.")), "{name}");
            let loud = name.to_string().to_uppercase();
            assert_eq!(ours.nonce_in(&Name::from_text(&loud).unwrap()), Some(7));
        }
        for other in [".", "web.", "000000000000abcd.", "000000000000abcd.0000000000000g07.web."] {
            assert_eq!(ours.nonce_in(&Name::from_text(other).unwrap()), None, "{other}");
        }
    }

    #[test]
    fn a_probe_comes_back_once_and_in_time() {
        let loops = Loops::new(1);
        loops.sent(7, 2, at(1));
        loops.sent(8, 3, at(1));
        assert_eq!(loops.returned(9, at(2)), None);
        assert_eq!(loops.returned(7, at(11)).map(|probe| probe.upstream), Some(2));
        assert_eq!(loops.returned(7, at(11)), None);
        assert_eq!(loops.returned(8, at(12)), None);
    }
}

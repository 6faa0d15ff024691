//! Questions that only this process asks: one that arrives here was in a loop.

use std::io::Write as _;

use dns::Name;

use super::Secret;

/// The names of the probes of one process.
#[derive(Clone, Debug)]
pub(crate) struct ProbeNames {
    secret: Secret,
}

impl ProbeNames {
    /// Names that only this process can make.
    pub(crate) const fn new(secret: Secret) -> Self {
        Self { secret }
    }

    /// Returns the secret of this process.
    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns the name of a probe below `name`, or below the part of it that
    /// leaves room: the probe's keyed hash, and its random number.
    pub(crate) fn name(&self, nonce: u64, name: &Name) -> Name {
        let mut wire = [0; Name::MAX_LEN];
        let mut below = name.as_wire();
        while below.len() > Name::MAX_LEN - LABELS {
            let label = usize::from(below.first().copied().unwrap_or_default());
            below = below.get(label + 1..).unwrap_or(&[0]);
        }
        let hash = self
            .secret
            .of_probe(nonce, &Name::from_wire(below).unwrap_or(Name::ROOT));
        let mut out = wire.as_mut_slice();
        for number in [hash, nonce] {
            // There is room: it was made above.
            write!(out, "\x10{number:016x}").unwrap_or_default();
        }
        out.write_all(below).unwrap_or_default();
        let left = out.len();
        let wire = wire.get(..Name::MAX_LEN - left).unwrap_or(&[0]);
        Name::from_wire(wire).unwrap_or(Name::ROOT)
    }

    /// Returns the name that a probe was made below.
    pub(crate) fn below(qname: &Name) -> Name {
        let below = qname.as_wire().get(LABELS..);
        let below = below.and_then(|below| Name::from_wire(below).ok());
        below.unwrap_or(Name::ROOT)
    }

    /// Returns the random number in the name of one of our own probes.
    pub(crate) fn nonce_in(&self, qname: &Name) -> Option<u64> {
        let (labels, below) = qname.as_wire().split_first_chunk::<LABELS>()?;
        let (hash, nonce) = labels.split_at(LABEL);
        let (hash, nonce) = (number(hash)?, number(nonce)?);
        let below = Name::from_wire(below).ok()?;
        (hash == self.secret.of_probe(nonce, &below)).then_some(nonce)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_known_by_its_name_and_by_us_alone() {
        let [ours, theirs] = [Secret::default(), Secret::default()].map(ProbeNames::new);
        for zone in [".", "cluster.local.", &format!("{}web.", "x.".repeat(125))] {
            let name = ours.name(7, &Name::from_text(zone).unwrap());
            assert_eq!(ours.nonce_in(&name), Some(7), "{name}");
            assert_eq!(theirs.nonce_in(&name), None);
            let below = ProbeNames::below(&name).to_string();
            assert!(zone.ends_with(&below) && name.to_string().ends_with(&below), "{below}");
            assert!(name.to_string().ends_with(zone.trim_start_matches("x.")), "{name}");
            let loud = name.to_string().to_uppercase();
            assert_eq!(ours.nonce_in(&Name::from_text(&loud).unwrap()), Some(7));
        }
        for other in [".", "web.", "000000000000abcd.", "000000000000abcd.0000000000000g07.web."] {
            assert_eq!(ours.nonce_in(&Name::from_text(other).unwrap()), None, "{other}");
        }
    }
}

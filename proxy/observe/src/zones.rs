//! Responses by the forward zone that their names belong to.

use dns::Name;

use super::record::Seen;
use super::window::Windows;
use resolver::Moment;
use resolver::Origin;

/// The accounts of all forward zones.
#[derive(Clone, Debug)]
pub struct ZoneAccounts {
    zones: Vec<ZoneAccount>,
}

/// The account of one zone.
#[derive(Clone, Debug)]
pub struct ZoneAccount {
    /// The zone's own name.
    pub suffix: Name,
    /// Responses by where they came from.
    pub origins: Windows<{ Origin::COUNT }>,
}

impl ZoneAccounts {
    pub(super) fn new(zones: &[Name], now: Moment) -> Self {
        let account =
            |name: &Name| ZoneAccount { suffix: name.folded(), origins: Windows::new(now) };
        Self { zones: zones.iter().map(account).collect() }
    }

    /// Counts a response for the longest suffix that its name has.
    pub(super) fn note(&mut self, seen: &Seen<'_>, now: Moment) {
        let holds = |zone: &&mut ZoneAccount| ends_with(seen.qname, zone.suffix.as_wire());
        let longest = self
            .zones
            .iter_mut()
            .filter(holds)
            .max_by_key(|zone| zone.suffix.as_wire().len());
        if let Some(zone) = longest {
            zone.origins.add(seen.record.origin.index(), 1, now);
        }
    }

    pub(super) fn advance(&mut self, now: Moment) {
        self.zones
            .iter_mut()
            .for_each(|zone| zone.origins.advance(now));
    }

    /// Iterates over the zones, as they were configured.
    pub fn iter(&self) -> impl Iterator<Item = &ZoneAccount> {
        self.zones.iter()
    }
}

/// Says whether a name is a zone's own or below it, both in wire form and lower
/// case.
pub(super) fn ends_with(name: &[u8], zone: &[u8]) -> bool {
    let mut rest = name;
    loop {
        if rest.len() <= zone.len() {
            return rest == zone;
        }
        let Some((length, tail)) = rest.split_first() else { return false };
        rest = tail.get(usize::from(*length)..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_holds_whole_labels_only() {
        let wire = |text: &str| Name::from_text(text).unwrap().as_wire().to_vec();
        for (name, zone, holds) in [
            ("a.cluster.local", "cluster.local", true),
            ("cluster.local", "cluster.local", true),
            ("acluster.local", "cluster.local", false),
            ("local", "cluster.local", false),
            ("a.example", ".", true),
            (".", ".", true),
        ] {
            assert_eq!(ends_with(&wire(name), &wire(zone)), holds, "{name} in {zone}");
        }
        assert!(!ends_with(&[], &wire(".")));
    }
}

//! Responses by the forward zone that their names belong to.

use dns::Name;
use resolver::{Moment, Origin};

use crate::intake::QueryEvent;
use crate::tables::Windows;
use crate::wire::ends_with;

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
    pub(crate) fn new(zones: &[Name], now: Moment) -> Self {
        let account =
            |name: &Name| ZoneAccount { suffix: name.folded(), origins: Windows::new(now) };
        Self { zones: zones.iter().map(account).collect() }
    }

    /// Goes on with these zones; those that were there before keep their account.
    pub(crate) fn reload(&mut self, zones: &[Name], now: Moment) {
        let old = std::mem::replace(self, Self::new(zones, now));
        for account in old.zones {
            let mut zones = self.zones.iter_mut();
            if let Some(new) = zones.find(|zone| zone.suffix == account.suffix) {
                *new = account;
            }
        }
    }

    /// Counts a response for the longest suffix that its name has.
    pub(crate) fn note(&mut self, event: &QueryEvent<'_>, now: Moment) {
        let holds = |zone: &&mut ZoneAccount| ends_with(event.qname, zone.suffix.as_wire());
        let longest = self
            .zones
            .iter_mut()
            .filter(holds)
            .max_by_key(|zone| zone.suffix.as_wire().len());
        if let Some(zone) = longest {
            zone.origins.add(event.record.counted().index(), 1, now);
        }
    }

    pub(crate) fn advance(&mut self, now: Moment) {
        self.zones
            .iter_mut()
            .for_each(|zone| zone.origins.advance(now));
    }

    /// Iterates over the zones, as they were configured.
    pub fn iter(&self) -> impl Iterator<Item = &ZoneAccount> {
        self.zones.iter()
    }
}

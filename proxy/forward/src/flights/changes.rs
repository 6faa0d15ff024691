//! Another configuration, or other Pods, while questions are in flight.

use std::sync::Arc;

use super::action::Action;
use super::{Flights, Terms, limits};
use crate::client_rate::ClientRate;
use crate::config::ForwardConfig;
use crate::zones::Zones;

impl Flights {
    /// Asks by other zones from here on. Questions in flight end in theirs.
    pub(crate) fn replace_zones(&mut self, zones: Arc<Zones>) {
        self.ports.extend(zones.upstreams());
        self.health.extend(zones.upstreams().len());
        self.zones = zones;
        self.close_surplus();
    }

    /// Closes the sockets of upstreams that no zone has any more, and those that are more
    /// than the share of one, as far as nothing is open on them.
    pub(super) fn close_surplus(&mut self) {
        let zones = &self.zones;
        let (sockets, is_all) = self.ports.fit(|upstream| zones.uses(upstream));
        for socket in sockets {
            self.actions.push(Action::Shut(socket));
        }
        self.has_surplus = !is_all;
    }

    /// Goes on within other bounds; its zones are of no interest. Questions in flight
    /// keep their deadlines.
    pub(crate) fn replace_bounds(&mut self, config: &ForwardConfig) {
        self.terms = Terms::of(config);
        self.inflight.set_limits(limits(config));
        let rate = self.client_rate.as_ref().map(ClientRate::rate);
        if rate != config.client_rate {
            self.client_rate = config.client_rate.map(ClientRate::new);
        }
    }
}

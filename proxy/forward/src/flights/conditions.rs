//! How the upstreams are, for people.

use std::net::SocketAddr;

use super::Flights;
use crate::conditions::Condition;
use resolver::Moment;

impl Flights {
    /// Returns how each upstream in use is, for people.
    pub(crate) fn conditions(
        &self,
        now: Moment,
    ) -> impl Iterator<Item = (SocketAddr, Option<Condition>)> {
        let all = self.zones.upstreams().iter().copied().enumerate();
        let in_use = all.filter(|(number, _)| self.zones.uses(*number));
        in_use.map(move |(number, addr)| (addr, self.health.condition(number, now)))
    }
}

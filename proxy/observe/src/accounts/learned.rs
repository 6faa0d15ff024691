//! The search lists that were learned, as octets: from one process to the next, whose
//! accounts begin with nothing.

use std::net::{IpAddr, Ipv6Addr};

use dns::Name;

use super::clients::Clients;
use crate::intake::octets_of;
use crate::lookup::{Ndots, Search, Source};

impl Clients {
    /// Packs the search list of each client of which one was learned.
    pub(crate) fn pack_learned(&self) -> Vec<u8> {
        let live = self.iter().map(|(addr, client)| (addr, client.search()));
        let learned = live.filter(|(_, search)| search.source == Source::Learned);
        let mut octets = Vec::new();
        // Where there is room for fewer, those that come last are kept.
        for (addr, search) in self.learned().chain(learned) {
            pack(*addr, search, &mut octets);
        }
        octets
    }

    /// Takes what another packed, for clients that have not asked yet; returns how many
    /// lists there are. Ends at the first that is none.
    pub(crate) fn take_learned(&mut self, mut octets: &[u8]) -> usize {
        let mut taken = 0;
        while let Some((addr, search, rest)) = unpack(octets) {
            octets = rest;
            taken += usize::from(self.get(addr).is_none());
            self.keep(addr, search);
        }
        taken
    }
}

/// An address of 16 octets, the bounds of ndots, how many domains there are, and each of
/// them behind its length.
fn pack(addr: IpAddr, search: &Search, octets: &mut Vec<u8>) {
    let (least, most) = search.ndots.bounds();
    let domains = search.domains.iter().take(u8::MAX.into());
    octets.extend(octets_of(addr));
    octets.extend([least, most, u8::try_from(domains.len()).unwrap_or(u8::MAX)]);
    for domain in domains {
        // No name is longer than 255 octets (RFC 1035, section 2.3.4).
        octets.push(u8::try_from(domain.len()).unwrap_or_default());
        octets.extend(&**domain);
    }
}

fn unpack(octets: &[u8]) -> Option<(IpAddr, Search, &[u8])> {
    let (addr, rest) = octets.split_first_chunk::<16>()?;
    let (&[least, most, count], mut rest) = rest.split_first_chunk()?;
    let mut domains = Vec::new();
    for _ in 0..count {
        let (len, after) = rest.split_first()?;
        let (domain, after) = after.split_at_checked(usize::from(*len))?;
        domains.push(Name::from_wire(domain).ok()?.folded().as_wire().into());
        rest = after;
    }
    let ndots = Ndots::Between(least, most);
    let search = Search { domains, ndots, source: Source::Learned };
    Some((Ipv6Addr::from(*addr).to_canonical(), search, rest))
}

#[cfg(test)]
mod tests {
    use resolver::Moment;

    use super::super::client::Client;
    use super::*;
    use crate::config::ObserveConfig;

    fn addr(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn search(domains: &[&str]) -> Search {
        let wire = |text: &&str| Name::from_text(text).unwrap().as_wire().into();
        let domains = domains.iter().map(wire).collect();
        Search { domains, ndots: Ndots::Between(2, 5), source: Source::Learned }
    }

    fn open(clients: &mut Clients, addr: IpAddr) -> &mut Client {
        let new = || Client::new(addr, &ObserveConfig::default(), Moment::default());
        clients.open(addr, None, new).unwrap().1
    }

    #[test]
    fn the_next_process_begins_with_what_was_learned() {
        let (mut old, mut new) = (Clients::new(8), Clients::new(8));
        let (live, gone, other) = (addr("10.0.0.1"), addr("fd00::7"), addr("10.0.0.2"));
        open(&mut old, live).remember(search(&["svc.cluster.local", "cluster.local"]));
        old.keep(gone, search(&["corp.example"]));
        open(&mut old, other);
        let packed = old.pack_learned();
        assert_eq!(new.take_learned(&packed), 2);
        assert_eq!(open(&mut new, live).search(), open(&mut old, live).search());
        assert_eq!(*open(&mut new, gone).search(), search(&["corp.example"]));
        assert_eq!(*open(&mut new, other).search(), Search::unknown());
        // Those that no client has asked for yet are handed over once more.
        let mut next = Clients::new(8);
        next.take_learned(&packed);
        assert_eq!(next.pack_learned().len(), packed.len());
    }

    #[test]
    fn what_is_cut_off_is_not_taken() {
        let mut old = Clients::new(8);
        old.keep(addr("10.0.0.1"), search(&["corp.example"]));
        let packed = old.pack_learned();
        for end in 0..packed.len() {
            assert_eq!(Clients::new(8).take_learned(&packed[..end]), 0);
        }
        let mut wrong = packed;
        // The length of the first label.
        wrong[20] = 200;
        assert_eq!(Clients::new(8).take_learned(&wrong), 0);
    }

    #[test]
    fn there_are_no_more_than_clients() {
        let mut old = Clients::new(64);
        for n in 0..64 {
            old.keep(IpAddr::from([10, 0, 0, n]), search(&["corp.example"]));
        }
        let mut new = Clients::new(8);
        new.take_learned(&old.pack_learned());
        assert!(new.learned().count() <= 8);
    }
}

//! The accounts of all clients, as many as there is room for.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::quality::RandomState;

use super::client::Client;
use crate::intake::octets_of;
use crate::lookup::{Search, Source};

/// Clients by their address.
#[derive(Debug, Default)]
pub struct Clients {
    index: HashMap<IpAddr, Slot, RandomState>,
    /// The one that was opened last: queries come in bursts.
    latest: Option<(IpAddr, Slot)>,
    slots: Vec<Option<Box<Client>>>,
    free: Vec<Slot>,
    /// In the order of their coming; who asked since is passed over once.
    queue: VecDeque<IpAddr>,
    capacity: usize,
    evicted: u64,
    /// Those whose accounts are closed and not yet counted to the end.
    #[expect(clippy::vec_box, reason = "they come from boxes, and are large")]
    leaving: Vec<Box<Client>>,
    /// The search lists that were learned of those who had to make room: they may be
    /// back soon.
    learned: HashMap<IpAddr, Search, RandomState>,
    /// One of whom nothing is left but what it asked since the last settling.
    forgotten: Option<(IpAddr, u32)>,
}

/// Where the account of a client is, until it is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot(pub(crate) usize);

impl Clients {
    /// Holds up to `capacity` clients, at least 1.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), ..Self::default() }
    }

    /// Returns where the account of a client is. The same client may have it no more
    /// once others were opened or closed.
    pub(crate) fn slot_of(&mut self, addr: IpAddr) -> Option<Slot> {
        match self.latest {
            Some((latest, slot)) if latest == addr => Some(slot),
            _ => {
                let slot = *self.index.get(&addr)?;
                self.latest = Some((addr, slot));
                Some(slot)
            }
        }
    }

    /// Has the memory of an account fetched that is opened soon, for a query whose name
    /// has this hash. Several at once take as long as one.
    pub(crate) fn touch(&self, slot: Slot, asked: u64) {
        if let Some(Some(client)) = self.slots.get(slot.0) {
            client.touch(asked);
        }
    }

    /// Returns the account of a client, a `new` one if it has none; for that one
    /// who was silent for long makes room. It is looked for at `slot` first.
    pub fn open(
        &mut self,
        addr: IpAddr,
        slot: Option<Slot>,
        new: impl FnOnce() -> Client,
    ) -> Option<(Slot, &mut Client)> {
        let at = |slot: &Slot| self.slots.get(slot.0).and_then(Option::as_deref);
        let is_there = |slot: &Slot| at(slot).is_some_and(|client| client.addr == addr);
        let slot = match slot.filter(is_there) {
            Some(slot) => slot,
            None => match self.index.get(&addr) {
                Some(slot) => *slot,
                None => self.begin(addr, Box::new(new())),
            },
        };
        Some((slot, self.slots.get_mut(slot.0)?.as_deref_mut()?))
    }

    fn begin(&mut self, addr: IpAddr, mut client: Box<Client>) -> Slot {
        if let Some(search) = self.learned.remove(&addr) {
            client.remember(search);
        }
        if self.index.len() >= self.capacity {
            self.evict();
        }
        self.queue.push_back(addr);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            Slot(self.slots.len() - 1)
        });
        if let Some(place) = self.slots.get_mut(slot.0) {
            *place = Some(client);
        }
        self.index.insert(addr, slot);
        slot
    }

    /// Iterates over the clients, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&IpAddr, &Client)> {
        let clients = self.slots.iter().flatten();
        clients.map(|client| (&client.addr, &**client))
    }

    /// Iterates over the clients, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.slots.iter_mut().flatten().map(|client| &mut **client)
    }

    /// Returns a client's account.
    pub fn get(&self, addr: IpAddr) -> Option<&Client> {
        let slot = self.index.get(&addr)?;
        self.slots.get(slot.0)?.as_deref()
    }

    /// Returns a client's account, to change it.
    pub fn get_mut(&mut self, addr: IpAddr) -> Option<&mut Client> {
        let slot = self.index.get(&addr)?;
        self.slots.get_mut(slot.0)?.as_deref_mut()
    }

    /// Returns the account at `slot`, to change it.
    pub(crate) fn at(&mut self, slot: Slot) -> Option<&mut Client> {
        self.slots.get_mut(slot.0)?.as_deref_mut()
    }

    /// Closes the account of a client, for who has its address is another now.
    pub(crate) fn close(&mut self, addr: IpAddr) {
        // Who has the address next has a list of its own.
        self.learned.remove(&addr);
        if let Some(client) = self.remove(addr) {
            self.queue.retain(|queued| *queued != addr);
            self.leaving.push(client);
        }
    }

    /// Takes the accounts that were closed or had to make room.
    pub fn take_leaving(&mut self) -> Vec<Box<Client>> {
        std::mem::take(&mut self.leaving)
    }

    /// Takes who was forgotten by the last [`open`](Self::open), and what it
    /// asked since the last settling.
    pub(crate) const fn take_forgotten(&mut self) -> Option<(IpAddr, u32)> {
        self.forgotten.take()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Returns how many had to make room.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn evict(&mut self) {
        while let Some(addr) = self.queue.pop_front() {
            let Some(client) = self.get_mut(addr) else { continue };
            if std::mem::take(&mut client.touched) {
                self.queue.push_back(addr);
                continue;
            }
            if let Some(client) = self.remove(addr) {
                self.keep_learned(&client);
                if client.lookups.are_counted() && client.identity.is_none() {
                    self.forgotten = Some((addr, client.asked));
                } else {
                    self.leaving.push(client);
                }
            }
            self.evicted += 1;
            return;
        }
    }

    fn keep_learned(&mut self, client: &Client) {
        if client.search.source != Source::Learned {
            return;
        }
        self.keep(client.addr, client.search.clone());
    }

    /// Keeps a list for a client that may come.
    pub(crate) fn keep(&mut self, addr: IpAddr, search: Search) {
        if self.learned.len() >= self.capacity {
            self.learned.clear();
        }
        self.learned.insert(addr, search);
    }

    /// Iterates over the lists of clients that may come.
    pub(crate) fn learned(&self) -> impl Iterator<Item = (&IpAddr, &Search)> {
        self.learned.iter()
    }

    fn remove(&mut self, addr: IpAddr) -> Option<Box<Client>> {
        self.latest = None;
        let slot = self.index.remove(&addr)?;
        self.free.push(slot);
        self.slots.get_mut(slot.0)?.take()
    }
}

/// The octets of a client's address: its key where clients are ranked.
pub fn client_key(addr: IpAddr) -> [u8; 16] {
    octets_of(addr)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use resolver::Moment;

    use super::*;
    use crate::config::ObserveConfig;

    #[test]
    fn who_keeps_asking_stays_however_many_pass_by() {
        let (mut clients, now) = (Clients::new(8), Moment::default());
        let config = ObserveConfig::default();
        let ask = |clients: &mut Clients, addr| {
            let (slot, client) = clients
                .open(addr, None, || Client::new(addr, &config, now))
                .unwrap();
            client.touched = true;
            assert_eq!(clients.at(slot).unwrap().addr, addr);
        };
        let busy = IpAddr::from([10, 0, 0, 1]);
        for n in 0..100_000_u32 {
            ask(&mut clients, busy);
            let other = Ipv4Addr::from_bits(n).into();
            ask(&mut clients, other);
            assert!(clients.len() <= 8 && clients.queue.len() <= 8 && clients.slots.len() <= 8);
            clients.take_leaving();
        }
        assert!(clients.get(busy).is_some());
        // Once, when all had asked since the last look, it was passed over too.
        assert_eq!(clients.evicted(), 100_002 - 8);
    }
}

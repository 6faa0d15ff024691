//! The accounts of all clients, as many as there is room for.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::quality::RandomState;

use super::client::Client;

/// Clients by their address.
#[derive(Debug, Default)]
pub struct Clients {
    all: HashMap<IpAddr, Box<Client>, RandomState>,
    /// In the order of their coming; who asked since is passed over once.
    queue: VecDeque<IpAddr>,
    capacity: usize,
    evicted: u64,
    /// Those whose accounts are closed and not yet counted to the end.
    leaving: Vec<(IpAddr, Box<Client>)>,
}

impl Clients {
    /// Holds up to `capacity` clients, at least 1.
    pub fn new(capacity: usize) -> Self {
        Self {
            all: HashMap::default(),
            queue: VecDeque::new(),
            capacity: capacity.max(1),
            evicted: 0,
            leaving: Vec::new(),
        }
    }

    /// Returns the account of a client, a `new` one if it has none; for that one
    /// who was silent for long makes room.
    pub fn open(&mut self, addr: IpAddr, new: impl FnOnce() -> Client) -> &mut Client {
        if !self.all.contains_key(&addr) {
            if self.all.len() >= self.capacity {
                self.evict();
            }
            self.queue.push_back(addr);
        }
        self.all.entry(addr).or_insert_with(|| Box::new(new()))
    }

    /// Iterates over the clients, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&IpAddr, &Client)> {
        self.all.iter().map(|(addr, client)| (addr, &**client))
    }

    /// Iterates over the clients, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&IpAddr, &mut Client)> {
        self.all
            .iter_mut()
            .map(|(addr, client)| (addr, &mut **client))
    }

    /// Returns a client's account.
    pub fn get(&self, addr: IpAddr) -> Option<&Client> {
        self.all.get(&addr).map(|client| &**client)
    }

    /// Returns a client's account, to change it.
    pub fn get_mut(&mut self, addr: IpAddr) -> Option<&mut Client> {
        self.all.get_mut(&addr).map(|client| &mut **client)
    }

    /// Closes the account of a client, for who has its address is another now.
    pub(super) fn close(&mut self, addr: IpAddr) {
        if let Some(client) = self.all.remove(&addr) {
            self.queue.retain(|queued| *queued != addr);
            self.leaving.push((addr, client));
        }
    }

    /// Takes the accounts that were closed or had to make room.
    pub fn take_leaving(&mut self) -> Vec<(IpAddr, Box<Client>)> {
        std::mem::take(&mut self.leaving)
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns how many had to make room.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn evict(&mut self) {
        while let Some(addr) = self.queue.pop_front() {
            let Some(client) = self.all.get_mut(&addr) else { continue };
            if std::mem::take(&mut client.touched) {
                self.queue.push_back(addr);
                continue;
            }
            if let Some(client) = self.all.remove(&addr)
                && (!client.chains.is_empty() || client.identity.is_some())
            {
                self.leaving.push((addr, client));
            }
            self.evicted += 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::moment::Moment;
    use crate::observe::ObserveConfig;

    #[test]
    fn who_keeps_asking_stays_however_many_pass_by() {
        let (mut clients, now) = (Clients::new(8), Moment::default());
        let config = ObserveConfig::default();
        let busy = IpAddr::from([10, 0, 0, 1]);
        for n in 0..100_000_u32 {
            clients
                .open(busy, || Client::new(busy, &config, now))
                .touched = true;
            let other = Ipv4Addr::from_bits(n).into();
            clients
                .open(other, || Client::new(other, &config, now))
                .touched = true;
            assert!(clients.len() <= 8 && clients.queue.len() <= 8);
        }
        assert!(clients.get(busy).is_some());
        // Once, when all had asked since the last look, it was passed over too.
        assert_eq!(clients.evicted(), 100_002 - 8);
    }
}

//! As many sockets as the upstreams that are asked may have: Pods come and go, and each
//! would leave its sockets behind.

use super::{Pool, Ports, Slot, share};

impl Ports {
    /// Divides the sockets among the upstreams that `is_used`. Returns those that are to be
    /// closed, and whether that is all: where queries are open, it is for a later call.
    pub(crate) fn fit(&mut self, is_used: impl Fn(usize) -> bool) -> (Vec<usize>, bool) {
        let used = (0..self.pools.len()).filter(|upstream| is_used(*upstream));
        self.share = share(used.count());
        let (mut closed, mut is_all) = (Vec::new(), true);
        for (upstream, pool) in self.pools.iter_mut().enumerate() {
            let room = if is_used(upstream) { self.share } else { 0 };
            closed.extend(pool.take_idle(room, &self.slots));
            is_all &= pool.sockets.len() <= room;
        }
        for socket in &closed {
            let Some(slot) = self.slots.get_mut(*socket) else { continue };
            slot.is_open = false;
            if let Some(local) = slot.local.take() {
                self.own.remove(&local);
            }
        }
        self.spare.extend(&closed);
        (closed, is_all)
    }
}

impl Pool {
    /// Takes out sockets with nothing open until there are no more than `room`.
    fn take_idle(&mut self, room: usize, slots: &[Slot]) -> Vec<usize> {
        let surplus = self.sockets.len().saturating_sub(room);
        let is_idle = |socket: &&usize| slots.get(**socket).is_none_or(|slot| slot.open.is_empty());
        let idle: Vec<usize> = self
            .sockets
            .iter()
            .filter(is_idle)
            .take(surplus)
            .copied()
            .collect();
        self.sockets.retain(|socket| !idle.contains(socket));
        self.dead.retain(|socket| !idle.contains(socket));
        self.run = self.run.filter(|(socket, _)| !idle.contains(socket));
        idle
    }
}

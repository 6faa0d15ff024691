//! Questions in flight, each asked upstream once, and the clients that wait.
//!
//! No I/O and no clock: the owner keeps a state of its own with each question
//! and learns which one is due when.
//!
//! Each client has a share of the room: see [`Shares`].

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::cache::Key;
use crate::clock::Moment;
use crate::shares::Shares;

mod waiters;
pub use waiters::Waiters;

/// All open questions, `T` kept with each, `W` for each who waits.
#[derive(Debug)]
pub struct Inflight<W, T> {
    /// By the hash of the key: small, however long the names are.
    index: HashMap<u64, Ticket, RandomState>,
    slots: Vec<Slot<W, T>>,
    free: Vec<u32>,
    /// One wake-up per open question, so as bounded as they are.
    wakes: BTreeSet<(Moment, Ticket)>,
    /// For what each client waits.
    shares: Shares<IpAddr, Ticket>,
    waiting: usize,
    limits: Limits,
}

/// How many may be open, and wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Open questions.
    pub questions: usize,
    /// Who may wait for one question.
    pub waiters: usize,
    /// Who may wait in all.
    pub waiting: usize,
}

/// Names an open question; never again another one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ticket {
    slot: u32,
    generation: u32,
}

/// One open question.
#[derive(Debug)]
pub struct Open<W, T> {
    /// What is asked.
    pub key: Key,
    /// When all who wait are answered, whatever there is.
    pub deadline: Moment,
    /// Who waits, the first one first.
    pub waiters: Waiters<W>,
    /// What its owner keeps.
    pub state: T,
    /// Where it stands among the wake-ups, if it does.
    wake_at: Option<Moment>,
}

/// Who waits for an answer.
pub trait Waiter {
    /// Says whether this is the same query of the same client as `earlier`.
    fn repeats(&self, earlier: &Self) -> bool;

    /// Returns a number that is the same for two of which one repeats the other, and
    /// seldom for others.
    fn mark(&self) -> u64;

    /// Returns whose share it takes; none for a question of our own.
    fn whose(&self) -> Option<IpAddr>;
}

/// The result of joining a question.
#[derive(Debug)]
pub enum Joined<W> {
    /// The first one: the question has to be asked, and
    /// [`wake_at`](Inflight::wake_at) called for it.
    First(Ticket),
    /// The question is open already.
    Also(Ticket),
    /// The question is open already, too many wait for it, and one of the client
    /// that waits for most no longer does.
    Instead(Ticket, W),
    /// A retransmit of one who waits already (same address, port, id and
    /// question): one answer is enough.
    Again(W),
    /// There is no room, until [`give_way`](Inflight::give_way) makes some.
    Full(W),
}

/// One who no longer waits.
#[derive(Debug)]
pub struct GaveWay<W, T> {
    /// Its answer is that there was no room.
    pub waiter: W,
    /// The question, if it was the last that waited for it: it is closed.
    pub closed: Option<Box<Open<W, T>>>,
}

#[derive(Debug)]
struct Slot<W, T> {
    generation: u32,
    /// Boxed, as it is large and moves when it is closed.
    open: Option<Box<Open<W, T>>>,
}

impl<W: Waiter, T> Inflight<W, T> {
    /// Starts with no question.
    pub fn new(limits: Limits) -> Self {
        Self {
            index: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            wakes: BTreeSet::new(),
            shares: Shares::new(),
            waiting: 0,
            limits,
        }
    }

    /// Uses other limits from here on; those who wait go on.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Lets `waiter` wait for `key`; if it is the first, until `deadline`, with
    /// the state that `state` makes.
    pub fn join(
        &mut self,
        key: &Key,
        waiter: W,
        deadline: Moment,
        state: impl FnOnce() -> T,
    ) -> Joined<W> {
        match self.find(key) {
            None => self.open(key, waiter, deadline, state),
            Some(ticket) => self.join_open(ticket, waiter),
        }
    }

    fn join_open(&mut self, ticket: Ticket, waiter: W) -> Joined<W> {
        let (limit, is_full) = (self.limits.waiters, self.waiting >= self.limits.waiting);
        let Some(open) = self.get_mut(ticket) else { return Joined::Full(waiter) };
        if open.waiters.repeats(&waiter) {
            return Joined::Again(waiter);
        }
        let place = if open.waiters.len() >= limit {
            self.greediest_in(ticket)
        } else if is_full {
            return Joined::Full(waiter);
        } else {
            None
        };
        let instead = place.and_then(|place| self.remove_waiter(ticket, place));
        let whose = waiter.whose();
        let Some(open) = self.get_mut(ticket) else { return Joined::Full(waiter) };
        open.waiters.push(waiter);
        self.waiting += 1;
        if let Some(whose) = whose {
            self.shares.take(whose, ticket);
        }
        instead.map_or(Joined::Also(ticket), |gone| Joined::Instead(ticket, gone))
    }

    fn open(
        &mut self,
        key: &Key,
        waiter: W,
        deadline: Moment,
        state: impl FnOnce() -> T,
    ) -> Joined<W> {
        if self.len() >= self.limits.questions || self.waiting >= self.limits.waiting {
            return Joined::Full(waiter);
        }
        let at = self.free.pop().map_or(self.slots.len(), as_index);
        if at == self.slots.len() {
            self.slots.push(Slot { generation: 0, open: None });
        }
        let (Ok(slot), Some(place)) = (u32::try_from(at), self.slots.get_mut(at)) else {
            return Joined::Full(waiter);
        };
        let ticket = Ticket { slot, generation: place.generation };
        if let Some(whose) = waiter.whose() {
            self.shares.take(whose, ticket);
        }
        self.waiting += 1;
        place.open = Some(Box::new(Open {
            key: *key,
            deadline,
            waiters: Waiters::new(waiter),
            state: state(),
            wake_at: None,
        }));
        // Another one of the same hash keeps its place: this one is found by its
        // ticket only, and nobody joins it.
        self.index.entry(key.hash).or_insert(ticket);
        Joined::First(ticket)
    }

    /// Takes out the one who has waited longest of the client that waits for
    /// most. None when no client waits.
    pub fn give_way(&mut self) -> Option<GaveWay<W, T>> {
        let (whose, ticket) = self.shares.greediest()?;
        let waiters = &self.get(ticket)?.waiters;
        let place = waiters
            .iter()
            .position(|waiter| waiter.whose() == Some(whose))?;
        let waiter = self.remove_waiter(ticket, place)?;
        let is_empty = self.get(ticket).is_some_and(|open| open.waiters.is_empty());
        let closed = if is_empty { self.close(ticket) } else { None };
        Some(GaveWay { waiter, closed })
    }

    /// Returns the place of the oldest waiter of the client that waits for most,
    /// of those that wait for this question.
    fn greediest_in(&self, ticket: Ticket) -> Option<usize> {
        let waiters = self.get(ticket)?.waiters.iter().enumerate();
        // The greediest of all is nearly always among them, and at the front.
        let (greediest, _) = self.shares.greediest()?;
        let mut all = waiters.clone();
        if let Some((place, _)) = all.find(|(_, waiter)| waiter.whose() == Some(greediest)) {
            return Some(place);
        }
        let held = |waiter: &W| waiter.whose().map_or(0, |whose| self.shares.held(&whose));
        // Of equals the first one counts.
        waiters
            .rev()
            .max_by_key(|(_, waiter)| held(waiter))
            .map(|(place, _)| place)
    }

    fn remove_waiter(&mut self, ticket: Ticket, place: usize) -> Option<W> {
        let open = self.get_mut(ticket)?;
        let gone = open.waiters.remove(place)?;
        self.release(ticket, &gone);
        Some(gone)
    }

    /// Gives back what one who waited for a question took.
    fn release(&mut self, ticket: Ticket, waiter: &W) {
        self.waiting = self.waiting.saturating_sub(1);
        if let Some(whose) = waiter.whose() {
            self.shares.give_back(&whose, &ticket);
        }
    }

    /// Puts `waiter` in the place of all who wait for a question, who are returned:
    /// they have an answer, and the question goes on.
    pub fn detach(&mut self, ticket: Ticket, waiter: W) -> Vec<W> {
        let Some(open) = self.get_mut(ticket) else { return Vec::new() };
        let whose = waiter.whose();
        let gone = std::mem::replace(&mut open.waiters, Waiters::new(waiter));
        let gone = gone.into_vec();
        for waiter in &gone {
            self.release(ticket, waiter);
        }
        self.waiting += 1;
        if let Some(whose) = whose {
            self.shares.take(whose, ticket);
        }
        gone
    }

    /// Returns the open question of `key`.
    pub fn find(&self, key: &Key) -> Option<Ticket> {
        let ticket = *self.index.get(&key.hash)?;
        self.get(ticket)
            .is_some_and(|open| open.key == *key)
            .then_some(ticket)
    }

    /// Returns an open question.
    pub fn get(&self, ticket: Ticket) -> Option<&Open<W, T>> {
        let slot = self.slots.get(as_index(ticket.slot))?;
        slot.open
            .as_deref()
            .filter(|_| slot.generation == ticket.generation)
    }

    /// Returns an open question, to change its state.
    pub fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Open<W, T>> {
        let slot = self.slots.get_mut(as_index(ticket.slot))?;
        slot.open
            .as_deref_mut()
            .filter(|_| slot.generation == ticket.generation)
    }

    /// Closes a question: the next client that sends it opens it anew.
    pub fn close(&mut self, ticket: Ticket) -> Option<Box<Open<W, T>>> {
        let slot = self.slots.get_mut(as_index(ticket.slot))?;
        if slot.generation != ticket.generation {
            return None;
        }
        let open = slot.open.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(ticket.slot);
        if self.index.get(&open.key.hash) == Some(&ticket) {
            self.index.remove(&open.key.hash);
        }
        if let Some(at) = open.wake_at {
            self.wakes.remove(&(at, ticket));
        }
        for waiter in open.waiters.iter() {
            self.release(ticket, waiter);
        }
        Some(open)
    }

    /// Asks to be woken for a question at `at`, or its deadline if that is
    /// earlier; instead of what was asked before.
    pub fn wake_at(&mut self, ticket: Ticket, at: Option<Moment>) {
        let Some(open) = self.get_mut(ticket) else { return };
        let at = at.map_or(open.deadline, |at| at.min(open.deadline));
        let before = open.wake_at.replace(at);
        if before == Some(at) {
            return;
        }
        if let Some(before) = before {
            self.wakes.remove(&(before, ticket));
        }
        self.wakes.insert((at, ticket));
    }

    /// Takes one question whose time has come. It is not woken again before
    /// [`wake_at`](Self::wake_at) is called for it.
    pub fn take_due(&mut self, now: Moment) -> Option<Ticket> {
        let (at, ticket) = self.wakes.first().copied()?;
        if at > now {
            return None;
        }
        self.wakes.pop_first();
        if let Some(open) = self.get_mut(ticket) {
            open.wake_at = None;
        }
        Some(ticket)
    }

    /// Returns when the next question's time comes.
    pub fn next_wake(&self) -> Option<Moment> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Returns how many questions are open.
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Returns how many wait for them.
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns for how many questions a client waits, each as often as it does.
    pub fn waiting_of(&self, client: IpAddr) -> usize {
        self.shares.held(&client)
    }

    /// Says whether none is open.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Slots are counted in 32 bits: a ticket is then as small as an address.
fn as_index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;

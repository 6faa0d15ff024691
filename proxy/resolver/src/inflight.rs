//! Questions in flight, each asked upstream once, and the clients that wait.
//!
//! No I/O and no clock: the owner keeps a state of its own with each question
//! and learns which one is due when.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::cache::Key;
use crate::clock::Moment;

/// All open questions, `T` kept with each, `W` for each who waits.
#[derive(Debug)]
pub struct Inflight<W, T> {
    index: HashMap<Key, Ticket, RandomState>,
    slots: Vec<Slot<W, T>>,
    free: Vec<u32>,
    /// One wake-up per open question, so as bounded as they are.
    wakes: BTreeSet<(Moment, Ticket)>,
    limits: Limits,
}

/// How many may be open, and wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Open questions.
    pub questions: usize,
    /// Who may wait for one question.
    pub waiters: usize,
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
    pub waiters: Vec<W>,
    /// What its owner keeps.
    pub state: T,
    /// Where it stands among the wake-ups, if it does.
    wake_at: Option<Moment>,
}

/// Who waits for an answer.
pub trait Waiter {
    /// Says whether this is the same query of the same client as `earlier`.
    fn repeats(&self, earlier: &Self) -> bool;
}

/// The result of joining a question.
#[derive(Debug)]
pub enum Joined<W> {
    /// The first one: the question has to be asked, and
    /// [`wake_at`](Inflight::wake_at) called for it.
    First(Ticket),
    /// The question is open already.
    Also(Ticket),
    /// A retransmit of one who waits already (same address, port, id and
    /// question): one answer is enough.
    Again(W),
    /// Over a bound.
    Refused(W),
}

#[derive(Debug)]
struct Slot<W, T> {
    generation: u32,
    open: Option<Open<W, T>>,
}

impl<W: Waiter, T> Inflight<W, T> {
    /// Starts with no question.
    pub fn new(limits: Limits) -> Self {
        Self {
            index: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            wakes: BTreeSet::new(),
            limits,
        }
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
        let Some(ticket) = self.index.get(key).copied() else {
            return self.open(key, waiter, deadline, state);
        };
        let limit = self.limits.waiters;
        match self.get_mut(ticket) {
            Some(open) if open.waiters.iter().any(|earlier| waiter.repeats(earlier)) => {
                Joined::Again(waiter)
            }
            Some(open) if open.waiters.len() < limit => {
                open.waiters.push(waiter);
                Joined::Also(ticket)
            }
            _ => Joined::Refused(waiter),
        }
    }

    fn open(
        &mut self,
        key: &Key,
        waiter: W,
        deadline: Moment,
        state: impl FnOnce() -> T,
    ) -> Joined<W> {
        if self.index.len() >= self.limits.questions {
            return Joined::Refused(waiter);
        }
        let at = self.free.pop().map_or(self.slots.len(), as_index);
        if at == self.slots.len() {
            self.slots.push(Slot { generation: 0, open: None });
        }
        let (Ok(slot), Some(place)) = (u32::try_from(at), self.slots.get_mut(at)) else {
            return Joined::Refused(waiter);
        };
        let ticket = Ticket { slot, generation: place.generation };
        place.open = Some(Open {
            key: *key,
            deadline,
            waiters: vec![waiter],
            state: state(),
            wake_at: None,
        });
        self.index.insert(*key, ticket);
        Joined::First(ticket)
    }

    /// Returns the open question of `key`.
    pub fn find(&self, key: &Key) -> Option<Ticket> {
        self.index.get(key).copied()
    }

    /// Returns an open question.
    pub fn get(&self, ticket: Ticket) -> Option<&Open<W, T>> {
        let slot = self.slots.get(as_index(ticket.slot))?;
        slot.open
            .as_ref()
            .filter(|_| slot.generation == ticket.generation)
    }

    /// Returns an open question, to change its state.
    pub fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Open<W, T>> {
        let slot = self.slots.get_mut(as_index(ticket.slot))?;
        slot.open
            .as_mut()
            .filter(|_| slot.generation == ticket.generation)
    }

    /// Closes a question: the next client that sends it opens it anew.
    pub fn close(&mut self, ticket: Ticket) -> Option<Open<W, T>> {
        let slot = self.slots.get_mut(as_index(ticket.slot))?;
        if slot.generation != ticket.generation {
            return None;
        }
        let open = slot.open.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(ticket.slot);
        self.index.remove(&open.key);
        if let Some(at) = open.wake_at {
            self.wakes.remove(&(at, ticket));
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
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Says whether none is open.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

/// Slots are counted in 32 bits: a ticket is then as small as an address.
fn as_index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;

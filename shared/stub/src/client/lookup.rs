//! One lookup, whatever the model.

use std::sync::Arc;
use std::time::Duration;

use super::c_ares::CAres;
use super::glibc::Glibc;
use super::go::Go;
use super::io::{Io, Machine, Numbers};
use super::musl::Musl;
use super::nslookup::Nslookup;
use super::{Action, Event, Memory, Model, Resolver};
use crate::Walk;

/// A lookup on its way.
#[derive(Debug)]
pub struct Lookup {
    resolver: Arc<Resolver>,
    numbers: Numbers,
    machine: Option<Kind>,
}

#[derive(Debug)]
enum Kind {
    Glibc(Glibc),
    Musl(Musl),
    Go(Go),
    CAres(CAres),
    Nslookup(Nslookup),
}

impl Lookup {
    /// Begins to walk at `now`. `random` yields message ids; `actions` get what is to
    /// be done at once.
    ///
    /// All instants are measured from the same moment, which is the caller's.
    pub fn start(
        resolver: Arc<Resolver>,
        walk: Walk,
        now: Duration,
        memory: &mut Memory,
        random: &mut dyn FnMut() -> u64,
        actions: &mut Vec<Action>,
    ) -> Self {
        let mut lookup = Self { resolver, numbers: Numbers::default(), machine: None };
        let (numbers, resolver) = (&mut lookup.numbers, &*lookup.resolver);
        let mut io = Io { now, resolver, memory, numbers, random, actions };
        let machine = match io.resolver.model {
            Model::Glibc => Kind::Glibc(Glibc::start(walk, &mut io)),
            Model::Musl => Kind::Musl(Musl::start(walk, &mut io)),
            Model::Go => Kind::Go(Go::start(walk, &mut io)),
            Model::CAres => Kind::CAres(CAres::start(&walk, &mut io)),
            Model::Nslookup => Kind::Nslookup(Nslookup::start(walk, &mut io)),
        };
        lookup.machine = Some(machine);
        lookup.end_if_over(actions);
        lookup
    }

    /// Takes what happened at `now`. One event can lead to several actions; after
    /// [`Action::End`] nothing does.
    pub fn handle(
        &mut self,
        event: Event,
        now: Duration,
        memory: &mut Memory,
        random: &mut dyn FnMut() -> u64,
        actions: &mut Vec<Action>,
    ) {
        let Some(machine) = &mut self.machine else { return };
        let (numbers, resolver) = (&mut self.numbers, &*self.resolver);
        let mut io = Io { now, resolver, memory, numbers, random, actions };
        let machine = machine.as_mut();
        match event {
            Event::Reply { socket, query, server, reply } => {
                machine.reply(socket, query, server, reply, &mut io);
            }
            Event::Broken { socket, fault } => machine.broken(socket, fault, &mut io),
            Event::Expired if machine.deadline().is_some_and(|deadline| deadline <= now) => {
                machine.expired(&mut io);
            }
            Event::Expired => {}
        }
        self.end_if_over(actions);
    }

    /// Returns until when the lookup waits; `None` when it waits for a connection, or
    /// is over.
    pub fn deadline(&self) -> Option<Duration> {
        match self.machine.as_ref()? {
            Kind::Glibc(machine) => machine.deadline(),
            Kind::Musl(machine) => machine.deadline(),
            Kind::Go(machine) => machine.deadline(),
            Kind::CAres(machine) => machine.deadline(),
            Kind::Nslookup(machine) => machine.deadline(),
        }
    }

    /// Returns whether it has ended.
    pub const fn is_over(&self) -> bool {
        self.machine.is_none()
    }

    fn end_if_over(&mut self, actions: &[Action]) {
        if matches!(actions.last(), Some(Action::End(_))) {
            self.machine = None;
        }
    }
}

impl Kind {
    fn as_mut(&mut self) -> &mut dyn Machine {
        match self {
            Self::Glibc(machine) => machine,
            Self::Musl(machine) => machine,
            Self::Go(machine) => machine,
            Self::CAres(machine) => machine,
            Self::Nslookup(machine) => machine,
        }
    }
}

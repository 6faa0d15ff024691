//! Recordings at another speed, or with more clients.

use std::collections::HashMap;

use dns::Name;

use super::{Asked, Entry, MAX_CLIENTS, MAX_ENTRIES, Recording, ReplayError, TOO_MANY_CLIENTS};
use crate::random::SplitMix;

impl Recording {
    /// Plays it so many times as fast.
    #[must_use]
    pub fn at_speed(mut self, speed: f64) -> Self {
        for entry in &mut self.entries {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a day in nanoseconds has 47 bits, and a conversion that saturates is meant"
            )]
            let at = (entry.at as f64 / speed).round() as u64;
            entry.at = at;
        }
        self
    }

    /// Adds whole clients, so that there are `times` as many: each copy of a client asks
    /// at the same intervals, up to a second later.
    ///
    /// Names that only one client asked for are its own, and each copy has names of its
    /// own in their place: as long, in the same domains. So a cache meets as many new
    /// names for each client as before. Names that several clients share stay.
    ///
    /// # Errors
    ///
    /// When that is more than can be held.
    pub fn with_clients(self, times: u16) -> Result<Self, ReplayError> {
        let clients = u32::from(self.clients) * u32::from(times);
        if clients > u32::from(MAX_CLIENTS) {
            return Err(ReplayError::TooMany(TOO_MANY_CLIENTS));
        }
        if self.entries.len().saturating_mul(usize::from(times)) > MAX_ENTRIES {
            return Err(ReplayError::TooMany("16 million queries"));
        }
        let own = self.own_names();
        let mut copies = Copies { asked: self.asked.clone(), places: HashMap::new() };
        for (place, asked) in (0..).zip(&self.asked) {
            copies.places.insert(*asked, place);
        }
        let mut entries = Vec::with_capacity(self.entries.len() * usize::from(times));
        for copy in 0..times {
            for entry in &self.entries {
                let shift = match copy {
                    0 => 0,
                    _ => {
                        SplitMix::of_item(SHIFTS, copy.into(), entry.client.into()).next() % SECOND
                    }
                };
                let is_own = own.get(entry.asked as usize).copied().unwrap_or(false);
                let asked =
                    if is_own && copy > 0 { copies.of(entry.asked, copy) } else { entry.asked };
                let client = u32::from(entry.client) + u32::from(self.clients) * u32::from(copy);
                let client = u16::try_from(client).unwrap_or(u16::MAX);
                entries.push(Entry { at: entry.at + shift, client, asked });
            }
        }
        entries.sort_by_key(|entry| entry.at);
        Ok(Self {
            entries,
            asked: copies.asked,
            clients: u16::try_from(clients).unwrap_or(u16::MAX),
            ..self
        })
    }

    /// For each question, whether its name is one that a single client asked for.
    fn own_names(&self) -> Vec<bool> {
        let mut askers: HashMap<Name, Option<u16>> = HashMap::new();
        for entry in &self.entries {
            let Some(asked) = self.asked.get(entry.asked as usize) else { continue };
            let asker = askers
                .entry(asked.name.folded())
                .or_insert(Some(entry.client));
            if *asker != Some(entry.client) {
                *asker = None;
            }
        }
        let is_own = |asked: &Asked| matches!(askers.get(&asked.name.folded()), Some(Some(_)));
        self.asked.iter().map(is_own).collect()
    }
}

/// Questions, with those that copies of clients have in place of others.
struct Copies {
    asked: Vec<Asked>,
    places: HashMap<Asked, u32>,
}

impl Copies {
    fn of(&mut self, place: u32, copy: u16) -> u32 {
        let Some(asked) = self.asked.get(place as usize).copied() else { return place };
        let renamed = Asked { name: renamed(&asked.name, copy), ..asked };
        let next = u32::try_from(self.asked.len()).unwrap_or(u32::MAX);
        let found = *self.places.entry(renamed).or_insert(next);
        if found == next {
            self.asked.push(renamed);
        }
        found
    }
}

/// Another name of the same length in the same domain: its first label is replaced by
/// letters that depend on the name and the copy.
fn renamed(name: &Name, copy: u16) -> Name {
    let mut wire = name.folded().as_wire().to_vec();
    let seed = wire.iter().fold(u64::from(copy), |seed, octet| {
        seed.wrapping_mul(0x0000_0100_0000_01b3)
            .wrapping_add(u64::from(*octet))
    });
    let mut random = SplitMix::new(seed);
    let len = wire.first().map_or(0, |len| usize::from(*len));
    for octet in wire.iter_mut().skip(1).take(len) {
        *octet = b'a' + u8::try_from(random.next() % 26).unwrap_or(0);
    }
    Name::from_wire(&wire).unwrap_or(*name)
}

/// Nanoseconds by which copies are spread.
const SECOND: u64 = 1_000_000_000;
/// Keeps the shifts apart from other draws.
const SHIFTS: u64 = 0x7368_6966_7473;

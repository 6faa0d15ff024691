//! Servers one after another, and again from the first: what was tried already.

/// A place in the order of tries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    first: u8,
    round: u32,
    shift: u8,
}

impl Tried {
    /// Begins with this server.
    pub(super) const fn from(first: u8) -> Self {
        Self { first, round: 0, shift: 0 }
    }

    /// The server whose turn it is, of so many.
    pub(super) fn server(self, servers: u8) -> u8 {
        let place = u16::from(self.first) + u16::from(self.shift);
        u8::try_from(place % u16::from(servers.max(1))).unwrap_or(0)
    }

    /// Goes on to the next server, or to the next round; `false` when all `rounds` are
    /// over.
    pub(super) const fn next(&mut self, servers: u8, rounds: u32) -> bool {
        self.shift += 1;
        if self.shift >= servers {
            self.shift = 0;
            self.round += 1;
        }
        self.round < rounds
    }

    /// Makes this the last round.
    pub(super) const fn end_with_this(&mut self, rounds: u32) {
        self.round = rounds.saturating_sub(1);
    }

    /// Rounds that are over.
    pub(super) const fn round(self) -> u32 {
        self.round
    }
}

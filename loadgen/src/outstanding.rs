//! Which queries have no answer yet, and what became of those before them.
//!
//! A ring of slots in the order of sending. All queries wait equally long, so
//! the oldest is always the next to time out, and no heap of timers is needed.
//! A slot keeps its query after the end too, until the ring comes around: by
//! that a late or a second answer is told apart from one to no query.
//!
//! Ids go up by one on each socket, so a small table per socket, indexed by
//! the low bits of the id, leads from an answer to its slot.

/// One query, in 32 octets.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// When it was due, in nanoseconds since the start of the run.
    pub due: u64,
    /// When it was sent, on the same clock.
    pub sent: u64,
    /// Its question, as numbered by the workload.
    pub question: u32,
    /// The lookup it belongs to, or [`NO_LOOKUP`].
    pub lookup: u32,
    /// The socket it went through.
    pub socket: u16,
    /// Its message id, unique on that socket while it is outstanding.
    pub id: u16,
    /// The phase it was due in.
    pub phase: u8,
    /// Its state.
    pub state: QueryState,
}

const _: () = assert!(size_of::<Slot>() <= 32, "a million outstanding queries fit 32 MB");

/// The state of a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QueryState {
    /// Composed, and not yet given to the network.
    Queued,
    /// No answer yet.
    Waiting,
    /// An answer came in time.
    Answered,
    /// An answer came after the timeout.
    AnsweredLate,
    /// No answer within the timeout.
    Lost,
    /// ICMP reported that it did not reach the server, or a connection was
    /// refused.
    Refused,
    /// The system did not take it.
    NotSent,
}

impl QueryState {
    /// Returns whether it may still be answered in time.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Waiting)
    }
}

/// The queries of one sender thread.
#[derive(Debug)]
pub struct Outstanding {
    /// Grows to `capacity` in the first lap, so that little load takes little
    /// memory.
    slots: Vec<Slot>,
    capacity: u64,
    /// The oldest slot that may still be waiting.
    oldest: u64,
    /// Queries so far; the next slot.
    next: u64,
    sockets: Vec<Ids>,
    waiting: usize,
    max_waiting: usize,
    timeout: u64,
    keep: u64,
}

/// The ids in use on one socket.
#[derive(Clone, Debug)]
struct Ids {
    next: u16,
    /// Index of the slot for each id, by its low bits; a power of two long.
    table: Vec<u32>,
    waiting: u32,
}

/// Why a query cannot be sent: too many are outstanding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

/// Sizes of an [`Outstanding`].
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Queries waiting at the same time.
    pub max_waiting: usize,
    /// Queries sent within `keep`, rounded up to a power of two; an
    /// answered one keeps its slot for as long as an older one waits.
    pub window: usize,
    /// How long a query waits, in nanoseconds.
    pub timeout: u64,
    /// How long its id is not used again, if the socket has another: by then a
    /// late or a second answer is known as such. At least `timeout`.
    pub keep: u64,
}

impl Outstanding {
    /// Makes room within `bounds`, for no socket yet.
    pub fn new(bounds: Bounds) -> Self {
        let capacity = bounds
            .window
            .clamp(MIN_WINDOW, MAX_WINDOW)
            .next_power_of_two();
        Self {
            slots: Vec::new(),
            capacity: capacity as u64,
            oldest: 0,
            next: 0,
            sockets: Vec::new(),
            waiting: 0,
            max_waiting: bounds.max_waiting,
            timeout: bounds.timeout,
            keep: bounds.keep.max(bounds.timeout),
        }
    }

    /// Makes `socket` known, or new again after it was closed: ids start at
    /// `first_id`, and answers to what was sent before match no query.
    pub fn open_socket(&mut self, socket: u16, first_id: u16) {
        let at = usize::from(socket);
        if at >= self.sockets.len() {
            let none = Ids { next: 0, table: vec![NO_SLOT; FIRST_TABLE], waiting: 0 };
            self.sockets.resize(at + 1, none);
        }
        if let Some(ids) = self.sockets.get_mut(at) {
            ids.next = first_id;
            ids.table.fill(NO_SLOT);
            ids.waiting = 0;
        }
    }

    /// Returns how many queries wait.
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns how many queries wait on `socket`.
    pub fn waiting_on(&self, socket: u16) -> u32 {
        self.sockets
            .get(usize::from(socket))
            .map_or(0, |ids| ids.waiting)
    }

    /// Takes a query that is about to be sent, and gives it an id.
    ///
    /// # Errors
    ///
    /// [`Full`] at one of the bounds, or when all 65,536 ids of the socket
    /// wait.
    pub fn insert(&mut self, mut slot: Slot) -> Result<u16, Full> {
        let lap_is_free = self.next - self.oldest < self.capacity;
        if self.waiting >= self.max_waiting || !lap_is_free {
            return Err(Full);
        }
        slot.id = self.claim_id(slot.socket, slot.sent).ok_or(Full)?;
        slot.state = QueryState::Queued;
        let index = self.index_of(self.next);
        match self.slots.get_mut(index as usize) {
            Some(place) => *place = slot,
            None => self.slots.push(slot),
        }
        let ids = self.sockets.get_mut(usize::from(slot.socket)).ok_or(Full)?;
        let place = usize::from(slot.id) & (ids.table.len() - 1);
        if let Some(entry) = ids.table.get_mut(place) {
            *entry = index;
        }
        ids.waiting += 1;
        self.next += 1;
        self.waiting += 1;
        Ok(slot.id)
    }

    /// Returns the query that had this id last on this socket, and its index.
    pub fn find(&self, socket: u16, id: u16) -> Option<(u32, &Slot)> {
        let ids = self.sockets.get(usize::from(socket))?;
        let index = *ids.table.get(usize::from(id) & (ids.table.len() - 1))?;
        let slot = self.slots.get(index as usize)?;
        (slot.socket == socket && slot.id == id).then_some((index, slot))
    }

    /// Changes how a query stands.
    pub fn resolve(&mut self, index: u32, state: QueryState) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        let was_open = slot.state.is_open();
        slot.state = state;
        let socket = usize::from(slot.socket);
        if was_open && !state.is_open() {
            self.waiting -= 1;
            if let Some(ids) = self.sockets.get_mut(socket) {
                ids.waiting -= 1;
            }
        }
    }

    /// Notes that a query left at `at`, if it is queued; returns it as it is then.
    pub fn left(&mut self, index: u32, at: u64) -> Option<Slot> {
        let slot = self.slots.get_mut(index as usize)?;
        if slot.state != QueryState::Queued {
            return None;
        }
        slot.state = QueryState::Waiting;
        slot.sent = at;
        Some(*slot)
    }

    /// Returns the place of the query that was inserted `back` queries ago; 1 is
    /// the latest, and all that are queued are among them.
    pub fn inserted(&self, back: usize) -> Option<u32> {
        let n = self.next.checked_sub(back as u64)?;
        Some(self.index_of(n))
    }

    /// Returns a query whose time is up at `now`, as it was; it is then
    /// [`QueryState::Lost`].
    pub fn expire(&mut self, now: u64) -> Option<Slot> {
        while self.oldest < self.next {
            let index = self.index_of(self.oldest);
            let slot = *self.slots.get(index as usize)?;
            if slot.state.is_open() {
                if slot.sent + self.timeout > now {
                    return None;
                }
                self.oldest += 1;
                self.resolve(index, QueryState::Lost);
                return Some(slot);
            }
            self.oldest += 1;
        }
        None
    }

    /// Returns when the oldest query that may wait times out.
    pub fn next_timeout(&self) -> Option<u64> {
        if self.waiting == 0 {
            return None;
        }
        let slot = self.slots.get(self.index_of(self.oldest) as usize)?;
        Some(slot.sent + self.timeout)
    }

    /// Returns the query that was sent on `socket` `back` queries ago (1 is the
    /// latest), if it is remembered; beyond [`reach`](Self::reach) none is.
    pub fn back_on(&self, socket: u16, back: usize) -> Option<(u32, &Slot)> {
        let ids = self.sockets.get(usize::from(socket))?;
        let back = u16::try_from(back & 0xffff).ok()?;
        self.find(socket, ids.next.wrapping_sub(back))
    }

    /// Returns how many of the latest queries of `socket` may be remembered.
    pub fn reach(&self, socket: u16) -> usize {
        self.sockets
            .get(usize::from(socket))
            .map_or(0, |ids| ids.table.len())
    }

    /// Returns the place of the query that was inserted after that at `index`.
    pub fn following(&self, index: u32) -> u32 {
        self.index_of(u64::from(index) + 1)
    }

    /// Returns the query at `index`.
    pub fn get(&self, index: u32) -> Option<&Slot> {
        self.slots.get(index as usize)
    }

    /// Returns how long a query waits, in nanoseconds.
    pub const fn timeout(&self) -> u64 {
        self.timeout
    }

    /// Returns how long a query is known, in nanoseconds from the send.
    pub const fn keep(&self) -> u64 {
        self.keep
    }

    /// The place of the n-th query; `capacity` is a power of two below 2^32.
    #[expect(clippy::cast_possible_truncation, reason = "masked to less than 2^25")]
    const fn index_of(&self, n: u64) -> u32 {
        (n & (self.capacity - 1)) as u32
    }

    /// Returns the next id of `socket`. The table grows rather than forget a
    /// query of the last while: its late or second answer would be called a
    /// wrong one.
    fn claim_id(&mut self, socket: u16, now: u64) -> Option<u16> {
        loop {
            let ids = self.sockets.get(usize::from(socket))?;
            let place = usize::from(ids.next) & (ids.table.len() - 1);
            let index = *ids.table.get(place)?;
            let before = self.slots.get(index as usize).filter(|slot| {
                slot.socket == socket && usize::from(slot.id) & (ids.table.len() - 1) == place
            });
            let is_free = before.is_none_or(|slot| !slot.state.is_open());
            let is_forgotten = before.is_none_or(|slot| slot.sent + self.keep <= now);
            let is_largest = ids.table.len() > usize::from(u16::MAX);
            if (is_free && is_forgotten) || is_largest {
                let ids = self.sockets.get_mut(usize::from(socket))?;
                let id = ids.next;
                ids.next = id.wrapping_add(u16::from(is_free));
                return is_free.then_some(id);
            }
            self.grow(socket);
        }
    }

    fn grow(&mut self, socket: u16) {
        let Some(ids) = self.sockets.get_mut(usize::from(socket)) else { return };
        let len = ids.table.len() * 2;
        let old = std::mem::replace(&mut ids.table, vec![NO_SLOT; len]);
        for index in old {
            let Some(slot) = self.slots.get(index as usize) else { continue };
            let place = usize::from(slot.id) & (len - 1);
            if let (true, Some(entry)) = (slot.socket == socket, ids.table.get_mut(place)) {
                *entry = index;
            }
        }
    }
}

/// The query stands for itself.
pub const NO_LOOKUP: u32 = u32::MAX;

/// An entry of an id table that leads nowhere: no ring is that long.
const NO_SLOT: u32 = u32::MAX;

/// Ids remembered on a socket at first; 256 octets, for there may be thousands
/// of sockets.
const FIRST_TABLE: usize = 64;

/// Slots at least, 32 KiB: a bound rounded down to nothing would shed.
const MIN_WINDOW: usize = 1 << 10;

/// Slots at most, 1 GiB: 3 million queries a second over 10 s.
pub const MAX_WINDOW: usize = 1 << 25;

#[cfg(test)]
mod tests;

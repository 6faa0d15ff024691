//! Where a log begins and ends, and what of it is in use.

/// A queue of pieces of octets between two offsets, each piece whole: one that
/// does not fit before the end starts at the beginning again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    start: usize,
    end: usize,
    /// Where the next piece goes.
    head: usize,
    /// Where the oldest piece lies.
    tail: usize,
    /// In use are `tail` to the end and the start to `head`; otherwise `tail`
    /// to `head`.
    wrapped: bool,
}

impl Log {
    /// An empty log from `start` to before `end`.
    pub(super) const fn new(start: usize, end: usize) -> Self {
        Self { start, end, head: start, tail: start, wrapped: false }
    }

    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) const fn end(&self) -> usize {
        self.end
    }

    /// Returns whether an offset lies between its ends.
    pub(super) const fn contains(&self, at: usize) -> bool {
        self.start <= at && at < self.end
    }

    /// Where the next piece goes.
    pub(super) const fn head(&self) -> usize {
        self.head
    }

    /// Where the oldest piece lies, if there is one.
    pub(super) const fn tail(&self) -> Option<usize> {
        if self.wrapped || self.tail != self.head { Some(self.tail) } else { None }
    }

    /// Octets in use, holes included.
    pub(super) const fn used(&self) -> usize {
        if self.wrapped {
            self.end - self.tail + self.head - self.start
        } else {
            self.head - self.tail
        }
    }

    /// Returns whether a piece fits at the head.
    pub(super) const fn has_room(&self, size: usize) -> bool {
        let end = if self.wrapped { self.tail } else { self.end };
        end - self.head >= size
    }

    /// Returns whether the head can continue at the start; if not, it is behind
    /// the tail already, and room has to come from there.
    pub(super) const fn can_wrap(&self) -> bool {
        !self.wrapped
    }

    /// Continues at the start, and returns where the hole that this leaves
    /// before the end begins.
    pub(super) const fn wrap(&mut self) -> usize {
        let hole = self.head;
        if self.tail == self.head {
            // Nothing is left in it: there is no hole either.
            self.tail = self.start;
        } else {
            self.wrapped = true;
        }
        self.head = self.start;
        hole
    }

    /// Takes a piece in at the head, where it fits.
    pub(super) const fn push(&mut self, size: usize) {
        self.head += size;
    }

    /// Lets go of the piece at the tail.
    pub(super) const fn shift(&mut self, size: usize) {
        self.tail += size;
        if self.wrapped && self.tail >= self.end {
            self.tail = self.start;
            self.wrapped = false;
        }
    }
}

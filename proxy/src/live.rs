//! A value that a reload of the configuration replaces while threads use it.
//!
//! A lock or a shared count for each packet would be the one write that all threads
//! share. So each thread has its own reference, and looks at a number that is only
//! written by a reload.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The writing end; clones of it write to the same value.
#[derive(Debug)]
pub struct Live<T> {
    shared: Arc<Shared<T>>,
}

/// A thread's own view of the value.
#[derive(Debug)]
pub struct View<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
    value: Arc<T>,
}

#[derive(Debug)]
struct Shared<T> {
    /// How often the value was replaced.
    turn: AtomicU64,
    value: Mutex<Arc<T>>,
}

impl<T> Live<T> {
    /// Starts with this value.
    pub fn new(value: T) -> Self {
        let value = Mutex::new(Arc::new(value));
        Self { shared: Arc::new(Shared { turn: AtomicU64::new(0), value }) }
    }

    /// Replaces the value; views have it from their next look on.
    pub fn set(&self, value: T) {
        *self
            .shared
            .value
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
        self.shared.turn.fetch_add(1, Ordering::Release);
    }

    /// Returns a view for one thread.
    pub fn view(&self) -> View<T> {
        let seen = self.shared.turn.load(Ordering::Acquire);
        View { shared: Arc::clone(&self.shared), seen, value: self.shared.get() }
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Shared<T> {
    fn get(&self) -> Arc<T> {
        Arc::clone(&self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> View<T> {
    /// Looks whether the value was replaced.
    pub fn refresh(&mut self) {
        let turn = self.shared.turn.load(Ordering::Acquire);
        if turn != self.seen {
            (self.seen, self.value) = (turn, self.shared.get());
        }
    }
}

impl<T> Deref for View<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_the_new_value_after_it_has_looked() {
        let live = Live::new(1);
        let mut view = live.view();
        live.set(2);
        assert_eq!(*view, 1);
        view.refresh();
        assert_eq!((*view, *live.view()), (2, 2));
    }
}

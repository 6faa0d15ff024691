//! A bounded queue from the observer, which never waits, to one reader.
//!
//! By hand, in place of a channel of an asynchronous runtime: the accounts work
//! without one, and the reader needs nothing but to be woken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The end that puts items in.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// The end that takes them out.
#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    bound: usize,
    queue: Mutex<Queue<T>>,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    /// The reader, while it waits for an item.
    waker: Option<Waker>,
    is_closed: bool,
}

/// Makes a queue of at most `bound` items. Either end closes it when dropped.
pub(super) fn queue<T>(bound: usize) -> (Sender<T>, Receiver<T>) {
    let queue = Queue { items: VecDeque::new(), waker: None, is_closed: false };
    let shared = Arc::new(Shared { bound, queue: Mutex::new(queue) });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// Puts an item in and wakes the reader.
    ///
    /// # Errors
    ///
    /// Gives the item back when the queue is full or has no reader.
    pub(super) fn try_send(&self, item: T) -> Result<(), T> {
        let mut queue = self.0.lock();
        if queue.is_closed || queue.items.len() >= self.0.bound {
            return Err(item);
        }
        queue.items.push_back(item);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Returns whether the reader has gone.
    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().is_closed
    }
}

impl<T> Receiver<T> {
    /// Takes the next item; ready with none when the sender has gone and
    /// nothing is left.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Option<T>> {
        let mut queue = self.0.lock();
        if let Some(item) = queue.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        if queue.is_closed {
            return Poll::Ready(None);
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut queue = self.lock();
        queue.is_closed = true;
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn items_come_in_order_and_no_more_than_the_bound() {
        let (sender, receiver) = queue(2);
        assert_eq!([1, 2, 3].map(|n| sender.try_send(n)), [Ok(()), Ok(()), Err(3)]);
        let context = Context::from_waker(Waker::noop());
        assert_eq!(receiver.poll(&context), Poll::Ready(Some(1)));
        assert_eq!(sender.try_send(4), Ok(()));
        drop(sender);
        assert_eq!(receiver.poll(&context), Poll::Ready(Some(2)));
        assert_eq!(receiver.poll(&context), Poll::Ready(Some(4)));
        assert_eq!(receiver.poll(&context), Poll::Ready(None));
    }

    #[test]
    fn a_waiting_reader_is_woken_by_an_item_and_by_the_end() {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let context = Context::from_waker(&waker);
        let (sender, receiver) = queue(2);
        assert_eq!(receiver.poll(&context), Poll::Pending);
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(receiver.poll(&context), Poll::Ready(Some(1)));
        assert_eq!(receiver.poll(&context), Poll::Ready(Some(2)));
        assert_eq!(receiver.poll(&context), Poll::Pending);
        drop(sender);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
        assert_eq!(receiver.poll(&context), Poll::Ready(None));
    }

    #[test]
    fn a_reader_that_goes_closes_the_queue() {
        let (sender, receiver) = queue(2);
        assert!(!sender.is_closed());
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.try_send(1), Err(1));
    }
}

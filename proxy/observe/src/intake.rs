//! Records on their way from the threads that answer to the observer.
//!
//! A thread leaves a [`Record`] for each query in a ring of its own; the
//! observer reads all rings side by side, in the order of the answers.

mod record;
pub(crate) use record::octets_of;
pub use record::{QueryEvent, QueryFlags, Record};

mod batch;
pub use batch::Batch;

mod ring_buffer;
pub use ring_buffer::{Reader, RingBuffer, Writer};

mod recorders;
pub use recorders::Recorders;

mod merge;
pub use merge::Merge;

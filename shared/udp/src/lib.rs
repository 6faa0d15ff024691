//! UDP in batches, for programs that send and receive very many small
//! datagrams: one system call for up to a whole batch, with the address each
//! datagram was sent to and the moment the kernel received it.
//!
//! This crate does not parse the datagrams. It is the only one of
//! the workspace with `unsafe` code, all of it in `sys`: the system calls that
//! the standard library does not offer.
//!
//! After a batch is made, nothing here allocates.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("recvmmsg, sendmmsg and the layout of control messages are those of 64-bit Linux");

mod socket;
pub use socket::{Options, Socket};

mod recv;
pub use recv::{Datagram, RecvBatch};

mod send;
pub use send::{SendBatch, SendFailure, SendReport, Unsent};

mod segmented;
pub use segmented::SegmentedBatch;

mod errors;
pub use errors::{ErrorBuffer, ErrorOrigin, QueuedError};

mod stream;
pub use stream::{Streamed, recv_stamped, stamp_stream};

mod trouble;
pub use trouble::Trouble;

mod local;
pub use local::LocalAddr;

mod clock;
pub use clock::{ClockPair, boot_time, process_cpu_time, set_timer_slack, thread_cpu_time};

mod wait;
pub use wait::wait_readable;

mod descriptors;
pub use descriptors::{is_descriptor_shortage, is_memory_shortage, raise_descriptor_limit};

mod control;
mod sockaddr;
mod storage;
mod sys;

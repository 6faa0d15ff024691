//! Packets of captures: the files of tcpdump (pcap) and of Wireshark's programs (pcapng),
//! read one packet after another, in memory that does not grow with the file.
//!
//! [`Reader`] takes the file apart, [`Segment`] a packet. The crate opens no file and
//! knows no protocol above UDP and TCP.
#![forbid(unsafe_code)]

mod error;
pub use error::{CaptureError, Wrong};

mod number;

mod link;
pub use link::Link;

mod segment;
pub use segment::{Segment, TcpFlags, Transport};

mod source;

mod interface;

mod reader;
pub use reader::{Packet, Reader, is_capture};

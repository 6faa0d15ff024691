//! DNS messages as octets, with the terms of RFC 9499 as types.
//!
//! What every query passes through is written by hand, in place, and without
//! allocation: headers, questions, record walks, patches. A whole
//! message as types is hickory-proto's job, which costs 0.6 µs more.
//!
//! The crate knows no clock, no socket and no Kubernetes.
#![forbid(unsafe_code)]

mod header;
pub use header::{Flags, Header};

mod codes;
pub use codes::{Class, Opcode, Rcode, Rtype};

mod name;
pub use name::{Name, NameError, skip_name};

mod question;
pub use question::Question;

mod record;
pub use record::{Record, Records, Section};

mod opt;
pub use opt::{EXTENDED_ERROR_OPTION, ExtendedError, Opt};

mod compose;
pub use compose::{Composer, query};

mod present;
pub use present::present_records;

pub mod wire;

mod octets;
pub use octets::{get_u16, get_u32, put_octets, put_u16, put_u32};

/// Why octets were not a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// A count promised more than there is.
    #[error("the message ends before its counts do")]
    Counts,
    /// A name was malformed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// RDATA did not fit its type.
    #[error("record data does not fit its type")]
    Rdata,
    /// The octets ended early.
    #[error("the message is cut short")]
    Short,
    /// The composed message would not fit.
    #[error("the message would be longer than 65,535 octets")]
    TooLong,
    /// Octets were left after the last record.
    #[error("octets follow the last record")]
    Trailing,
}

/// Largest UDP payload that is advertised and sent, in octets: fits one
/// Ethernet frame over IPv6 without fragments (RFC 9715, section 3).
pub const MAX_UDP_PAYLOAD: u16 = 1232;

/// What a client without EDNS can take over UDP, in octets (RFC 1035, 4.2.1).
pub const MIN_UDP_PAYLOAD: u16 = 512;

/// Octets of a message header (RFC 1035, section 4.1.1).
pub const HEADER_LEN: usize = 12;

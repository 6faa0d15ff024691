//! A response that was written into a buffer.

use dns::{Header, Rcode};

/// A response that was written, as its counters and its record need it: so that
/// the octets are not parsed again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rendered {
    /// Octets.
    pub len: usize,
    /// The header that was written.
    pub header: Header,
    /// The response code, with the extended bits where an OPT record has them.
    pub rcode: Rcode,
}

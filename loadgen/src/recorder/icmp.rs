//! What ICMP reports of queries.

/// An ICMP message about a query of ours.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Icmp {
    /// Whether it came over IPv6.
    pub is_v6: bool,
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
}

impl Icmp {
    /// Returns whether it asks for smaller datagrams, which refuses none.
    pub const fn is_about_size(self) -> bool {
        matches!((self.is_v6, self.kind, self.code), (false, 3, 4) | (true, 2, _))
    }

    /// Returns what it reports.
    pub const fn meaning(self) -> &'static str {
        match (self.is_v6, self.kind, self.code) {
            (false, 3, 0) | (true, 1, 0) => "network unreachable",
            (false, 3, 1) | (true, 1, 3) => "host unreachable",
            (false, 3, 2) => "protocol unreachable",
            (false, 3, 3) | (true, 1, 4) => "port unreachable",
            (false, 3, 4) | (true, 2, _) => "too big",
            (false, 3, 9 | 10 | 13) | (true, 1, 1) => "administratively prohibited",
            (false, 11, _) | (true, 3, _) => "time exceeded",
            _ => "other",
        }
    }
}

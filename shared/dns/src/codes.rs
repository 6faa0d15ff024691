//! The code points: types, classes, response codes, opcodes.
//!
//! Newtypes over the number rather than enums: a code that no RFC has
//! of passes through untouched (RFC 3597).

use std::fmt;

/// A record type (IANA "Resource Record (RR) TYPEs").
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Rtype(pub u16);

/// A class (IANA "DNS CLASSes").
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Class(pub u16);

/// A response code, with the upper bits that EDNS adds (RFC 6891, 6.1.3).
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Rcode(pub u16);

/// An operation code (IANA "DNS `OpCodes`").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opcode(pub u8);

macro_rules! mnemonics {
    ($type:ident, $prefix:literal: $($(#[$doc:meta])* $name:ident = $value:literal),+ $(,)?) => {
        impl $type {
            $($(#[$doc])* pub const $name: Self = Self($value);)+

            /// Returns the code for a mnemonic in any case, or the number of
            /// the generic form (`TYPE65`, RFC 3597, section 5).
            pub fn from_mnemonic(text: &str) -> Option<Self> {
                $(if text.eq_ignore_ascii_case(stringify!($name)) { return Some(Self::$name); })+
                let (head, number) = text.split_at_checked($prefix.len())?;
                (head.eq_ignore_ascii_case($prefix)).then(|| number.parse().ok().map(Self))?
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => f.write_str(stringify!($name)),)+
                    Self(code) => write!(f, concat!($prefix, "{}"), code),
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

mnemonics! { Rtype, "TYPE":
    /// IPv4 address (RFC 1035).
    A = 1,
    /// Name server (RFC 1035).
    NS = 2,
    /// Mail destination, obsolete (RFC 1035).
    MD = 3,
    /// Mail forwarder, obsolete (RFC 1035).
    MF = 4,
    /// Alias (RFC 1035).
    CNAME = 5,
    /// Start of authority (RFC 1035).
    SOA = 6,
    /// Mailbox (RFC 1035).
    MB = 7,
    /// Mail group (RFC 1035).
    MG = 8,
    /// Mail rename (RFC 1035).
    MR = 9,
    /// Pointer (RFC 1035).
    PTR = 12,
    /// Host information (RFC 1035); the answer to ANY (RFC 8482).
    HINFO = 13,
    /// Mailbox information (RFC 1035).
    MINFO = 14,
    /// Mail exchange (RFC 1035).
    MX = 15,
    /// Text (RFC 1035).
    TXT = 16,
    /// Responsible person (RFC 1183).
    RP = 17,
    /// AFS database (RFC 1183).
    AFSDB = 18,
    /// Route through (RFC 1183).
    RT = 21,
    /// Old signature (RFC 2535).
    SIG = 24,
    /// X.400 mapping (RFC 2163).
    PX = 26,
    /// IPv6 address (RFC 3596).
    AAAA = 28,
    /// Old next domain (RFC 2535).
    NXT = 30,
    /// Service location (RFC 2782).
    SRV = 33,
    /// Naming authority pointer (RFC 3403).
    NAPTR = 35,
    /// Key exchanger (RFC 2230).
    KX = 36,
    /// Redirection of a subtree (RFC 6672).
    DNAME = 39,
    /// EDNS pseudo-record (RFC 6891).
    OPT = 41,
    /// Delegation signer (RFC 4034).
    DS = 43,
    /// Signature (RFC 4034).
    RRSIG = 46,
    /// Next secure (RFC 4034).
    NSEC = 47,
    /// Key (RFC 4034).
    DNSKEY = 48,
    /// Hashed next secure (RFC 5155).
    NSEC3 = 50,
    /// Service binding (RFC 9460).
    SVCB = 64,
    /// Service binding of HTTPS (RFC 9460).
    HTTPS = 65,
    /// Incremental zone transfer (RFC 1995).
    IXFR = 251,
    /// Zone transfer (RFC 5936).
    AXFR = 252,
    /// Everything; answered minimally (RFC 8482).
    ANY = 255,
}

mnemonics! { Rcode, "RCODE":
    /// No error.
    NOERROR = 0,
    /// The query was malformed.
    FORMERR = 1,
    /// The server failed.
    SERVFAIL = 2,
    /// The name does not exist.
    NXDOMAIN = 3,
    /// Not implemented.
    NOTIMP = 4,
    /// Policy refuses.
    REFUSED = 5,
    /// EDNS version not supported (RFC 6891, section 9).
    BADVERS = 16,
}

impl Class {
    /// The Internet.
    pub const IN: Self = Self(1);
}

impl Opcode {
    /// A standard query.
    pub const QUERY: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnemonics_go_both_ways_and_unknown_types_keep_their_number() {
        for (text, code) in [("a", Rtype::A), ("HTTPS", Rtype::HTTPS), ("type65280", Rtype(65280))]
        {
            assert_eq!(Rtype::from_mnemonic(text), Some(code));
        }
        assert_eq!(Rtype(65280).to_string(), "TYPE65280");
        assert_eq!(Rcode::NXDOMAIN.to_string(), "NXDOMAIN");
        for bad in ["", "TYPE", "TYPEx", "TYPE65536", "AA"] {
            assert_eq!(Rtype::from_mnemonic(bad), None, "{bad}");
        }
    }
}

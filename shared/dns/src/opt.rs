//! The OPT pseudo-record: sizes, flags and Extended DNS Errors (RFC 6891).

use crate::{ParseError, Rcode, Record, Rtype, get_u16, put_octets};

/// The fields of an OPT record, options aside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opt {
    /// Octets the sender can take over UDP; values under 512 mean 512
    /// (RFC 6891, section 6.2.3).
    pub udp_payload_size: u16,
    /// The upper eight bits of the RCODE.
    pub extended_rcode: u8,
    /// EDNS version; only 0 exists.
    pub version: u8,
    /// DNSSEC OK (RFC 3225).
    pub dnssec_ok: bool,
}

impl Opt {
    /// Octets of an OPT record without options.
    pub const LEN: usize = 11;

    /// Octets of the longest record that [`Opt::patch`] writes.
    pub const MAX_LEN: usize = Self::LEN + 4 + 2 + ExtendedError::MAX_TEXT;

    /// Reads an OPT record; `None` when it is of another type.
    pub fn from_record(record: &Record) -> Option<Self> {
        let [extended_rcode, version, flags, _] = record.ttl.to_be_bytes();
        (record.rtype == Rtype::OPT).then_some(Self {
            udp_payload_size: record.class.0,
            extended_rcode,
            version,
            dnssec_ok: flags & 0x80 != 0,
        })
    }

    /// Finds the Extended DNS Error among the options of an OPT record:
    /// its info-code (RFC 8914, section 2).
    pub fn extended_error(message: &[u8], record: &Record) -> Result<Option<u16>, ParseError> {
        let mut options = message.get(record.rdata.clone()).ok_or(ParseError::Short)?;
        let mut found = None;
        while !options.is_empty() {
            let code = get_u16(options, 0).ok_or(ParseError::Rdata)?;
            let length = get_u16(options, 2).ok_or(ParseError::Rdata)?;
            let end = 4 + usize::from(length);
            let value = options.get(4..end).ok_or(ParseError::Rdata)?;
            if code == EXTENDED_ERROR_OPTION {
                found = Some(get_u16(value, 0).ok_or(ParseError::Rdata)?);
            }
            options = options.get(end..).unwrap_or_default();
        }
        Ok(found)
    }

    /// Finds an option by its code, in the data of an OPT record.
    pub fn option(mut options: &[u8], code: u16) -> Option<&[u8]> {
        while !options.is_empty() {
            let end = 4 + usize::from(get_u16(options, 2)?);
            let value = options.get(4..end)?;
            if get_u16(options, 0) == Some(code) {
                return Some(value);
            }
            options = options.get(end..)?;
        }
        None
    }

    /// Writes the record at the start of `out`, `error` as its only option;
    /// returns its length, or `None` when `out` is too short.
    pub fn patch(&self, out: &mut [u8], error: Option<ExtendedError<'_>>) -> Option<usize> {
        let size = self.udp_payload_size.to_be_bytes();
        let do_bit = if self.dnssec_ok { 0x80 } else { 0 };
        let mut record =
            [0, 0, 41, size[0], size[1], self.extended_rcode, self.version, do_bit, 0, 0, 0];
        let Some(error) = error else {
            put_octets(out, 0, &record)?;
            return Some(Self::LEN);
        };
        let text = error.text.get(..error.text_len())?;
        let option_len = u8::try_from(text.len() + 2).ok()?;
        // Everything fits into the low octet: the text is bounded.
        record[10] = option_len + 4;
        put_octets(out, 0, &record)?;
        put_octets(out, Self::LEN, &EXTENDED_ERROR_OPTION.to_be_bytes())?;
        put_octets(out, Self::LEN + 2, &[0, option_len])?;
        put_octets(out, Self::LEN + 4, &error.code.to_be_bytes())?;
        put_octets(out, Self::LEN + 6, text)?;
        Some(Self::LEN + 6 + text.len())
    }

    /// Returns the RCODE with the upper bits that this record carries.
    pub const fn rcode(&self, low: Rcode) -> Rcode {
        Rcode((self.extended_rcode as u16) << 4 | low.0)
    }
}

/// An Extended DNS Error (RFC 8914): why, in a code and a few words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExtendedError<'a> {
    /// The INFO-CODE (IANA "Extended DNS Error Codes").
    pub code: u16,
    /// EXTRA-TEXT in UTF-8, without a final zero; may be empty.
    pub text: &'a [u8],
}

impl ExtendedError<'_> {
    /// Other Error (RFC 8914, section 4.1).
    pub const OTHER: u16 = 0;
    /// Stale Answer (RFC 8914, section 4.4).
    pub const STALE_ANSWER: u16 = 3;
    /// Cached Error (RFC 8914, section 4.14).
    pub const CACHED_ERROR: u16 = 13;
    /// Not Ready (RFC 8914, section 4.15).
    pub const NOT_READY: u16 = 14;
    /// Prohibited (RFC 8914, section 4.19).
    pub const PROHIBITED: u16 = 18;
    /// Stale NXDOMAIN Answer (RFC 8914, section 4.20).
    pub const STALE_NXDOMAIN_ANSWER: u16 = 19;
    /// Not Supported (RFC 8914, section 4.22).
    pub const NOT_SUPPORTED: u16 = 21;
    /// No Reachable Authority (RFC 8914, section 4.23).
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
    /// Network Error (RFC 8914, section 4.24).
    pub const NETWORK_ERROR: u16 = 23;

    /// Invalid Data (RFC 8914, section 4.25).
    pub const INVALID_DATA: u16 = 24;

    /// Octets of EXTRA-TEXT that are sent at most: a sentence with the address
    /// of an upstream, which is no longer than 47. Beside the longest question
    /// it stays far below 512 octets.
    pub const MAX_TEXT: usize = 96;

    /// Octets of the option that is written (RFC 8914, section 2).
    pub const fn option_len(&self) -> usize {
        6 + self.text_len()
    }

    const fn text_len(&self) -> usize {
        let len = self.text.len();
        if len < Self::MAX_TEXT { len } else { Self::MAX_TEXT }
    }
}

/// Option code of Extended DNS Errors (RFC 8914, section 2).
pub const EXTENDED_ERROR_OPTION: u16 = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Header, Records};

    fn read(octets: &[u8]) -> Record {
        let header = Header { counts: [0, 0, 0, 1], ..Header::default() };
        Records::new(octets, 0, &header).next().unwrap().unwrap()
    }

    #[test]
    fn an_opt_record_survives_its_octets() {
        let opt = Opt { udp_payload_size: 1232, extended_rcode: 1, version: 0, dnssec_ok: true };
        let mut out = [0; Opt::MAX_LEN];
        assert_eq!(opt.patch(&mut out, None), Some(Opt::LEN));
        assert_eq!(Opt::from_record(&read(&out)), Some(opt));
        assert_eq!(opt.rcode(Rcode::NOERROR), Rcode::BADVERS);
        assert_eq!(opt.patch(&mut out[..10], None), None);
    }

    #[test]
    fn an_extended_error_is_found_among_options() {
        let opt = Opt { udp_payload_size: 1232, extended_rcode: 0, version: 0, dnssec_ok: false };
        let error = ExtendedError { code: ExtendedError::NETWORK_ERROR, text: b"upstream silent" };
        let mut out = [0; Opt::MAX_LEN];
        let len = opt.patch(&mut out, Some(error)).unwrap();
        let record = read(&out[..len]);
        assert_eq!(record.end(), len);
        assert_eq!(Opt::extended_error(&out, &record), Ok(Some(23)));
    }

    #[test]
    fn options_that_lie_about_their_length_are_an_error() {
        let octets = b"\0\0\x29\x04\xd0\0\0\0\0\0\x05\0\x0a\0\x08x";
        assert_eq!(Opt::extended_error(octets, &read(octets)), Err(ParseError::Rdata));
    }
}

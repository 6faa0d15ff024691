//! The fields of a message of Protocol Buffers, as they stand in its octets.

/// A field's value, of the kinds that messages of today have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Value<'a> {
    Number(u64),
    Octets(&'a [u8]),
}

/// Walks the fields of `octets`: their number, their value, and where that begins in the
/// file. An error is the last.
pub(super) struct Fields<'a> {
    octets: &'a [u8],
    /// Where what is left begins in the file.
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(octets: &'a [u8], at: usize) -> Self {
        Self { octets, at }
    }

    fn field(&mut self) -> Result<(u64, Value<'a>, usize), TapError> {
        let tag = self.varint()?;
        let start = self.at;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Number(number(self.take(8)?)),
            2 => {
                let len = self.varint()?;
                let start = self.at;
                let octets = self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
                return Ok((tag >> 3, Value::Octets(octets), start));
            }
            5 => Value::Number(number(self.take(4)?)),
            kind => return Err(TapError::new(start, format!("a field of the wire type {kind}"))),
        };
        Ok((tag >> 3, value, start))
    }

    /// Seven bits an octet, the lowest first; the highest bit is that more follow.
    fn varint(&mut self) -> Result<u64, TapError> {
        let start = self.at;
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.take(1)?.first().copied().unwrap_or(0);
            value |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(TapError::new(start, "a number of more than ten octets"))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], TapError> {
        let Some((taken, rest)) = self.octets.split_at_checked(len) else {
            return Err(TapError::new(self.at, "a field is longer than its message"));
        };
        self.octets = rest;
        self.at += len;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>, usize), TapError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.octets.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.octets = &[];
        }
        Some(field)
    }
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("at octet {at}: {reason}")]
pub struct TapError {
    at: usize,
    reason: String,
}

impl TapError {
    pub(super) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into() }
    }
}

/// The least octet first.
fn number(octets: &[u8]) -> u64 {
    octets
        .iter()
        .rev()
        .fold(0, |value, octet| value << 8 | u64::from(*octet))
}

//! Domain names in wire form (RFC 1035, section 3.1), compressed or not.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::{get_u16, wire};

/// An uncompressed domain name, at most 255 octets, root label included.
///
/// Kept inline: names are copied on the miss path, and a fixed size keeps
/// the allocator out of it.
#[derive(Clone, Copy)]
pub struct Name {
    len: u8,
    octets: [u8; Self::MAX_LEN],
}

impl Name {
    /// Octets of the longest name (RFC 1035, section 2.3.4).
    pub const MAX_LEN: usize = 255;

    /// Octets of the longest label (RFC 1035, section 2.3.4).
    pub const MAX_LABEL: usize = 63;

    /// The root.
    pub const ROOT: Self = Self { len: 1, octets: [0; Self::MAX_LEN] };

    /// Where IPv4 addresses are looked up (RFC 1035, section 3.5).
    pub const IN_ADDR_ARPA: Self = {
        let mut octets = [0; Self::MAX_LEN];
        let (start, _) = octets.split_at_mut(IN_ADDR_ARPA.len());
        start.copy_from_slice(IN_ADDR_ARPA);
        Self { len: 14, octets }
    };

    /// Parses the name at `at`, following compression pointers, and returns
    /// it with the offset after it.
    ///
    /// Pointers lead backwards only (RFC 9267, section 2), so the work is
    /// bounded by the 127 labels of a name and as many pointers.
    pub fn parse(message: &[u8], at: usize) -> Result<(Self, usize), NameError> {
        let mut name = Self { len: 0, octets: [0; Self::MAX_LEN] };
        let mut end = None;
        let mut here = at;
        // Labels in a row are copied together: one copy where nothing is
        // compressed.
        let mut row = at;
        // Every label or pointer starts below this once a pointer was taken.
        let mut hops = 0;
        loop {
            let length = usize::from(*message.get(here).ok_or(NameError::Short)?);
            match length & 0xc0 {
                0x00 => {
                    here += length + 1;
                    if here - row > Self::MAX_LEN {
                        return Err(NameError::LongName);
                    }
                    if length == 0 {
                        name.push(message.get(row..here).ok_or(NameError::Short)?)?;
                        return Ok((name, end.unwrap_or(here)));
                    }
                }
                0xc0 => {
                    name.push(message.get(row..here).ok_or(NameError::Short)?)?;
                    let target = get_u16(message, here).ok_or(NameError::Short)? & 0x3fff;
                    hops += 1;
                    if usize::from(target) >= here || hops > MAX_HOPS {
                        return Err(NameError::Pointer);
                    }
                    end.get_or_insert(here + 2);
                    here = usize::from(target);
                    row = here;
                }
                _ => return Err(NameError::LabelType),
            }
        }
    }

    /// Returns the name that `wire` is, uncompressed and nothing after it.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        let (name, end) = Self::parse(wire, 0)?;
        // A pointer would have to lead backwards from offset 0 or into the
        // name itself: the lengths differ then.
        if end == wire.len() && end == usize::from(name.len) {
            Ok(name)
        } else {
            Err(NameError::Pointer)
        }
    }

    /// Returns the name written as text: labels with dots between, with or
    /// without the last dot, `\.` and `\065` escapes (RFC 1035, section 5.1).
    pub fn from_text(text: &str) -> Result<Self, NameError> {
        let mut name = Self { len: 0, octets: [0; Self::MAX_LEN] };
        if text == "." {
            return Ok(Self::ROOT);
        }
        let mut label = [0_u8; Self::MAX_LABEL + 1];
        let mut len = 0_u8;
        let mut octets = text.bytes();
        while let Some(octet) = octets.next() {
            let octet = match octet {
                b'.' if len == 0 => return Err(NameError::EmptyLabel),
                b'.' => {
                    name.push_label(&mut label, len)?;
                    len = 0;
                    continue;
                }
                b'\\' => unescape(&mut octets).ok_or(NameError::Escape)?,
                octet => octet,
            };
            len += 1;
            *label
                .get_mut(usize::from(len))
                .ok_or(NameError::LongLabel)? = octet;
        }
        if len > 0 {
            name.push_label(&mut label, len)?;
        }
        if name.len == 0 {
            return Err(NameError::EmptyLabel);
        }
        name.push(&[0])?;
        Ok(name)
    }

    /// Returns the octets, root label included.
    pub fn as_wire(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Returns the name with ASCII letters in lower case (RFC 4343).
    #[must_use]
    pub fn folded(&self) -> Self {
        let mut name = *self;
        // Length octets are below 64, so none of them is a letter.
        let octets = name.octets.get_mut(..usize::from(name.len));
        octets.unwrap_or_default().make_ascii_lowercase();
        name
    }

    /// Iterates over the labels, the root's left out.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        wire::labels(self.as_wire())
    }

    /// Returns whether this name is `zone` or below it, whatever the case.
    pub fn is_within(&self, zone: &Self) -> bool {
        wire::is_within(self.as_wire(), zone.as_wire())
    }

    /// Appends labels, each with its length octet in front.
    fn push(&mut self, labels: &[u8]) -> Result<(), NameError> {
        let start = usize::from(self.len);
        let end = start + labels.len();
        let place = self.octets.get_mut(start..end).ok_or(NameError::LongName)?;
        place.copy_from_slice(labels);
        self.len = u8::try_from(end).map_err(|_| NameError::LongName)?;
        Ok(())
    }

    fn push_label(
        &mut self,
        label: &mut [u8; Self::MAX_LABEL + 1],
        len: u8,
    ) -> Result<(), NameError> {
        label[0] = len;
        self.push(label.get(..=usize::from(len)).ok_or(NameError::LongLabel)?)
    }
}

/// In wire form.
const IN_ADDR_ARPA: &[u8; 14] = b"\x07in-addr\x04arpa\0";

/// Equal whatever the case of their ASCII letters (RFC 4343).
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_wire().eq_ignore_ascii_case(other.as_wire())
    }
}

impl Eq for Name {}

/// Without case, as they are compared.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.folded().as_wire());
    }
}

/// Presentation form with the last dot; anything unprintable as `\DDD`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len <= 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(octet))?,
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why octets or text were not a domain name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// Two dots in a row, or nothing at all.
    #[error("a label is empty")]
    EmptyLabel,
    /// A backslash without a character or a number up to 255.
    #[error("a backslash is not followed by a character or three digits")]
    Escape,
    /// A length octet that is neither a length nor a pointer.
    #[error("a label has an unknown type")]
    LabelType,
    /// More than 63 octets in a label.
    #[error("a label is longer than 63 octets")]
    LongLabel,
    /// More than 255 octets in all.
    #[error("the name is longer than 255 octets")]
    LongName,
    /// A compression pointer that does not lead backwards, or where none may be.
    #[error("a compression pointer is not allowed here")]
    Pointer,
    /// The octets ended early.
    #[error("the name is cut short")]
    Short,
}

/// Returns the offset after the name at `at` without reading it.
pub fn skip_name(message: &[u8], at: usize) -> Result<usize, NameError> {
    let mut here = at;
    loop {
        let length = usize::from(*message.get(here).ok_or(NameError::Short)?);
        match length & 0xc0 {
            0x00 if length == 0 => return Ok(here + 1),
            0x00 => here += length + 1,
            0xc0 if here + 2 <= message.len() => return Ok(here + 2),
            0xc0 => return Err(NameError::Short),
            _ => return Err(NameError::LabelType),
        }
    }
}

fn unescape(octets: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = octets.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = octets.next().filter(u8::is_ascii_digit)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).ok()
}

/// A name has at most 127 labels, so more pointers than that are a trick.
const MAX_HOPS: usize = 127;

#[cfg(test)]
mod tests;

//! Netlink messages as octets (netlink(7)): a header, a part of fixed length, and
//! attributes, each padded to four octets.

/// Attributes to send, which may hold others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attributes(Vec<u8>);

/// Attributes that came: kinds and values, which may hold others.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a>(&'a [u8]);

impl Attributes {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one; its value is far below 64 KiB.
    #[must_use]
    pub fn put(mut self, kind: u16, value: &[u8]) -> Self {
        let len = u16::try_from(ATTRIBUTE_HEADER + value.len()).unwrap_or(u16::MAX);
        self.0.extend(len.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(ALIGN), 0);
        self
    }

    /// Adds a text with the NUL that ends it.
    #[must_use]
    pub fn text(self, kind: u16, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.put(kind, &value)
    }

    /// Adds a number as netfilter has it: in the order of the network.
    #[must_use]
    pub fn number(self, kind: u16, number: u32) -> Self {
        self.put(kind, &number.to_be_bytes())
    }

    /// Adds one that holds others.
    #[must_use]
    pub fn nest(self, kind: u16, inner: &Self) -> Self {
        self.put(kind | NESTED, &inner.0)
    }
}

impl<'a> Values<'a> {
    /// Those in a value.
    #[must_use]
    pub const fn of(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// Iterates over kinds and values; ends at the first that is cut short.
    pub fn all(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&[a, b, c, d], _) = rest.split_first_chunk()?;
            let len = usize::from(u16::from_ne_bytes([a, b]));
            let value = rest.get(ATTRIBUTE_HEADER..len)?;
            rest = rest.get(len.next_multiple_of(ALIGN)..).unwrap_or_default();
            Some((u16::from_ne_bytes([c, d]) & KIND, value))
        })
    }

    /// The value of the first of a kind.
    #[must_use]
    pub fn find(self, kind: u16) -> Option<&'a [u8]> {
        let mut all = self.all();
        all.find(|(known, _)| *known == kind)
            .map(|(_, value)| value)
    }

    /// Those in the first of a kind.
    #[must_use]
    pub fn nested(self, kind: u16) -> Option<Self> {
        self.find(kind).map(Self)
    }
}

/// One message to the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// What it asks for.
    pub kind: u16,
    /// As [`CREATE`]; that it is a request goes without one.
    pub flags: u16,
    /// The part of fixed length.
    pub fixed: Vec<u8>,
    /// What comes after that.
    pub attributes: Attributes,
}

impl Message {
    /// Appends its octets.
    pub fn write(&self, sequence: u32, out: &mut Vec<u8>) {
        let len = HEADER + self.fixed.len() + self.attributes.0.len();
        out.extend(u32::try_from(len).unwrap_or(u32::MAX).to_ne_bytes());
        out.extend(self.kind.to_ne_bytes());
        out.extend((self.flags | REQUEST).to_ne_bytes());
        out.extend(sequence.to_ne_bytes());
        // The kernel fills in whose it is.
        out.extend([0; 4]);
        out.extend(&self.fixed);
        out.extend(&self.attributes.0);
    }

    /// Adds a flag.
    #[must_use]
    pub const fn with(mut self, flag: u16) -> Self {
        self.flags |= flag;
        self
    }
}

/// One message from the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply<'a> {
    /// What it is.
    pub kind: u16,
    /// Of the message that it answers.
    pub sequence: u32,
    /// The part of fixed length, with the attributes.
    pub body: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads what one receive call brought; ends at the first that is cut short.
    pub fn all(octets: &'a [u8]) -> impl Iterator<Item = Self> {
        let mut rest = octets;
        std::iter::from_fn(move || {
            let (reply, after) = Self::first(rest)?;
            rest = after;
            Some(reply)
        })
    }

    fn first(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, _) = octets.split_first_chunk::<HEADER>()?;
        let [a, b, c, d, e, f, _, _, i, j, k, l, ..] = *header;
        let len = usize::try_from(u32::from_ne_bytes([a, b, c, d])).ok()?;
        let body = octets.get(HEADER..len)?;
        let rest = octets
            .get(len.next_multiple_of(ALIGN)..)
            .unwrap_or_default();
        let (kind, sequence) = (u16::from_ne_bytes([e, f]), u32::from_ne_bytes([i, j, k, l]));
        Some((Self { kind, sequence, body }, rest))
    }

    /// The error that it is, or with which a list ends: 0 acknowledges. `None` if it is
    /// something else.
    #[must_use]
    pub fn error(&self) -> Option<i32> {
        let code = self.body.first_chunk().copied();
        let code = code.filter(|_| self.kind == ERROR || self.is_done());
        code.map(|octets| i32::from_ne_bytes(octets).saturating_neg())
    }

    /// Whether a list ends with it.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.kind == DONE
    }

    /// The attributes after `fixed` octets.
    #[must_use]
    pub fn attributes(&self, fixed: usize) -> Values<'a> {
        Values(self.body.get(fixed..).unwrap_or_default())
    }
}

/// A text without the NUL that ends it.
#[must_use]
pub fn text(value: &[u8]) -> String {
    let end = value.strip_suffix(&[0]).unwrap_or(value);
    String::from_utf8_lossy(end).into_owned()
}

const REQUEST: u16 = 0x01;
/// `NLM_F_ACK` (netlink(7)): the kernel answers also where nothing is wrong.
pub(crate) const ACK: u16 = 0x04;
/// `NLM_F_EXCL`: it is an error where it is there.
pub const EXCLUSIVE: u16 = 0x200;
/// `NLM_F_DUMP`: all of them.
pub const DUMP: u16 = 0x300;
/// `NLM_F_CREATE`: make it where it is not there.
pub const CREATE: u16 = 0x400;
/// `NLM_F_APPEND`: after those that are there.
pub const APPEND: u16 = 0x800;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;
const ALIGN: usize = 4;
const NESTED: u16 = 0x8000;
/// Without the two flags.
const KIND: u16 = 0x3fff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_nested() {
        let inner = Attributes::new().number(2, 0x0102_0304);
        let all = Attributes::new().text(1, "ab").nest(3, &inner);
        let read = Values::of(&all.0);
        assert_eq!(read.all().next(), Some((1, b"ab\0".as_slice())));
        assert_eq!(text(read.find(1).unwrap()), "ab");
        let inner = read.nested(3).unwrap();
        assert_eq!(inner.all().collect::<Vec<_>>(), [(2, [1, 2, 3, 4].as_slice())]);
        // "ab" with its NUL takes a fourth octet.
        assert_eq!(all.0.len(), 8 + 4 + 8);
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let attributes = Attributes::new().text(1, "x");
        let message = Message { kind: 7, flags: ACK, fixed: vec![1, 2, 3, 4], attributes };
        let mut octets = Vec::new();
        message.write(5, &mut octets);
        message.write(6, &mut octets);
        let replies: Vec<_> = Reply::all(&octets).collect();
        assert_eq!(replies.len(), 2);
        assert_eq!((replies[1].kind, replies[1].sequence), (7, 6));
        assert_eq!(replies[0].attributes(4).find(1), Some(b"x\0".as_slice()));
        assert_eq!(replies[0].error(), None);
    }

    #[test]
    fn what_is_cut_short_is_not_read() {
        let message = Message {
            kind: ERROR,
            flags: 0,
            fixed: vec![0xfe, 255, 255, 255],
            attributes: Attributes::new(),
        };
        let mut octets = Vec::new();
        message.write(1, &mut octets);
        assert_eq!(Reply::all(&octets).next().unwrap().error(), Some(2));
        for end in 0..octets.len() {
            assert_eq!(Reply::all(&octets[..end]).next(), None);
        }
        assert_eq!(Values::of(&[3, 0, 1, 0]).all().next(), None);
        assert_eq!(Values::of(&[8, 0, 1, 0, 9]).all().next(), None);
    }
}

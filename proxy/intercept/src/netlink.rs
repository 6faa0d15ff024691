//! Netlink messages as octets (netlink(7)): a header, a part of fixed length, and
//! attributes, each padded to four octets.

/// Attributes, which may hold others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Attributes(Vec<u8>);

impl Attributes {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Those that a value holds.
    pub(crate) fn read(value: &[u8]) -> Self {
        Self(value.to_vec())
    }

    pub(crate) fn put(mut self, kind: u16, value: &[u8]) -> Self {
        // What we write is bounded by `nft::MAX_ELEMENTS`, far below 64 KiB.
        let len = u16::try_from(ATTRIBUTE_HEADER + value.len()).unwrap_or(u16::MAX);
        self.0.extend(len.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(ALIGN), 0);
        self
    }

    /// A text with the NUL that ends it.
    pub(crate) fn text(self, kind: u16, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.put(kind, &value)
    }

    /// A number as `nf_tables` has it: in the order of the network.
    pub(crate) fn number(self, kind: u16, number: u32) -> Self {
        self.put(kind, &number.to_be_bytes())
    }

    pub(crate) fn nest(self, kind: u16, inner: &Self) -> Self {
        self.put(kind | NESTED, &inner.0)
    }
}

/// One message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) fixed: Vec<u8>,
    pub(crate) attributes: Attributes,
}

impl Message {
    /// Appends its octets.
    pub(crate) fn write(&self, sequence: u32, out: &mut Vec<u8>) {
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

    pub(crate) const fn with(mut self, flag: u16) -> Self {
        self.flags |= flag;
        self
    }
}

/// One message from the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reply<'a> {
    pub(crate) kind: u16,
    pub(crate) sequence: u32,
    /// The part of fixed length, with the attributes.
    pub(crate) body: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads what one receive call brought; ends at the first that is cut short.
    pub(crate) fn all(mut octets: &'a [u8]) -> Vec<Self> {
        let mut replies = Vec::new();
        while let Some((reply, rest)) = Self::first(octets) {
            replies.push(reply);
            octets = rest;
        }
        replies
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

    /// The error that it is: 0 acknowledges. `None` if it is something else.
    pub(crate) fn error(&self) -> Option<i32> {
        let code = self.body.first_chunk().copied();
        let code = code.filter(|_| self.kind == ERROR);
        code.map(|octets| i32::from_ne_bytes(octets).saturating_neg())
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.kind == DONE
    }

    /// The attributes after `fixed` octets, as kind and value.
    pub(crate) fn attributes(&self, fixed: usize) -> Vec<(u16, &'a [u8])> {
        attributes(self.body.get(fixed..).unwrap_or_default())
    }
}

/// The attributes in a value; ends at the first that is cut short.
pub(crate) fn attributes(mut octets: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Some(([a, b, c, d], _)) = octets.split_first_chunk() {
        let len = usize::from(u16::from_ne_bytes([*a, *b]));
        let Some(value) = octets.get(ATTRIBUTE_HEADER..len) else { break };
        found.push((u16::from_ne_bytes([*c, *d]) & KIND, value));
        octets = octets
            .get(len.next_multiple_of(ALIGN)..)
            .unwrap_or_default();
    }
    found
}

/// The value of an attribute.
pub(crate) fn find<'a>(attributes: &[(u16, &'a [u8])], kind: u16) -> Option<&'a [u8]> {
    let mut all = attributes.iter();
    all.find(|(known, _)| *known == kind)
        .map(|(_, value)| *value)
}

/// A text without the NUL that ends it.
pub(crate) fn text(value: &[u8]) -> String {
    let end = value.strip_suffix(&[0]).unwrap_or(value);
    String::from_utf8_lossy(end).into_owned()
}

/// Flags of netlink(7).
const REQUEST: u16 = 0x01;
pub(crate) const ACK: u16 = 0x04;
pub(crate) const EXCLUSIVE: u16 = 0x200;
pub(crate) const DUMP: u16 = 0x300;
pub(crate) const CREATE: u16 = 0x400;
pub(crate) const APPEND: u16 = 0x800;
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
        let read = attributes(&all.0);
        assert_eq!(read[0], (1, b"ab\0".as_slice()));
        assert_eq!(text(read[0].1), "ab");
        assert_eq!(attributes(find(&read, 3).unwrap()), [(2, [1, 2, 3, 4].as_slice())]);
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
        let replies = Reply::all(&octets);
        assert_eq!(replies.len(), 2);
        assert_eq!((replies[1].kind, replies[1].sequence), (7, 6));
        assert_eq!(replies[0].attributes(4), [(1, b"x\0".as_slice())]);
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
        assert_eq!(Reply::all(&octets)[0].error(), Some(2));
        for end in 0..octets.len() {
            assert_eq!(Reply::all(&octets[..end]), []);
        }
        assert_eq!(attributes(&[3, 0, 1, 0]), []);
        assert_eq!(attributes(&[8, 0, 1, 0, 9]), []);
    }
}

//! Compression by comparing each tail of each name with the first 32 that stand in
//! the message: what one would write first. Its time grows with the product of all.

use crate::{Class, HEADER_LEN, Header, Name, Rtype, get_u16};

/// The message that [`super::composed`] makes.
pub(super) fn composed(question: &Name, owners: &[Name]) -> Vec<u8> {
    let mut message = Reference { out: vec![0; HEADER_LEN], targets: Vec::new() };
    message.name(question);
    message.out.extend(Rtype::A.0.to_be_bytes());
    message.out.extend(Class::IN.0.to_be_bytes());
    for owner in owners {
        message.name(owner);
        message.out.extend(Rtype::TXT.0.to_be_bytes());
        message.out.extend(Class::IN.0.to_be_bytes());
        message.out.extend([0, 0, 0, 1, 0, 0]);
    }
    let counts = [1, u16::try_from(owners.len()).unwrap(), 0, 0];
    Header { counts, ..Header::default() }
        .patch(&mut message.out)
        .unwrap();
    message.out
}

struct Reference {
    out: Vec<u8>,
    targets: Vec<u16>,
}

impl Reference {
    fn name(&mut self, name: &Name) {
        let wire = name.as_wire();
        let mut at = 0;
        while wire.len() - at > 1 {
            let tail = &wire[at..];
            let is_it = |target: &&u16| is_name_at(&self.out, usize::from(**target), tail);
            if let Some(target) = self.targets.iter().find(is_it) {
                self.out.extend((0xc000 | target).to_be_bytes());
                return;
            }
            if self.out.len() < 0x4000 && self.targets.len() < 32 {
                self.targets.push(u16::try_from(self.out.len()).unwrap());
            }
            let label = usize::from(tail[0]) + 1;
            self.out.extend(&tail[..label]);
            at += label;
        }
        self.out.push(0);
    }
}

fn is_name_at(out: &[u8], mut at: usize, mut wire: &[u8]) -> bool {
    // The name that is being written has no end yet.
    while let Some(&length) = out.get(at) {
        if length >= 0xc0 {
            at = usize::from(get_u16(out, at).unwrap() & 0x3fff);
            continue;
        }
        let length = usize::from(length);
        let (ours, theirs) = (&out[at..=at + length], &wire[..=usize::from(wire[0])]);
        if !ours.eq_ignore_ascii_case(theirs) {
            return false;
        }
        if length == 0 {
            return true;
        }
        (at, wire) = (at + length + 1, &wire[length + 1..]);
    }
    false
}

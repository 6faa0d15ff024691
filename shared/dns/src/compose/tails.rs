//! The tails of a name, each with its hash, in one pass over the octets.

use crate::Name;
use crate::wire::folded_word;

/// Where the labels of a name begin, and a hash of what follows from each, whatever
/// the case.
///
/// With room for `N` labels; clearing that of the longest name costs more than the
/// hashes of a usual one.
#[derive(Debug)]
pub(super) struct Tails<const N: usize> {
    starts: [u8; N],
    hashes: [u32; N],
    len: usize,
}

impl<const N: usize> Tails<N> {
    /// Reads a name in wire form; the root is not among its tails, nor is what has no
    /// room.
    pub(super) fn of(wire: &[u8]) -> Self {
        let mut tails = Self { starts: [0; N], hashes: [0; N], len: 0 };
        let mut at = 0_u8;
        while let Some(&length) = wire.get(usize::from(at)).filter(|length| **length > 0)
            && let Some(start) = tails.starts.get_mut(tails.len)
        {
            *start = at;
            tails.len += 1;
            at = at.saturating_add(length).saturating_add(1);
        }
        tails.hash(wire, usize::from(at));
        tails
    }

    /// From the root label on: a tail is its first label and the tail after it.
    fn hash(&mut self, wire: &[u8], root: usize) {
        let (mut end, mut hash) = (root, 0);
        let starts = self.starts.iter().zip(&mut self.hashes);
        for (start, place) in starts.take(self.len).rev() {
            let start = usize::from(*start);
            hash = with_label(hash, wire.get(start..end).unwrap_or_default());
            // Its lower half has been mixed with the upper one.
            *place = u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default();
            end = start;
        }
    }

    /// Iterates over where each tail begins and its hash.
    pub(super) fn longest_first(&self) -> impl Iterator<Item = (usize, u32)> {
        let starts = self.starts.iter().map(|start| usize::from(*start));
        starts.zip(self.hashes).take(self.len)
    }
}

/// Returns the hash of a tail from that of the tail after its first label, which
/// comes with its length octet.
///
/// Without a seed: a collision that is made on purpose costs its maker some
/// compression, and comparisons are bounded.
fn with_label(hash: u64, label: &[u8]) -> u64 {
    let (words, rest) = label.as_chunks::<8>();
    let hash = words
        .iter()
        .fold(hash, |hash, word| mix(hash, folded_word(*word)));
    if rest.is_empty() { hash } else { mix(hash, folded_word(word_of(rest))) }
}

/// Makes a word of one to seven octets: the first four and the last four, which may
/// overlap. Without a loop, since most labels end in such a rest.
fn word_of(octets: &[u8]) -> [u8; 8] {
    match (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        (Some(&[a, b, c, d]), Some(&[w, x, y, z])) => [a, b, c, d, w, x, y, z],
        _ => {
            let [a, b, c] = [0, 1, 2].map(|at| octets.get(at).copied().unwrap_or_default());
            [a, b, c, 0, 0, 0, 0, 0]
        }
    }
}

const fn mix(hash: u64, word: [u8; 8]) -> u64 {
    let mixed = (hash ^ u64::from_le_bytes(word)).wrapping_mul(MULTIPLIER);
    mixed ^ (mixed >> 32)
}

/// Labels of a name of less than 64 octets, whatever they are: that is usual.
pub(super) const USUAL_LABELS: usize = 32;

/// Labels of one octet each in the longest name.
pub(super) const MAX_LABELS: usize = Name::MAX_LEN / 2;

/// Odd, with ones and zeros spread: the golden ratio of 2^64.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn tails(text: &str) -> Vec<(usize, u32)> {
        let name = Name::from_text(text).unwrap();
        Tails::<MAX_LABELS>::of(name.as_wire())
            .longest_first()
            .collect()
    }

    #[test]
    fn equal_tails_have_equal_hashes_whatever_the_case() {
        let (long, short) = (tails("a.Svc.CLUSTER-with-a-long-label.local"), tails("LOCAL"));
        assert_eq!(long.iter().map(|tail| tail.0).collect::<Vec<_>>(), [0, 2, 6, 32]);
        assert_eq!(long[3].1, short[0].1);
        assert_eq!(
            long[1..],
            tails("svc.cluster-with-a-long-label.local")
                .iter()
                .map(|tail| (tail.0 + 2, tail.1))
                .collect::<Vec<_>>()
        );
        assert_ne!(long[0].1, long[1].1);
        assert!(tails(".").is_empty());
    }

    #[test]
    fn labels_are_told_apart_where_they_end() {
        let [one, two, three] = ["ab.c", "a.bc", "a.b.c"].map(|text| tails(text)[0].1);
        assert!(one != two && two != three && one != three);
    }

    #[test]
    fn the_name_of_most_labels_has_all_its_tails() {
        assert_eq!(tails(&"a.".repeat(127)).len(), 127);
    }
}

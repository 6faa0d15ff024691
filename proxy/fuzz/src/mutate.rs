//! Changes of an input.

use rand::RngExt as _;
use rand::rngs::StdRng;

/// Changes `input` at one place. `other` is another input to take a part of, `words`
/// are what the format has.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], words: &[&[u8]], random: &mut StdRng) {
    let at = random.random_range(0..=input.len());
    match random.random_range(0..9) {
        0 => flip(input, at, random),
        1 => set(input, at, &[INTERESTING[random.random_range(0..INTERESTING.len())]]),
        2 => set(input, at, &random.random::<[u8; 2]>()),
        // A compression pointer backwards, near.
        3 => {
            let back = random.random_range(0..64).min(at);
            let target = u16::try_from(at - back).unwrap_or_default() & 0x3fff;
            set(input, at, &(0xc000 | target).to_be_bytes());
        }
        4 => {
            input.drain(at..at + some(input.len() - at, random));
        }
        // A part again.
        5 => {
            let part = input[at..at + some(input.len() - at, random)].to_vec();
            let to = random.random_range(0..=input.len());
            input.splice(to..to, part);
        }
        6 => {
            let from = random.random_range(0..=other.len());
            let part = &other[from..from + some(other.len() - from, random)];
            input.splice(at..at, part.iter().copied());
        }
        7 if !words.is_empty() => {
            let word = words[random.random_range(0..words.len())];
            input.splice(at..at, word.iter().copied());
        }
        _ => {
            let octets: Vec<u8> = (0..some(8, random)).map(|_| random.random()).collect();
            input.splice(at..at, octets);
        }
    }
}

fn flip(input: &mut [u8], at: usize, random: &mut StdRng) {
    if let Some(octet) = input.get_mut(at) {
        *octet ^= 1 << random.random_range(0..8);
    }
}

fn set(input: &mut [u8], at: usize, octets: &[u8]) {
    for (place, octet) in input.iter_mut().skip(at).zip(octets) {
        *place = *octet;
    }
}

/// A length up to `most`, short ones more often.
fn some(most: usize, random: &mut StdRng) -> usize {
    let bound = if random.random_ratio(7, 8) { 16 } else { 4_096 };
    random.random_range(0..=most.min(bound))
}

/// Ends of ranges: of labels, of octets, of signs.
const INTERESTING: [u8; 12] = [0, 1, 2, 63, 64, 127, 128, 0xbf, 0xc0, 0xfe, 0xff, b'.'];

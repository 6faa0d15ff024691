//! Random numbers that are the same on every machine and in every version.
//!
//! A load is repeated by its seed, so the generator is part of the scenario
//! format and written out here: the crates' own may change between releases.

/// `SplitMix64` (Steele, Lea and Flood, 2014): one addition, three shifts.
#[derive(Clone, Copy, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// Starts a sequence.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Starts the sequence of one item, whichever thread draws it and in whatever
    /// order: threads share a load without sharing a generator.
    pub const fn of_item(seed: u64, stream: u64, index: u64) -> Self {
        let stream = mix(seed ^ mix(stream.wrapping_add(GOLDEN)));
        Self(stream ^ mix(index))
    }

    /// Returns the next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Returns a number from 0 up to, but without, 1.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let bits = (self.next() >> 11) as f64;
        bits / 9_007_199_254_740_992.0 // 2^53
    }
}

/// Spreads every bit of `x` over all bits.
const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// 2^64 divided by the golden ratio, odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference values of the public-domain C version.
    #[test]
    fn the_sequence_is_the_published_one() {
        let mut random = SplitMix::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn items_are_spread_evenly() {
        let below = (0..10_000)
            .filter(|&index| SplitMix::of_item(7, 1, index).unit() < 0.25)
            .count();
        assert!((2_300..2_700).contains(&below), "{below}");
    }
}

//! Two sets of runs beside each other: is one slower, or is it chance?
//!
//! Runs of the same load differ by a lot on a shared machine, so single figures
//! cannot be compared. The figures of all runs are dealt out to the two sets in every
//! way there is; if few ways set them as far apart as they are, it is no chance
//! (Fisher's and Pitman's permutation test, which assumes no distribution).

use std::fmt;

use crate::random::SplitMix;

/// One figure in both sets.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Medians of both sets.
    pub medians: [f64; 2],
    /// The smallest and the largest of both sets.
    pub ranges: [[f64; 2]; 2],
    /// Whether they differ.
    pub verdict: Verdict,
}

/// Whether a figure differs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Fewer than five runs in a set.
    NotEnough,
    /// As far apart as chance sets them.
    NoDifference,
    /// The second set has more.
    More,
    /// The second set has less.
    Less,
}

/// Compares a figure of which `tested` are; each alone may be wrong in one of twenty
/// times, and so may all together.
pub fn compare(name: &'static str, sets: [&[f64]; 2], tested: usize) -> Row {
    let ranges = sets.map(|set| {
        [set.iter().copied().fold(f64::INFINITY, f64::min), set.iter().copied().fold(0.0, f64::max)]
    });
    let medians = sets.map(median);
    let verdict = if sets.iter().any(|set| set.len() < ENOUGH) {
        Verdict::NotEnough
    } else if chance(sets) > ALPHA / count(tested.max(1)) {
        Verdict::NoDifference
    } else if medians[1] > medians[0] {
        Verdict::More
    } else {
        Verdict::Less
    };
    Row { name, medians, ranges, verdict }
}

/// Returns the share of all ways to deal the values out that set them at least as far
/// apart.
fn chance([a, b]: [&[f64]; 2]) -> f64 {
    // Ratios matter: twice as slow is as far as half.
    let all: Vec<f64> = a
        .iter()
        .chain(b)
        .map(|value| value.max(LEAST).ln())
        .collect();
    let sum: f64 = all.iter().sum();
    let apart = |first: f64| (first / count(a.len()) - (sum - first) / count(b.len())).abs();
    let found = apart(all.iter().take(a.len()).sum()) - ROUNDING;
    let mut deals = Deals::new(all.len(), a.len());
    let (mut far, mut tried) = (0_u32, 0_u32);
    while let Some(deal) = deals.next_deal() {
        tried += 1;
        let first: f64 = deal.iter().filter_map(|at| all.get(*at)).sum();
        far += u32::from(apart(first) >= found);
    }
    f64::from(far) / f64::from(tried.max(1))
}

/// All ways to choose some of many, or many of them by chance where there are too
/// many.
struct Deals {
    of: usize,
    chosen: Vec<usize>,
    is_first: bool,
    /// Deals left that are drawn; `None` if all are gone through.
    drawn: Option<u32>,
    random: SplitMix,
}

impl Deals {
    fn new(of: usize, chosen: usize) -> Self {
        let ways = (0..chosen).fold(1.0, |ways, n| ways * count(of - n) / count(n + 1));
        Self {
            of,
            chosen: (0..chosen).collect(),
            is_first: true,
            drawn: (ways > f64::from(DRAWN)).then_some(DRAWN),
            random: SplitMix::new(1),
        }
    }

    fn next_deal(&mut self) -> Option<&[usize]> {
        if std::mem::take(&mut self.is_first) {
            return Some(&self.chosen);
        }
        if let Some(left) = &mut self.drawn {
            *left = left.checked_sub(1)?;
            self.draw();
            return Some(&self.chosen);
        }
        // The last that can go up does, and those behind it follow.
        let len = self.chosen.len();
        let at = (0..len).rev().find(|at| {
            self.chosen
                .get(*at)
                .is_some_and(|place| *place < self.of - (len - at))
        })?;
        let next = self.chosen.get(at)? + 1;
        for (place, value) in self.chosen.iter_mut().skip(at).zip(next..) {
            *place = value;
        }
        Some(&self.chosen)
    }

    /// Floyd's way to choose without repetition.
    fn draw(&mut self) {
        let len = self.chosen.len();
        self.chosen.clear();
        for most in self.of - len..self.of {
            let drawn = usize::try_from(self.random.next() % (most as u64 + 1)).unwrap_or(0);
            let place = if self.chosen.contains(&drawn) { most } else { drawn };
            self.chosen.push(place);
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get((sorted.len().max(1) - 1) / 2), sorted.get(sorted.len() / 2));
    match (low, high) {
        (Some(low), Some(high)) => low.midpoint(*high),
        _ => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of runs")]
const fn count(n: usize) -> f64 {
    n as f64
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = self.medians;
        write!(f, "{:26} {before:>10.3} -> {after:>10.3}", self.name)?;
        if before > 0.0 {
            write!(f, "  ({:+.1}%)", (after / before - 1.0) * 100.0)?;
        }
        let [[a, b], [c, d]] = self.ranges;
        let word = match self.verdict {
            Verdict::NotEnough => "not enough runs",
            Verdict::NoDifference => "no difference",
            Verdict::More => "more",
            Verdict::Less => "less",
        };
        write!(f, "  {word}; runs have {a:.3}..{b:.3} and {c:.3}..{d:.3}")
    }
}

/// Runs of each set: with five, chance alone deals them as far apart as can be in one
/// of 126 times.
const ENOUGH: usize = 5;
/// In one of twenty comparisons of equal runs some figure may be called different.
const ALPHA: f64 = 0.05;
/// Deals that are drawn where there are more.
const DRAWN: u32 = 20_000;
/// Nothing is a ratio of nothing.
const LEAST: f64 = 1e-9;
/// Sums of the same values in another order.
const ROUNDING: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs whose figures spread by a tenth around `center`.
    fn runs(random: &mut SplitMix, center: f64, runs: usize) -> Vec<f64> {
        (0..runs)
            .map(|_| center * (0.2_f64.mul_add(random.unit(), 0.9)))
            .collect()
    }

    #[test]
    fn equal_sets_are_rarely_different() {
        let mut random = SplitMix::new(7);
        let different = (0..200).filter(|_| {
            let (a, b) = (runs(&mut random, 10.0, 5), runs(&mut random, 10.0, 5));
            compare("p99", [&a, &b], 1).verdict != Verdict::NoDifference
        });
        let different = different.count();
        assert!(different <= 16, "{different} of 200");
    }

    #[test]
    fn a_fifth_more_is_found_in_five_runs_each() {
        let mut random = SplitMix::new(8);
        let found = (0..100).filter(|_| {
            let (a, b) = (runs(&mut random, 10.0, 5), runs(&mut random, 12.0, 5));
            compare("p50", [&a, &b], 6).verdict == Verdict::More
        });
        let found = found.count();
        assert!(found >= 60, "{found} of 100");
        let (a, b) = (runs(&mut random, 10.0, 6), runs(&mut random, 5.0, 6));
        assert_eq!(compare("p50", [&a, &b], 6).verdict, Verdict::Less);
    }

    #[test]
    fn fewer_than_five_are_not_enough() {
        let (a, b) = ([1.0; 5], [100.0; 4]);
        assert_eq!(compare("p50", [&a, &b], 1).verdict, Verdict::NotEnough);
        assert_eq!(compare("p50", [&[], &b], 1).verdict, Verdict::NotEnough);
    }

    #[test]
    fn every_deal_is_tried_once() {
        let mut deals = Deals::new(10, 5);
        let mut seen = std::collections::BTreeSet::new();
        while let Some(deal) = deals.next_deal() {
            assert!(seen.insert(deal.to_vec()), "{deal:?} twice");
        }
        assert_eq!(seen.len(), 252);
    }

    #[test]
    fn many_runs_are_drawn() {
        let mut random = SplitMix::new(9);
        let (a, b) = (runs(&mut random, 10.0, 20), runs(&mut random, 10.8, 20));
        assert_eq!(compare("p50", [&a, &b], 6).verdict, Verdict::More);
    }
}

//! Two sets of runs beside each other: is one slower, or is it chance?
//!
//! Runs of the same load differ by a lot on a shared machine, so single figures
//! cannot be compared. The figures of all runs are dealt out to the two sets in every
//! way there is; if few ways set them as far apart as they are, it is no chance
//! (Fisher's and Pitman's permutation test, which assumes no distribution).
//!
//! All figures of a run are dealt out together, so that several may be compared at once
//! (Westfall and Young's smallest p): figures that go up and down together count once.
//! To divide the threshold by their number instead would hide any difference of five
//! runs, which cannot be rarer than two deals of 252.

use std::fmt;

use crate::random::SplitMix;

/// One figure of all runs of both sets, in their order; `None` where a run has it not.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub sets: [Vec<Option<f64>>; 2],
}

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

/// Compares all figures; with equal sets one of them, whichever, is called different in
/// at most one of twenty comparisons.
pub fn compare(figures: &[Figure]) -> Vec<Row> {
    let tested: Vec<&Figure> = figures.iter().filter(|figure| figure.is_enough()).collect();
    let mut chances = chances(&tested).into_iter();
    let chance = |figure: &Figure| figure.is_enough().then(|| chances.next()).flatten();
    let chances: Vec<Option<f64>> = figures.iter().map(chance).collect();
    let rows = figures.iter().zip(chances);
    rows.map(|(figure, chance)| figure.row(chance)).collect()
}

impl Figure {
    fn is_enough(&self) -> bool {
        let has = |set: &Vec<Option<f64>>| set.iter().flatten().count() >= ENOUGH;
        self.sets.iter().all(has)
    }

    /// Judges it by the share of deals that set some figure as far apart.
    fn row(&self, chance: Option<f64>) -> Row {
        let sets = self.sets.each_ref().map(|set| sorted(set));
        let ranges = sets
            .each_ref()
            .map(|set| [set.first().copied().unwrap_or(0.0), set.last().copied().unwrap_or(0.0)]);
        let medians = sets.each_ref().map(|set| median(set));
        let verdict = match chance {
            None => Verdict::NotEnough,
            Some(chance) if chance > ALPHA => Verdict::NoDifference,
            Some(_) if self.is_more() => Verdict::More,
            Some(_) => Verdict::Less,
        };
        Row { name: self.name, medians, ranges, verdict }
    }

    /// How far a deal sets the means of the two sets apart; the deal has the places of the
    /// first set. Ratios matter: twice as slow is as far as half.
    fn apart(logs: &[Option<f64>], deal: &[usize]) -> f64 {
        let mut sums = [(0.0, 0_u32); 2];
        for (at, log) in logs.iter().enumerate() {
            let [first, second] = &mut sums;
            let set = if deal.contains(&at) { first } else { second };
            if let Some(log) = log {
                *set = (set.0 + log, set.1 + 1);
            }
        }
        let [first, second] = sums.map(|(sum, runs)| sum / f64::from(runs.max(1)));
        second - first
    }

    fn logs(&self) -> Vec<Option<f64>> {
        let all = self.sets.iter().flatten();
        all.map(|value| value.map(|value| value.max(LEAST).ln()))
            .collect()
    }

    fn is_more(&self) -> bool {
        let own: Vec<usize> = (0..self.sets[0].len()).collect();
        Self::apart(&self.logs(), &own) > 0.0
    }
}

/// Returns for each figure the share of all deals that set some figure at least as far
/// apart, as rare as that is for it.
fn chances(figures: &[&Figure]) -> Vec<f64> {
    let Some(first) = figures.first() else { return Vec::new() };
    let [a, b] = first.sets.each_ref().map(Vec::len);
    let logs: Vec<_> = figures.iter().map(|figure| figure.logs()).collect();
    let mut apart = vec![Vec::new(); figures.len()];
    let mut deals = Deals::new(a + b, a);
    // The first deal is as they are.
    while let Some(deal) = deals.next_deal() {
        for (apart, logs) in apart.iter_mut().zip(&logs) {
            apart.push(Figure::apart(logs, deal).abs());
        }
    }
    let rare: Vec<Vec<f64>> = apart.iter().map(|apart| rareness(apart)).collect();
    let rarest: Vec<f64> = (0..rare.first().map_or(0, Vec::len))
        .map(|deal| {
            rare.iter()
                .filter_map(|of| of.get(deal))
                .copied()
                .fold(1.0, f64::min)
        })
        .collect();
    let of_all = |own: f64| {
        let as_rare = rarest.iter().filter(|rarest| **rarest <= own + ROUNDING);
        count(as_rare.count()) / count(rarest.len().max(1))
    };
    rare.iter()
        .map(|rare| rare.first().copied().map_or(1.0, of_all))
        .collect()
}

/// Returns for each deal the share of deals that set the figure at least as far apart.
fn rareness(apart: &[f64]) -> Vec<f64> {
    let mut sorted = apart.to_vec();
    sorted.sort_by(f64::total_cmp);
    let share = |apart: &f64| {
        let nearer = sorted.partition_point(|other| *other < apart - ROUNDING);
        count(sorted.len() - nearer) / count(sorted.len().max(1))
    };
    apart.iter().map(share).collect()
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

fn sorted(values: &[Option<f64>]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(sorted: &[f64]) -> f64 {
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
mod tests;

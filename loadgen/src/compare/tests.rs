//! Sets of runs whose figures are made up.

use super::*;

/// Runs whose figures spread by a tenth around `center`.
fn runs(random: &mut SplitMix, center: f64, runs: usize) -> Vec<f64> {
    (0..runs)
        .map(|_| center * (0.2_f64.mul_add(random.unit(), 0.9)))
        .collect()
}

fn figure(name: &'static str, before: &[f64], after: &[f64]) -> Figure {
    let all = |set: &[f64]| set.iter().copied().map(Some).collect();
    Figure { name, sets: [all(before), all(after)] }
}

fn verdicts(figures: &[Figure]) -> Vec<Verdict> {
    compare(figures)
        .into_iter()
        .map(|row| row.verdict)
        .collect()
}

/// Eight figures of ten equal runs, three of which are nearly the same and one of which
/// never changes, dealt out to two sets in every way.
#[test]
fn equal_sets_differ_in_at_most_one_deal_of_twenty() {
    let mut random = SplitMix::new(7);
    let mut figures: Vec<Vec<f64>> = (0..5).map(|_| runs(&mut random, 10.0, 10)).collect();
    figures.push(figures[0].iter().map(|value| value * 3.0).collect());
    figures.push(figures[0].iter().map(|value| value.powi(2)).collect());
    figures.push(vec![0.0; 10]);
    let mut deals = Deals::new(10, 5);
    let (mut different, mut all) = (0, 0);
    while let Some(deal) = deals.next_deal() {
        let of = |values: &Vec<f64>| {
            let set = |first: bool| -> Vec<f64> {
                let each = values.iter().enumerate();
                each.filter(|(at, _)| deal.contains(at) == first)
                    .map(|(_, value)| *value)
                    .collect()
            };
            figure("f", &set(true), &set(false))
        };
        let figures: Vec<Figure> = figures.iter().map(of).collect();
        let some = |verdict: &Verdict| *verdict != Verdict::NoDifference;
        different += usize::from(verdicts(&figures).iter().any(some));
        all += 1;
    }
    assert_eq!(all, 252);
    // Of each there are two that no other deal is further apart than.
    assert!((2..=all / 20).contains(&different), "{different} of {all}");
}

/// With all figures that there are, those of lookups as well: one is a fifth more, and the
/// others have no difference.
#[test]
fn a_fifth_more_is_found_in_five_runs_each() {
    let spread = [1.0, 1.03, 0.98, 1.05, 0.96];
    let other = [[1.01, 0.97, 1.06, 0.95, 1.02], [0.99, 1.04, 0.94, 1.0, 1.07]];
    let dearer = spread.map(|value| value * 1.2);
    let mut figures = vec![figure("cpu", &spread, &dearer)];
    for scale in [1.0, 2.0, 3.0] {
        let [before, after] = other.map(|set| set.map(|value: f64| value.powf(scale)));
        figures.push(figure("latency", &before, &after));
        figures.push(figure("lookup", &after, &before));
    }
    figures.push(figure("lost", &[0.0; 5], &[0.0; 5]));
    let found = verdicts(&figures);
    assert_eq!(found[0], Verdict::More, "{found:?}");
    assert!(found[1..].iter().all(|one| *one == Verdict::NoDifference), "{found:?}");
    figures[0].sets.reverse();
    assert_eq!(verdicts(&figures)[0], Verdict::Less);
}

#[test]
fn fewer_than_five_are_not_enough() {
    let few = figure("p50", &[1.0; 5], &[100.0; 4]);
    assert_eq!(verdicts(&[few]), [Verdict::NotEnough]);
    assert_eq!(verdicts(&[figure("p50", &[], &[1.0; 5])]), [Verdict::NotEnough]);
}

/// A run without latency, since nothing was answered, has other figures.
#[test]
fn a_run_may_lack_a_figure() {
    let mut latency = figure("p50", &[1.0, 1.1, 1.2, 1.3, 1.4], &[9.0; 5]);
    latency.sets[1][2] = None;
    let lost = figure("lost", &[1.0, 1.1, 1.2, 1.3, 1.4], &[2.0, 2.1, 100.0, 2.3, 2.4]);
    let rows = compare(&[latency, lost]);
    assert_eq!([rows[0].verdict, rows[1].verdict], [Verdict::NotEnough, Verdict::More]);
    assert_eq!(rows[0].ranges, [[1.0, 1.4], [9.0, 9.0]]);
    assert!((rows[1].medians[1] - 2.3).abs() < 1e-9, "{rows:?}");
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
    assert_eq!(verdicts(&[figure("p50", &a, &b)]), [Verdict::More]);
}

//! Rates are kept over any length, by every shape.

use proptest::prelude::*;

use super::*;

fn rate(per_second: f64) -> Rate {
    Rate::new(per_second).unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn count(shape: Shape, length: Duration) -> f64 {
    let mut last = Duration::ZERO;
    let mut count = 0.0;
    for due in shape.due_times(length, 1) {
        assert!(due >= last && due < length, "{due:?} after {last:?}");
        last = due;
        count += 1.0;
    }
    count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_schedule_of_rate_r_sends_r_times_t(r in 0.5..3000.0_f64, millis in 1..20_000_u64) {
        let length = Duration::from_millis(millis);
        let rate = rate(r);
        let sent = count(Shape::Constant { rate }, length);
        let expected = rate.per_second() * length.as_secs_f64();
        prop_assert!((sent - expected).abs() <= 1.0, "{sent} instead of {expected}");
    }

    #[test]
    fn a_ramp_sends_the_area_under_it(a in 0.5..2000.0_f64, b in 0.5..2000.0_f64, millis in 1..20_000_u64) {
        let length = Duration::from_millis(millis);
        let (from, to) = (rate(a), rate(b));
        let sent = count(Shape::Ramp { from, to }, length);
        let expected = f64::midpoint(from.per_second(), to.per_second()) * length.as_secs_f64();
        prop_assert!((sent - expected).abs() <= 1.0, "{sent} instead of {expected}");
    }

    /// Six standard deviations: one failure in 500 million.
    #[test]
    fn poisson_arrivals_have_their_mean(r in 1.0..2000.0_f64, seed: u64) {
        let rate = rate(r);
        let shape = Shape::Poisson { rate };
        let expected = rate.per_second() * 20.0;
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let sent = shape.due_times(secs(20), seed).count() as f64;
        prop_assert!((sent - expected).abs() <= 6.0 * expected.sqrt() + 6.0);
    }
}

/// The hundredth of a percent of the issue, at a rate whose interval has no
/// exact form in nanoseconds: after an hour not one query is missing.
#[test]
fn rounding_does_not_add_up() {
    let dues = Shape::Constant { rate: rate(777.0) }.due_times(secs(3600), 1);
    let (count, last) = dues.fold((0_u64, Duration::ZERO), |(count, _), due| (count + 1, due));
    assert_eq!(count, 777 * 3600);
    assert!(secs(3600) - last < Duration::from_millis(2));
}

#[test]
fn a_ramp_is_denser_at_its_fast_end() {
    let ramp = Shape::Ramp { from: rate(100.0), to: rate(300.0) };
    let in_first_half = ramp
        .due_times(secs(10), 1)
        .filter(|due| *due < secs(5))
        .count();
    assert!((749..=751).contains(&in_first_half), "{in_first_half}");
}

#[test]
fn poisson_gaps_vary_as_much_as_their_mean() {
    let dues: Vec<f64> = Shape::Poisson { rate: rate(1000.0) }
        .due_times(secs(20), 42)
        .map(|due| due.as_secs_f64())
        .collect();
    let gaps: Vec<f64> = dues.windows(2).map(|pair| pair[1] - pair[0]).collect();
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!((0.95..1.05).contains(&(deviation / mean)), "{deviation} / {mean}");
}

/// A day at the highest rate is as quick to calculate.
#[test]
fn the_expected_count_is_that_of_the_due_times() {
    for shape in [
        Shape::Constant { rate: rate(333.0) },
        Shape::Ramp { from: rate(10.0), to: rate(100.0) },
        Shape::Poisson { rate: rate(1000.0) },
    ] {
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let counted = shape.due_times(secs(10), 7).count() as f64;
        let error = (counted / shape.expected(secs(10)) - 1.0).abs();
        assert!(error < 0.04, "{shape}: {error}");
    }
    let day = Shape::Constant { rate: rate(10_000_000.0) }.expected(secs(86_400));
    assert!((day - 8.64e11).abs() < 1.0);
}

#[test]
fn the_same_seed_gives_the_same_times() {
    let shape = Shape::Poisson { rate: rate(500.0) };
    let times = |seed| shape.due_times(secs(2), seed).collect::<Vec<_>>();
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
}

#[test]
fn a_rate_must_be_a_sensible_number() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 10_000_001.0, 0.0001] {
        assert_eq!(Rate::new(bad), None, "{bad}");
    }
    assert_eq!(Rate::new(0.5).unwrap().to_string(), "0.5/s");
}

/// Each has what its words promise, and is planned with the count that it sends.
#[test]
fn shapes_send_the_area_under_their_rate() {
    let (slow, fast) = (rate(100.0), rate(300.0));
    let second = secs(1);
    for (shape, peak) in [
        (Shape::Step { from: slow, to: fast, steps: 3 }, 300.0),
        (Shape::Step { from: fast, to: slow, steps: 2 }, 300.0),
        (Shape::Sine { mean: fast, amplitude: slow, period: secs(2) }, 400.0),
        (Shape::Burst { size: 250, every: second }, 2500.0),
        (Shape::Burst { size: 2, every: Duration::from_millis(40) }, 60.0),
        (Shape::OnOff { rate: fast, on: second, off: secs(2) }, 300.0),
    ] {
        let (sent, expected) = (count(shape, secs(7)), shape.expected(secs(7)));
        assert!((sent - expected).abs() <= 1.0, "{shape}: {sent}, not {expected}");
        assert!((shape.peak().per_second() - peak).abs() < 0.01, "{shape}: {}", shape.peak());
    }
}

#[test]
fn shapes_are_where_they_should_be() {
    let within = |shape: Shape, from: u64, to: u64| {
        let all = shape.due_times(secs(6), 1);
        all.filter(|due| (secs(from)..secs(to)).contains(due))
            .count()
    };
    let steps = Shape::Step { from: rate(100.0), to: rate(300.0), steps: 3 };
    assert_eq!([within(steps, 0, 2), within(steps, 2, 4), within(steps, 4, 6)], [200, 400, 600]);
    let sine = Shape::Sine { mean: rate(100.0), amplitude: rate(50.0), period: secs(2) };
    let (up, down) = (within(sine, 0, 1), within(sine, 1, 2));
    // By a half of the mean times the period over pi.
    assert!(up.abs_diff(132) <= 1 && down.abs_diff(68) <= 1, "{up}, {down}");
    let burst = Shape::Burst { size: 40, every: secs(3) };
    let all: Vec<_> = burst.due_times(secs(6), 1).collect();
    assert!(all.iter().all(|due| *due == secs(0) || *due == secs(3)));
    assert_eq!((all.len(), within(burst, 0, 1)), (80, 40));
    let paused = Shape::OnOff { rate: rate(100.0), on: secs(1), off: secs(2) };
    let seconds: Vec<_> = (0..6)
        .map(|second| within(paused, second, second + 1))
        .collect();
    assert_eq!(seconds, [100, 0, 0, 100, 0, 0]);
}

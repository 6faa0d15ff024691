//! The text format of Prometheus, as far as it is needed here.

/// The labels, as they are written, and the values of a metric.
pub(crate) fn labelled<'a>(
    metrics: &'a str,
    name: &'a str,
) -> impl Iterator<Item = (&'a str, f64)> + 'a {
    metrics.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(labels) => labels.split_once('}')?,
            None => ("", rest.strip_prefix(' ')?),
        };
        Some((labels, value.trim().parse().ok()?))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and seconds, not negative"
)]
pub(crate) const fn whole(value: f64) -> u64 {
    value as u64
}

//! The figures as a table: medians over the rounds with their range, and
//! ratios, which are taken within each round before they are compared.

use serde::Serialize;

use crate::cli::RunArgs;
use crate::load::Sample;
use crate::output::print_line;
use crate::subject::Kind;
use crate::workload::Workload;

/// All samples of one subject under one workload, one for each round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    #[serde(serialize_with = "workload_name")]
    pub(crate) workload: Workload,
    #[serde(serialize_with = "kind_name")]
    pub(crate) subject: Kind,
    pub(crate) rounds: Vec<Sample>,
}

/// Where the figures are from; in every file of them.
#[derive(Serialize)]
pub(crate) struct Environment {
    schema: u32,
    kernel: String,
    cpus: usize,
    network: &'static str,
    seconds: u64,
}

impl Environment {
    /// Reads what is not in `args`.
    pub(crate) fn of(args: &RunArgs) -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            schema: 1,
            kernel: kernel.trim().to_owned(),
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            network: if args.veth { "veth" } else { "loopback" },
            seconds: args.seconds,
        }
    }
}

/// What a subject holds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    #[serde(serialize_with = "kind_name")]
    pub(crate) subject: Kind,
    /// Resident, before the first name.
    pub(crate) idle_bytes: u64,
    /// Resident, with 100,000 names.
    pub(crate) full_bytes: u64,
}

fn workload_name<S: serde::Serializer>(of: &Workload, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&of.name())
}

fn kind_name<S: serde::Serializer>(of: &Kind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&of.name())
}

/// Middle, least and greatest of some figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` for no figures.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let upper = *figures.get(middle)?;
        let lower = if figures.len().is_multiple_of(2) { *figures.get(middle - 1)? } else { upper };
        Some(Self { median: f64::midpoint(lower, upper), least, most })
    }
}

impl Row {
    /// The median of one figure.
    pub(crate) fn median(&self, figure: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        Spread::of(self.rounds.iter().filter_map(figure)).map(|spread| spread.median)
    }

    /// CPU per answer of this row to that of `other`, round by round.
    pub(crate) fn ratio(&self, other: &Self) -> Option<Spread> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        Spread::of(pairs.map(|(ours, theirs)| ours.cpu_us / theirs.cpu_us))
    }
}

/// Prints one workload: a line for each subject, with what ours costs beside it.
pub(crate) fn print(workload: Workload, rows: &[Row]) {
    let rows: Vec<_> = rows.iter().filter(|row| row.workload == workload).collect();
    let ours = rows.iter().find(|row| row.subject == Kind::Fivedots);
    print_line(&format!(
        "\n{:<18} {:>20} {:>8} {:>8} {:>10} {:>9} {:>17} {:>10} {:>9} {:>7}",
        workload.name(),
        "CPU us/answer",
        "user us",
        "observer",
        "upstream",
        "answers/s",
        "fivedots / it",
        "p50 ms",
        "p99 ms",
        "lost"
    ));
    for row in &rows {
        let Some(cpu) = Spread::of(row.rounds.iter().map(|sample| sample.cpu_us)) else { continue };
        let user = row.median(|sample| Some(sample.user_share? * sample.cpu_us));
        let observer = row.median(|sample| Some(sample.observer_us).filter(|us| *us > 0.0));
        let ratio = ours
            .and_then(|ours| ours.ratio(row))
            .map(|ratio| format!("{:.2} [{:.2}-{:.2}]", ratio.median, ratio.least, ratio.most));
        let lost: u64 = row.rounds.iter().map(|sample| sample.lost).sum();
        print_line(&format!(
            "{:<18} {:>20} {:>8} {:>8} {:>10} {:>9} {:>17} {:>10} {:>9} {lost:>7}",
            row.subject.name(),
            format!("{:.2} [{:.2}-{:.2}]", cpu.median, cpu.least, cpu.most),
            shown(user, 2),
            shown(observer, 2),
            shown(row.median(|sample| Some(sample.upstream_us)), 2),
            shown(row.median(|sample| Some(1e-3 * rate(sample))), 0) + "k",
            ratio.unwrap_or_default(),
            shown(row.median(|sample| sample.p50_ms), 3),
            shown(row.median(|sample| sample.p99_ms), 3),
        ));
    }
}

/// Prints what another build of ours costs and what this one does: CPU per
/// answer, the ratio of the two medians, and the spread of the ratios of the
/// rounds, which shows how far to trust it.
pub(crate) fn print_before_and_now(workloads: &[Workload], rows: &[Row]) {
    print_line(&format!(
        "\n{:<18} {:>10} {:>10} {:>12} {:>17}",
        "us/answer", "before", "now", "now / before", "of the rounds"
    ));
    for &workload in workloads {
        let row = |kind| {
            rows.iter()
                .find(|row| row.workload == workload && row.subject == kind)
        };
        let Some((before, now)) = row(Kind::FivedotsBefore).zip(row(Kind::Fivedots)) else {
            continue;
        };
        let cpu = |row: &Row| row.median(|sample| Some(sample.cpu_us));
        let medians = cpu(now).zip(cpu(before)).map(|(now, before)| now / before);
        print_line(&format!(
            "{:<18} {:>10} {:>10} {:>12} {:>17}",
            workload.name(),
            shown(cpu(before), 3),
            shown(cpu(now), 3),
            shown(medians, 3),
            now.ratio(before)
                .map(|ratio| format!("[{:.3}-{:.3}]", ratio.least, ratio.most))
                .unwrap_or_default(),
        ));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(sample: &Sample) -> f64 {
    sample.answered as f64 / sample.seconds
}

/// Prints memory, if any was measured.
#[expect(clippy::cast_precision_loss, reason = "memory")]
pub(crate) fn print_memory(memory: &[Memory], names: u64) {
    if memory.is_empty() {
        return;
    }
    print_line(&format!(
        "\n{:<18} {:>10} {:>12} {:>12}",
        "memory", "idle MiB", "full MiB", "B per name"
    ));
    for Memory { subject, idle_bytes, full_bytes } in memory {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let each = full_bytes.saturating_sub(*idle_bytes) as f64 / names as f64;
        let (idle, full) = (mib(*idle_bytes), mib(*full_bytes));
        print_line(&format!("{:<18} {idle:>10.1} {full:>12.1} {each:>12.0}", subject.name()));
    }
}

fn shown(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_two() {
        let median = |figures: &[f64]| Spread::of(figures.iter().copied()).map(|s| s.median);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }
}

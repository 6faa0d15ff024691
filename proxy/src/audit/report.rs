//! All templates, the worst first, as a table and what to paste.

use std::collections::BTreeMap;
use std::fmt;

use cluster::{Kubelet, Templates};
use diagnose::Outcome;
use serde::Serialize;

use super::finding::{Advice, Finding, Gravity};
use super::row::Row;

/// The templates of a cluster.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    /// `SCHEMA`.
    pub schema: u32,
    /// A problem is a template whose names are not found with some library.
    pub outcome: Outcome,
    /// The worst first; of equal ones those with most pods.
    pub templates: Vec<Row>,
    /// What could not be listed, and why.
    pub gaps: Vec<String>,
}

impl Audit {
    /// Judges all templates.
    #[must_use]
    pub fn of(templates: &Templates, kubelet: &Kubelet) -> Self {
        let mut rows: Vec<_> = templates
            .all
            .iter()
            .map(|one| Row::of(one, kubelet, &templates.policies))
            .collect();
        rows.sort_by(|a, b| {
            let worse = b.worst.cmp(&a.worst).then(b.pods.cmp(&a.pods));
            worse.then_with(|| a.title().cmp(&b.title()))
        });
        let outcome = match () {
            () if rows.iter().any(|row| row.worst >= Gravity::Risk) => Outcome::Problem,
            () if !templates.gaps.is_empty() => Outcome::Insufficient,
            () => Outcome::Healthy,
        };
        Self { schema: SCHEMA, outcome, templates: rows, gaps: templates.gaps.clone() }
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(f)?;
        self.findings(f)?;
        self.advice(f)?;
        for (n, gap) in self.gaps.iter().enumerate() {
            let (line_end, title) = if n == 0 { ("\n", "gaps") } else { ("", "") };
            writeln!(f, "{line_end}{title:10}{gap}")?;
        }
        Ok(())
    }
}

impl Audit {
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles: Vec<_> = self.templates.iter().map(Row::title).collect();
        let width = titles.iter().map(String::len).max().unwrap_or(0).max(8);
        let head = ("worst", "template", "policy");
        let (worst, template, policy) = head;
        writeln!(
            f,
            "{worst:8}{template:width$}{:>6}  {policy:24}{:>6}{:>8}  findings",
            "pods", "ndots", "search"
        )?;
        for (row, title) in self.templates.iter().zip(titles) {
            let Row { pods, dns_policy, ndots, search_domains, .. } = row;
            let found: Vec<_> = row.findings.iter().map(|finding| finding.what).collect();
            let (worst, found) = (row.worst.title(), found.join(", "));
            let line = format!(
                "{worst:8}{title:width$}{pods:>6}  {dns_policy:24}{ndots:>6}{search_domains:>8}  \
                 {found}"
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Each finding once, with how many templates have it and who hints at musl.
    fn findings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut each: BTreeMap<_, (&Finding, Vec<&Row>)> = BTreeMap::new();
        for row in &self.templates {
            for finding in &row.findings {
                let key = (std::cmp::Reverse(finding.gravity), finding.what, &*finding.text);
                each.entry(key)
                    .or_insert_with(|| (finding, Vec::new()))
                    .1
                    .push(row);
            }
        }
        for (n, (finding, rows)) in each.values().enumerate() {
            let line_end = if n == 0 { "\n" } else { "" };
            let (gravity, text) = (finding.gravity.title(), &finding.text);
            writeln!(f, "{line_end}{gravity:8}{:26}{text} (of {})", finding.what, rows.len())?;
            if finding.gravity == Gravity::Likely {
                let images = rows.iter().flat_map(|row| &row.musl_hints);
                let mut images: Vec<_> = images.map(String::as_str).collect();
                images.sort_unstable();
                images.dedup();
                images.truncate(FEW);
                writeln!(f, "{:34}a hint at musl, no proof: {}", "", images.join(", "))?;
            }
        }
        Ok(())
    }

    /// Each advice once, with the commands of all templates that it is for.
    fn advice(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut each: Vec<(&Advice, Vec<&str>)> = Vec::new();
        for advice in self.templates.iter().flat_map(|row| &row.advice) {
            let is_same = |known: &Advice| {
                (&known.action, &known.saves, &known.risk)
                    == (&advice.action, &advice.saves, &advice.risk)
            };
            let known = each.iter_mut().find(|(known, _)| is_same(known));
            let command = advice.command.as_deref();
            match known {
                // One policy is for many templates.
                Some((_, commands)) if command.is_some_and(|it| commands.contains(&it)) => {}
                Some((_, commands)) => commands.extend(command),
                None => each.push((advice, command.into_iter().collect())),
            }
        }
        for (advice, commands) in each {
            writeln!(f, "\n{:10}{}", "fix", advice.action)?;
            for command in commands {
                let sign = if command.starts_with('#') { "" } else { "$ " };
                writeln!(f, "{:10}{sign}{command}", "")?;
            }
            writeln!(f, "{:10}{}\n{:10}{}", "saves", advice.saves, "risk", advice.risk)?;
        }
        Ok(())
    }
}

/// The shape of [`Audit`]; it grows by new keys.
const SCHEMA: u32 = 1;

/// Images that are named as a hint.
const FEW: usize = 3;

#[cfg(test)]
mod tests;

//! `/api/v1/verdict`: what the proxy finds of itself, every ten seconds.

use serde::{Deserialize, Serialize};

use super::redact::Redacted;
use crate::redact::Veil;
use diagnose::{Finding, Outcome, Silent};

/// The verdict of the last ten seconds, and what was found before.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct VerdictPage {
    /// [`SCHEMA`](super::SCHEMA).
    pub schema: u32,
    /// The outcome; null in the first ten seconds.
    pub outcome: Option<Outcome>,
    /// The causes, the one that explains most first.
    pub findings: Vec<FoundCause>,
    /// What was not looked at.
    pub gaps: Vec<String>,
    /// Causes that came and went, the latest first, at most a hundred.
    pub events: Vec<VerdictEvent>,
    /// Who sent queries steadily and sends none any more, the most queries first.
    #[serde(default)]
    pub silent: Vec<Silent>,
}

/// A cause that is there now.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FoundCause {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The cause in a few words.
    pub title: String,
    /// The scope in words.
    pub scope_title: String,
    /// Seconds since it was first found.
    pub since_s: u64,
}

/// A cause that came, and may have gone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VerdictEvent {
    /// The cause.
    pub cause: String,
    /// Who or what it was.
    pub culprit: Option<String>,
    /// Seconds since it was first found.
    pub began_s: u64,
    /// Seconds since it was last found; null while it is.
    pub ended_s: Option<u64>,
}

impl Redacted for VerdictPage {
    /// Sentences and commands have names and clients in them: they are left out.
    fn redacted(mut self, veil: &Veil) -> Self {
        if !veil.hides_anything() {
            return self;
        }
        for found in &mut self.findings {
            found.finding.culprit = None;
            found.finding.evidence.clear();
            found.finding.fix.commands.clear();
        }
        for event in &mut self.events {
            event.culprit = None;
        }
        self.silent.clear();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Pseudonyms;
    use diagnose::{Evidence, Who, Window, judge};

    #[test]
    fn redacted_it_names_no_workload() {
        let who = Who { name: "shop/checkout".to_owned(), kind: "Deployment".to_owned(), ..busy() };
        let window = Window { who: vec![who], p99_ms: Some(900.0), ..Window::default() };
        let verdict = judge(&Evidence { window: Some(window), ..Evidence::default() });
        let found = verdict.findings.into_iter().map(|finding| FoundCause {
            title: finding.cause.title().to_owned(),
            scope_title: finding.scope.title().to_owned(),
            finding,
            since_s: 1,
        });
        let silent = vec![Silent { name: "shop/checkout".to_owned(), ..Silent::default() }];
        let page = VerdictPage { findings: found.collect(), silent, ..VerdictPage::default() };
        let shown = |redact: &str| {
            let veil = Pseudonyms::default().veil(redact.parse().unwrap());
            serde_json::to_string(&page.clone().redacted(&veil)).unwrap()
        };
        let whole = serde_json::to_string(&page).unwrap();
        assert!(whole.contains("patch deployment checkout"), "{whole}");
        for redact in ["names", "clients"] {
            let text = shown(redact);
            assert!(!text.contains("checkout") && !text.contains("shop"), "{text}");
        }
    }

    fn busy() -> Who {
        Who { queries: 1_000, wasted: 900, ..Who::default() }
    }
}

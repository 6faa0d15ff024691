//! A verdict as text for a terminal.

use std::fmt;

use crate::finding::Finding;
use crate::silent::silence_hint;
use crate::verdict::{Outcome, Verdict};

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcome {
            Outcome::Healthy => writeln!(f, "HEALTHY  nothing that was looked at fails")?,
            Outcome::Insufficient => {
                writeln!(f, "INSUFFICIENT EVIDENCE  no cause was found, and too little was seen")?;
            }
            Outcome::Problem => (),
        }
        for (n, finding) in self.findings.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{finding}")?;
        }
        if let Some(hint) = silence_hint(&self.silent) {
            writeln!(f)?;
            let lines = self.silent.iter().map(ToString::to_string);
            list(f, "silent", &lines.chain([hint]).collect::<Vec<_>>())?;
        }
        for (n, gap) in self.gaps.iter().enumerate() {
            let title = if n == 0 { "gaps" } else { "" };
            write!(f, "{}{title:10}{gap}", if n == 0 { "\n" } else { "" })?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "PROBLEM  {}  ({})", self.cause.title(), self.scope.title())?;
        list(f, "who", self.culprit.as_slice())?;
        list(f, "because", &self.evidence)?;
        list(f, "otherwise", &self.otherwise)?;
        list(f, "fix", std::slice::from_ref(&self.fix.action))?;
        // Not cut: a command in two lines is another command.
        self.fix
            .commands
            .iter()
            .try_for_each(|command| writeln!(f, "{:10}$ {command}", ""))?;
        list(f, "risk", std::slice::from_ref(&self.fix.risk))?;
        list(f, "more", &[format!("docs/causes.md#{}", self.cause.label())])
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    for (n, line) in lines.iter().enumerate() {
        let title = if n == 0 { title } else { "" };
        writeln!(f, "{title:10}{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::cause::Cause;
    use crate::evidence::{Evidence, Sums, Window};
    use crate::finding::{Scope, found};
    use crate::silent::Silent;
    use crate::verdict::{Outcome, Verdict, judge};

    #[test]
    fn a_problem_has_its_cause_first_and_its_gaps_last() {
        let finding = found(Cause::ConntrackFull, Scope::Node)
            .culprit(Some("10.244.0.9".to_owned()))
            .because("1000 of 1000 entries are in use")
            .because("40 new flows were dropped")
            .otherwise("with room in the table `drop` stands still");
        let gaps = vec!["other nodes: not looked at".to_owned()];
        let verdict =
            Verdict { outcome: Outcome::Problem, findings: vec![finding], gaps, ..quiet() };
        let text = verdict.to_string();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("PROBLEM  conntrack table full  (this node)"));
        assert_eq!(lines.next(), Some("who       10.244.0.9"));
        assert_eq!(lines.next(), Some("because   1000 of 1000 entries are in use"));
        assert_eq!(lines.next(), Some("          40 new flows were dropped"));
        assert!(text.contains("\n          $ sysctl -w net.netfilter.nf_conntrack_max="), "{text}");
        assert!(text.contains("\nmore      docs/causes.md#conntrack_full\n"), "{text}");
        assert!(text.ends_with("\n\ngaps      other nodes: not looked at\n"), "{text}");
        assert_eq!(quiet().to_string(), "HEALTHY  nothing that was looked at fails\n");
    }

    /// Healthy, with nothing to add.
    fn quiet() -> Verdict {
        let outcome = Outcome::Healthy;
        Verdict { outcome, findings: Vec::new(), gaps: Vec::new(), silent: Vec::new() }
    }

    #[test]
    fn who_fell_silent_is_told_and_the_outcome_is_the_same() {
        let web = Silent { name: "shop/web".to_owned(), per_minute: 240, ..Silent::default() };
        let busy = Sums { queries: 1_000, failed: 0 };
        let window = Window { external: busy, silent: vec![web], ..Window::default() };
        let verdict = judge(&Evidence { window: Some(window), ..Evidence::default() });
        assert_eq!(verdict.outcome, Outcome::Healthy);
        let text = verdict.to_string();
        let line = "\n\nsilent    shop/web: 240 queries a minute until 00:00 UTC, none for 0 min\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\n          idle, or cut off: "), "{text}");
    }
}

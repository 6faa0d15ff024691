//! What the proxy finds of itself, as series.

use std::fmt::{self, Write as _};

use console::Verdicts;
use diagnose::Cause;

/// A series for each cause: 1 with its scope while it is found, else 0.
pub(super) fn series(verdicts: &Verdicts, text: &mut String) -> fmt::Result {
    let name = "fivedots_verdict";
    writeln!(text, "# HELP {name} Whether a cause of DNS trouble is found, with its scope.")?;
    writeln!(text, "# TYPE {name} gauge")?;
    let found = verdicts.causes();
    for cause in Cause::ALL {
        let scope = found.iter().find(|(other, _)| other == cause);
        let (scope, value) = scope.map_or(("none", 0), |(_, scope)| (scope.label(), 1));
        writeln!(text, "{name}{{cause=\"{}\",scope=\"{scope}\"}} {value}", cause.label())?;
    }
    Ok(())
}

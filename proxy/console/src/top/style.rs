//! Colors and other styles. Color is never the only sign: what it marks is also
//! a word, or bold, or reversed.

use ratatui::style::{Color, Modifier, Style};

/// The styles of the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Styles {
    has_color: bool,
}

impl Styles {
    /// With color, unless the environment says otherwise: `NO_COLOR` with
    /// anything in it (no-color.org).
    pub(super) fn new(no_color: Option<&str>) -> Self {
        Self { has_color: no_color.is_none_or(str::is_empty) }
    }

    /// A heading.
    pub(super) const fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The heading that rows are sorted by.
    pub(super) const fn sorted(self) -> Style {
        self.heading().add_modifier(Modifier::UNDERLINED)
    }

    /// What to look at now.
    pub(super) const fn alarm(self) -> Style {
        self.colored(self.heading(), Color::Red)
    }

    /// High waste.
    pub(super) const fn waste(self) -> Style {
        self.colored(Style::new(), Color::Yellow)
    }

    /// A recommended change.
    pub(super) const fn help(self) -> Style {
        self.colored(Style::new(), Color::Green)
    }

    /// The row under the cursor, and the line of keys.
    pub(super) const fn picked(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    const fn colored(self, style: Style, color: Color) -> Style {
        if self.has_color { style.fg(color) } else { style }
    }
}

/// The share of wasted queries from which it stands out: half of them.
pub(super) const HIGH_WASTE: f64 = 0.5;

//! What the screen shows, and what each key changes. No terminal and no clock.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::row::Row;
use crate::api::{
    ClientView, FailingNameView, FailurePage, LoopPage, Order, Pair, ReadyPatch, ResolverView,
    SearchView, Summary, VerdictPage,
};
use crate::words::{self, short_rate};
use observe::Advice;
use observe::{Figures, Window};
use resolver::{Moment, Origin};

/// Everything that the screen depends on.
#[derive(Debug)]
pub(super) struct State {
    /// The address of the proxy.
    pub addr: String,
    /// Which page is shown.
    pub page: Page,
    /// What the rows are.
    pub kind: RowKind,
    /// By what rows are sorted.
    pub order: Order,
    /// The window of the figures.
    pub window: Window,
    /// Text that rows have to contain.
    pub filter: String,
    /// Whether keys go to the filter.
    pub typing: bool,
    /// Whether new figures are ignored.
    pub paused: bool,
    /// Lines scrolled past, on pages that are longer than a screen.
    pub scroll: usize,
    /// The latest figures; `None` before the first.
    pub fetched: Option<Fetched>,
    /// Why the last attempt brought none.
    pub trouble: Option<String>,
    /// The row under the cursor; `None` is whichever comes first.
    picked: Option<String>,
}

/// A page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Page {
    /// All rows.
    List,
    /// The one under the cursor.
    One,
    /// The keys and the columns.
    Help,
}

/// What was fetched from the proxy at one time.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// When, by this program's clock.
    pub at: Moment,
    /// The node.
    pub summary: Summary,
    /// What failed.
    pub failures: FailurePage,
    /// What the proxy finds of itself.
    pub verdict: VerdictPage,
    /// The forwarding loops.
    pub loops: LoopPage,
    /// What the proxy searched its rows for; nothing for all.
    pub search: String,
    /// How many rows the proxy has.
    pub known: usize,
    /// The first of them, by the order.
    pub rows: Vec<Row>,
    /// The row with the most failures; among `rows` or not.
    pub failing: Option<Row>,
    /// Details of some rows, by their id.
    pub details: HashMap<String, Arc<RowDetail>>,
    /// Clients and names with the most wasted queries.
    pub pairs: Vec<Pair>,
}

/// What is shown of a row beside its figures.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RowDetail {
    /// Its search list and ndots.
    pub search: SearchView,
    /// Its resolver library, if the traffic shows it.
    pub resolver: Option<ResolverView>,
    /// What to change; none while the search list is unknown.
    pub advice: Option<Advice>,
    /// How to change it.
    pub patch: Option<ReadyPatch>,
    /// Its names that fail.
    #[serde(default)]
    pub failing: Vec<FailingNameView>,
    /// The clients of a workload with their own figures.
    #[serde(default)]
    pub members: Vec<ClientView>,
}

/// What the rows are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RowKind {
    /// The pods of one owner together.
    Workloads,
    /// Addresses.
    Clients,
}

/// A key, independent of the terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Key {
    /// A character.
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Up by so many rows; below zero is down.
    Up(isize),
    /// To the first row.
    Home,
    /// To the last row.
    End,
    /// Control and C.
    Interrupt,
}

/// What follows a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Go on.
    Stay,
    /// End.
    Quit,
}

impl RowDetail {
    /// The label of its resolver library, if known.
    pub(super) fn library(&self) -> Option<&str> {
        self.resolver
            .as_ref()
            .map(|resolver| resolver.library.as_str())
    }
}

impl State {
    /// Starts without figures of the proxy at `addr`.
    pub(super) fn new(addr: String) -> Self {
        Self {
            addr,
            page: Page::List,
            kind: RowKind::Workloads,
            order: Order::Wasted,
            window: Window::Minute,
            filter: String::new(),
            typing: false,
            paused: false,
            scroll: 0,
            fetched: None,
            trouble: None,
            picked: None,
        }
    }

    /// Takes what was fetched; after an error the last figures stay.
    pub(super) fn take(&mut self, fetched: Result<Fetched, String>) {
        match fetched {
            Ok(fetched) => (self.fetched, self.trouble) = (Some(fetched), None),
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// The window that is shown: in the first seconds only the whole time has
    /// figures.
    pub(super) fn shown_window(&self) -> Window {
        let uptime = self
            .fetched
            .as_ref()
            .map_or(0, |fetched| fetched.summary.uptime_s);
        match self.window {
            Window::TenSeconds | Window::Minute if uptime < 2 * TEN => Window::Start,
            window => window,
        }
    }

    /// The seconds of the window that is shown, for rates; at least 1.
    pub(super) fn shown_seconds(&self) -> u64 {
        let uptime = self
            .fetched
            .as_ref()
            .map_or(0, |fetched| fetched.summary.uptime_s);
        match self.shown_window() {
            Window::Second => 1,
            Window::TenSeconds => TEN,
            // Complete tens, without the one that is running.
            Window::Minute => (uptime / TEN * TEN).clamp(TEN, 6 * TEN),
            Window::Start => uptime.max(1),
        }
    }

    /// A count of the shown window as a rate.
    pub(super) fn rate(&self, count: u64) -> String {
        short_rate(count, self.shown_seconds())
    }

    /// The rows that match the filter, sorted.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let Some(fetched) = &self.fetched else { return Vec::new() };
        // What the proxy searched for is in names as well, which rows do not show.
        let fits = |row: &&Row| {
            self.filter.is_empty() || fetched.search == self.filter || row.contains(&self.filter)
        };
        let mut rows: Vec<_> = fetched.rows.iter().filter(fits).collect();
        let window = self.shown_window();
        rows.sort_by_key(|row| {
            let by = |window| by(self.order, row.figures.get(window));
            // Most waste nothing; of these, rows with failures come first.
            let failed = row.figures.get(window).failed;
            (Reverse([by(window), by(Window::Start), failed]), &row.id)
        });
        rows
    }

    /// What the proxy is to search for: the filter, unless it is an origin of failures,
    /// which rows have themselves.
    pub(super) fn search(&self) -> String {
        let is_origin = |origin: &Origin| {
            let label = origin.label();
            label.contains(&self.filter) || words::label(label).contains(&self.filter)
        };
        let origins = self.filter.is_empty() || Origin::ALL.iter().any(is_origin);
        if origins { String::new() } else { self.filter.clone() }
    }

    /// The place of the cursor among `rows`.
    pub(super) fn place(&self, rows: &[&Row]) -> usize {
        let is_picked = |row: &&Row| self.picked.as_ref() == Some(&row.id);
        rows.iter().position(is_picked).unwrap_or_default()
    }

    /// The row under the cursor.
    pub(super) fn picked(&self) -> Option<&Row> {
        let rows = self.rows();
        rows.get(self.place(&rows)).copied()
    }

    /// The details of the row under the cursor, if they were fetched.
    pub(super) fn detail(&self) -> Option<&RowDetail> {
        let details = &self.fetched.as_ref()?.details;
        details.get(&self.picked()?.id).map(|detail| &**detail)
    }

    /// Does what a key is for.
    pub(super) fn press(&mut self, key: Key) -> Next {
        match key {
            Key::Interrupt => return Next::Quit,
            _ if self.typing => self.type_in(key),
            Key::Char('q') if self.page == Page::List => return Next::Quit,
            Key::Char('?' | 'h') => {
                self.go(if self.page == Page::Help { Page::List } else { Page::Help })
            }
            Key::Char('p' | ' ') => self.paused = !self.paused,
            Key::Char('w') => self.window = after(Window::ALL, self.window),
            Key::Up(by) if self.page == Page::List => self.step(by),
            Key::Up(by) => self.scroll = self.scroll.saturating_add_signed(-by),
            Key::Home => self.jump(0),
            Key::End => self.jump(usize::MAX),
            Key::Enter if self.page == Page::List && self.picked().is_some() => {
                self.picked = self.picked().map(|row| row.id.clone());
                self.go(Page::One);
            }
            Key::Escape if self.page == Page::List => self.filter.clear(),
            Key::Escape | Key::Backspace | Key::Char('q') => self.go(Page::List),
            Key::Char(key) if self.page == Page::List => self.list(key),
            _ => {}
        }
        Next::Stay
    }

    fn list(&mut self, key: char) {
        match key {
            's' => self.order = after(ORDERS, self.order),
            'c' => self.kind = after(&[RowKind::Workloads, RowKind::Clients], self.kind),
            '/' => self.typing = true,
            'j' => self.step(-1),
            'k' => self.step(1),
            _ => return,
        }
        if key != '/' && key != 'j' && key != 'k' {
            // Goes to the worst row by the new measure.
            self.picked = None;
        }
    }

    fn type_in(&mut self, key: Key) {
        match key {
            Key::Char(letter) if self.filter.len() < MAX_FILTER => {
                self.filter.extend(letter.to_lowercase());
            }
            Key::Backspace => drop(self.filter.pop()),
            Key::Enter => self.typing = false,
            Key::Escape => {
                self.typing = false;
                self.filter.clear();
            }
            Key::Up(by) => self.step(by),
            _ => {}
        }
    }

    fn go(&mut self, page: Page) {
        (self.page, self.scroll) = (page, 0);
    }

    fn step(&mut self, up: isize) {
        let rows = self.rows();
        let last = rows.len().saturating_sub(1);
        let place = self.place(&rows).saturating_add_signed(-up).min(last);
        self.picked = rows.get(place).map(|row| row.id.clone());
    }

    fn jump(&mut self, place: usize) {
        if self.page != Page::List {
            // The screen limits it to the lines there are.
            self.scroll = place;
            return;
        }
        let rows = self.rows();
        let place = place.min(rows.len().saturating_sub(1));
        // The first row by name would not stay the first one.
        let picked = (place > 0).then(|| rows.get(place).map(|row| row.id.clone()));
        self.picked = picked.flatten();
    }
}

fn by(order: Order, figures: &Figures) -> u64 {
    match order {
        Order::Queries => figures.queries,
        Order::Failed => figures.failed,
        Order::Wasted => figures.wasted_queries,
    }
}

fn after<T: Copy + PartialEq>(all: &[T], one: T) -> T {
    let next = all.iter().skip_while(|other| **other != one).nth(1);
    next.or_else(|| all.first()).copied().unwrap_or(one)
}

const ORDERS: &[Order] = &[Order::Wasted, Order::Failed, Order::Queries];

/// Seconds of the 10 s window.
const TEN: u64 = 10;

/// Octets: an address, or a workload's namespace and name.
const MAX_FILTER: usize = 128;

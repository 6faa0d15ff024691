//! What is looked at, and what each key does to it. No terminal and no clock.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::row::Row;
use crate::api::{
    ClientView, FailurePage, LoopPage, Order, Pair, Ready, ResolverView, SearchView, Summary,
};
use observe::{Advice, Figures, Window};
use resolver::Moment;

/// Everything that the screen depends on.
#[derive(Debug)]
pub(super) struct State {
    /// Where the proxy is.
    pub addr: String,
    /// Which page is shown.
    pub page: Page,
    /// Who the rows are.
    pub who: Who,
    /// By what rows are sorted.
    pub order: Order,
    /// The time that figures are over.
    pub window: Window,
    /// What rows have to contain.
    pub filter: String,
    /// Keys go to the filter.
    pub typing: bool,
    /// Nothing new is taken.
    pub paused: bool,
    /// Lines that were scrolled past, on pages that are longer than a screen.
    pub scroll: usize,
    /// The latest figures, if there ever were any.
    pub glance: Option<Glance>,
    /// Why there are none newer.
    pub trouble: Option<String>,
    /// Who is under the cursor; nobody is whoever comes first.
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

/// What one look at the proxy brought.
#[derive(Clone, Debug)]
pub(super) struct Glance {
    /// When, by this program's clock.
    pub at: Moment,
    /// The node.
    pub summary: Summary,
    /// What failed.
    pub failures: FailurePage,
    /// What goes round.
    pub loops: LoopPage,
    /// How many there are to choose from.
    pub known: usize,
    /// The first of them.
    pub rows: Vec<Row>,
    /// For whom most fails; among `rows` or not.
    pub unlucky: Option<Row>,
    /// What is known of some in detail, by their id.
    pub details: HashMap<String, Arc<Detail>>,
    /// Who wastes most on which name.
    pub pairs: Vec<Pair>,
}

/// What is known of somebody beside the figures.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Detail {
    /// What is known about its resolv.conf.
    pub search: SearchView,
    /// The library that it seems to have.
    pub resolver: Option<ResolverView>,
    /// What to change; none while the search list is not known.
    pub advice: Option<Advice>,
    /// How to change it.
    pub patch: Option<Ready>,
    /// The clients of a workload with their own figures.
    #[serde(default)]
    pub members: Vec<ClientView>,
}

/// Who the rows are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Who {
    /// Pods of one owner together.
    Workloads,
    /// Addresses.
    Clients,
}

/// A key, whatever the terminal calls it.
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

impl State {
    /// Starts with nothing known of the proxy at `addr`.
    pub(super) fn new(addr: String) -> Self {
        Self {
            addr,
            page: Page::List,
            who: Who::Workloads,
            order: Order::Wasted,
            window: Window::Minute,
            filter: String::new(),
            typing: false,
            paused: false,
            scroll: 0,
            glance: None,
            trouble: None,
            picked: None,
        }
    }

    /// Takes what a look brought; a failed one leaves the figures.
    pub(super) fn take(&mut self, news: Result<Glance, String>) {
        match news {
            Ok(glance) => (self.glance, self.trouble) = (Some(glance), None),
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// The window that is shown: the first seconds have only all their time.
    pub(super) fn shown_window(&self) -> Window {
        let uptime = self
            .glance
            .as_ref()
            .map_or(0, |glance| glance.summary.uptime_s);
        match self.window {
            Window::TenSeconds | Window::Minute if uptime < 2 * TEN => Window::Start,
            window => window,
        }
    }

    /// The seconds of the window that is shown, for rates; at least 1.
    pub(super) fn shown_seconds(&self) -> u64 {
        let uptime = self
            .glance
            .as_ref()
            .map_or(0, |glance| glance.summary.uptime_s);
        match self.shown_window() {
            Window::Second => 1,
            Window::TenSeconds => TEN,
            // Full tens that there were, but not the one that runs.
            Window::Minute => (uptime / TEN * TEN).clamp(TEN, 6 * TEN),
            Window::Start => uptime.max(1),
        }
    }

    /// The rows that fit the filter, sorted.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let Some(glance) = &self.glance else { return Vec::new() };
        let fits = |row: &&Row| self.filter.is_empty() || row.contains(&self.filter);
        let mut rows: Vec<_> = glance.rows.iter().filter(fits).collect();
        let window = self.shown_window();
        rows.sort_by_key(|row| {
            let by = |window| by(self.order, row.figures.get(window));
            // Most waste nothing: those who fail come first of them.
            let failed = row.figures.get(window).failed;
            (Reverse([by(window), by(Window::Start), failed]), &row.id)
        });
        rows
    }

    /// The place of the cursor among `rows`.
    pub(super) fn place(&self, rows: &[&Row]) -> usize {
        let is_picked = |row: &&Row| self.picked.as_ref() == Some(&row.id);
        rows.iter().position(is_picked).unwrap_or_default()
    }

    /// Who is under the cursor.
    pub(super) fn picked(&self) -> Option<&Row> {
        let rows = self.rows();
        rows.get(self.place(&rows)).copied()
    }

    /// What is known of the one under the cursor.
    pub(super) fn detail(&self) -> Option<&Detail> {
        let details = &self.glance.as_ref()?.details;
        details.get(&self.picked()?.id).map(|detail| &**detail)
    }

    /// Does what a key says.
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
            'c' => self.who = after(&[Who::Workloads, Who::Clients], self.who),
            '/' => self.typing = true,
            'j' => self.step(-1),
            'k' => self.step(1),
            _ => return,
        }
        if key != '/' && key != 'j' && key != 'k' {
            // The worst by the new measure is what one wants to see.
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
            // As far as there are lines; the screen knows.
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

/// Seconds of the shorter of the two windows of tens.
const TEN: u64 = 10;

/// Octets: an address, or a workload's namespace and name.
const MAX_FILTER: usize = 128;

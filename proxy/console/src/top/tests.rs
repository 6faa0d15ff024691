//! The screen at both sizes and in each state, and what keys do.

use std::collections::HashMap;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::row::Row;
use super::state::{Fetched, Page, RowDetail};
use super::*;
use crate::api::{
    FailurePage, LoopPage, LoopView, Order, OriginView, Pair, ResolverView, SCHEMA, SearchView,
    Summary, VerdictPage, Windowed,
};
use observe::{
    Advice, Affected, AffectedNames, Alternative, AtRisk, Captures, Change, Count, Counters,
    Figures, Forecast, Libraries, NameAtRisk, Recommendation, Warning, Window,
};
use resolver::Moment;

mod golden;
mod keys;

fn figures(lookups: u64, wasted: u64, failed: u64) -> Windowed<Figures> {
    let mut counters = Counters::new(Moment::default());
    for (count, n) in [
        (Count::Queries, lookups + wasted),
        (Count::Failed, failed),
        (Count::Asked, lookups / 10),
        (Count::Lookups, lookups),
        (Count::Steps, lookups + wasted),
        (Count::LookupQueries, lookups + wasted),
        (Count::WastedQueries, wasted),
        (Count::WastedMicros, wasted * 400),
        (Count::External, lookups / 2),
        (Count::Cluster, lookups - lookups / 2),
        (Count::AgainWaiting, failed),
    ] {
        counters.add(count as usize, n, Moment::default());
    }
    let figures = Figures::of(&counters, Window::Start);
    Windowed::each(|_| figures)
}

fn row(client: &str, lookups: u64, wasted: u64, failures: &[(&str, u64)]) -> Row {
    let failed = failures.iter().map(|(_, count)| count).sum();
    let failures = failures
        .iter()
        .map(|(origin, count)| ((*origin).to_owned(), *count));
    Row {
        id: client.to_owned(),
        name: client.to_owned(),
        client: client.parse().ok(),
        title: client.to_owned(),
        path: format!("clients/{client}"),
        figures: figures(lookups, wasted, failed),
        failures: failures.collect(),
        failing_now: None,
        last_seen_s: 1,
    }
}

/// A client that should set ndots to 2.
fn detail() -> RowDetail {
    let forecast = |queries_saved: i64| Forecast {
        queries: 15,
        queries_saved,
        saved_permille: queries_saved * 1000 / 15,
        ..Forecast::default()
    };
    let risk = |name: &&str| NameAtRisk {
        name: (*name).to_owned(),
        lookups: 3,
        libraries: Libraries::ALL,
    };
    let alternative = |change, saved, breaks: &[&str]| {
        let [glibc, musl, go] = [saved; 3].map(forecast);
        let breaks = AtRisk { names: breaks.iter().map(risk).collect(), more: 0 };
        Alternative { change, breaks, glibc, musl, go }
    };
    let advice = Advice {
        lookups: 6,
        queries: 15,
        wasted_queries: 9,
        observed_seconds: 60,
        current_ndots: 5,
        safe_ndots: 2,
        libraries: Libraries::ALL,
        captures: Captures::default(),
        missing: AffectedNames::default(),
        alternatives: vec![
            alternative(Change::Ndots(1), 9, &["cart.shop"]),
            alternative(Change::Ndots(2), 9, &[]),
            alternative(Change::TrailingDots, 9, &[]),
        ],
        trailing_dots: AffectedNames { names: vec![affected("api.example.com")], more: 0 },
        recommendation: Recommendation::Ndots(2),
        warnings: vec![Warning::FewLookups],
    };
    RowDetail {
        search: SearchView {
            source: "learned".to_owned(),
            domains: ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local."]
                .map(str::to_owned)
                .into(),
            ndots: [5, 5],
        },
        resolver: Some(ResolverView { library: "glibc".to_owned(), confidence: 85 }),
        advice: Some(advice),
        patch: None,
        failing: Vec::new(),
        members: Vec::new(),
    }
}

fn affected(name: &str) -> Affected {
    Affected { name: name.to_owned(), lookups: 3, queries_saved: 9 }
}

fn fetched(rows: Vec<Row>) -> Fetched {
    let sum = |read: fn(&Figures) -> u64| rows.iter().map(|row| read(&row.figures.total)).sum();
    let failed = sum(|figures| figures.failed);
    let origins = OriginView {
        origin: "timeout".to_owned(),
        meaning: "no upstream answered before the deadline".to_owned(),
        responses: Windowed::each(|_| failed),
        history: Vec::new(),
    };
    let pair = Pair {
        client: "10.244.1.7".parse().unwrap(),
        name: "api.example.com.".to_owned(),
        weight: 570,
        error: 0,
    };
    Fetched {
        at: Moment::from_micros(60_000_000),
        summary: Summary {
            answers: Vec::new(),
            schema: SCHEMA,
            uptime_s: 7385,
            figures: figures(
                sum(|figures| figures.lookups),
                sum(|figures| figures.wasted_queries),
                failed,
            ),
            records: 90_000,
            missed_records: 0,
            clients: rows.len(),
            top_names: Vec::new(),
            top_clients: Vec::new(),
        },
        failures: FailurePage {
            schema: SCHEMA,
            origins: vec![origins],
            zones: Vec::new(),
            clients: Vec::new(),
            failing_now: None,
            names: Vec::new(),
        },
        verdict: VerdictPage::default(),
        loops: LoopPage {
            schema: SCHEMA,
            evidences: Default::default(),
            loops: Vec::new(),
            asking_upstreams: Vec::new(),
        },
        search: String::new(),
        known: rows.len(),
        failing: rows
            .iter()
            .max_by_key(|row| row.figures.minute.failed)
            .cloned(),
        rows,
        details: HashMap::from([("10.244.1.7".to_owned(), Arc::new(detail()))]),
        pairs: vec![pair],
    }
}

fn rows() -> Vec<Row> {
    vec![
        row("10.244.1.7", 8000, 40_000, &[("timeout", 12), ("relayed", 1)]),
        row("10.244.1.12", 900, 3000, &[]),
        row("10.244.2.9", 30_000, 0, &[("upstream_refused", 7)]),
        row("fd00:10:244:0:1:2:3:4", 20, 0, &[]),
    ]
}

fn state() -> State {
    let mut state = State::new("127.0.0.1:9254".to_owned());
    state.take(Ok(fetched(rows())));
    state
}

fn at(s: u64) -> Moment {
    Moment::from_micros(s * 1_000_000)
}

/// The screen as a terminal of this size shows it.
fn terminal(
    state: &State,
    styles: Styles,
    (width, height): (u16, u16),
    now: Moment,
) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            let size = frame.area().as_size();
            let lines = screen::lines(state, styles, size, now);
            assert!(lines.len() <= usize::from(height), "{} lines", lines.len());
            paint(&lines, size, frame.buffer_mut());
        })
        .unwrap();
    terminal
}

fn text(state: &State, size: (u16, u16), now: Moment) -> String {
    let terminal = terminal(state, Styles::new(None), size, now);
    let buffer = terminal.backend().buffer();
    let line = |y| {
        (0..size.0)
            .map(|x| buffer[(x, y)].symbol())
            .collect::<String>()
    };
    (0..size.1)
        .map(|y| line(y).trim_end().to_owned() + "\n")
        .collect()
}

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 50);

//! Whole screens, kept beside this file; `BLESS=1` writes them anew.

use super::*;

#[test]
fn screens_are_as_they_were_looked_at() {
    let mut open = state();
    open.press(Key::Enter);
    let mut help = state();
    help.press(Key::Char('?'));
    for (name, state, size) in [
        ("list-80x24", crowded(), SMALL),
        ("list-160x50", state(), LARGE),
        ("one-80x24", open, SMALL),
        ("help-80x24", help, SMALL),
    ] {
        let shown = text(&state, size, at(60));
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/top/tests/screens");
        let path = format!("{dir}/{name}.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &shown).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(shown == kept, "{name} is now\n{shown}");
    }
}

/// With more clients than a small screen has rows.
fn crowded() -> State {
    let mut rows = rows();
    rows.extend((20..26).map(|n| row(&format!("10.244.3.{n}"), n, n / 2, &[])));
    let mut state = state();
    state.take(Ok(fetched(rows)));
    state
}

#[test]
fn one_screen_has_waste_advice_and_failures() {
    let shown = text(&crowded(), SMALL, at(60));
    for part in [
        ">10.244.1.7",
        "ndots 2: 60 %",
        "set ndots to 2 (now 5): saves 9 of 15 queries (60 %), breaks nothing",
        "timeout",
        "12 of 13 timeout: no upstream answered before the deadline",
        "upstream refused",
        "no loops",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
}

#[test]
fn every_state_is_in_words() {
    let all = |state: &State, now| text(state, SMALL, now);
    let mut new = State::new("127.0.0.1:9254".to_owned());
    assert!(all(&new, at(0)).contains("connecting to 127.0.0.1:9254"));
    new.take(Err("cannot reach it".to_owned()));
    let shown = all(&new, at(0));
    assert!(shown.contains("UNREACHABLE\ncannot reach it"), "{shown}");
    new.take(Ok(fetched(Vec::new())));
    assert!(all(&new, at(60)).contains("no queries yet"));

    let mut state = state();
    assert!(!all(&state, at(62)).contains("old"));
    let stale = all(&state, at(64));
    assert!(stale.contains("STALE, figures are 4 s old"), "{stale}");
    state.take(Err("connection refused".to_owned()));
    let lost = all(&state, at(72));
    assert!(lost.contains("UNREACHABLE, figures are 12 s old: connection refused"), "{lost}");
    assert!(lost.contains("10.244.1.7"), "the last figures stay: {lost}");
    state.take(Ok(fetched(rows())));
    state.press(Key::Char('p'));
    assert!(all(&state, at(61)).contains("PAUSED"));
    assert!(all(&state, at(64)).contains("paused, figures are 4 s old"));
}

#[test]
fn loops_failures_and_missed_records_are_on_top() {
    let mut found = fetched(rows());
    found.loops.loops.push(LoopView {
        evidences: vec!["probe".to_owned()],
        zone: ".".to_owned(),
        names: vec!["loop.test.".to_owned()],
        below: "loop.test.".to_owned(),
        upstream: None,
        peer: None,
        hops: ["us", "10.0.0.2:53", "us"].map(str::to_owned).into(),
        count: 3,
        first_seen_s: 9,
        last_seen_s: 1,
        active: true,
    });
    found.summary.missed_records = 12;
    let mut state = state();
    state.take(Ok(found));
    let shown = text(&state, SMALL, at(60));
    let lines = [
        "FORWARDING LOOP for names in loop.test.: us -> 10.0.0.2:53 -> us",
        "MOST FAILURES: 10.244.1.7, < 0.1 % of its queries, timeout: no upstream",
        "answered before the deadline",
        "failures in 60 s: 20 timeout",
        "12 queries not counted: they arrived too fast",
    ];
    assert_eq!(shown.lines().skip(2).take(5).collect::<Vec<_>>(), lines, "{shown}");
}

#[test]
fn no_color_shows_the_same_without_color() {
    for page in [Key::Char('w'), Key::Enter, Key::Char('?')] {
        let mut state = state();
        state.press(page);
        let screen = |no_color| terminal(&state, Styles::new(no_color), SMALL, at(99));
        let (plain, colored) = (screen(Some("1")), screen(None));
        let cells = |terminal: &Terminal<TestBackend>| terminal.backend().buffer().content.clone();
        let is_colored =
            |cell: &ratatui::buffer::Cell| cell.fg != Color::Reset || cell.bg != Color::Reset;
        assert!(!cells(&plain).iter().any(is_colored));
        let symbols = |terminal| {
            cells(terminal)
                .iter()
                .map(|cell| cell.symbol().to_owned())
                .collect::<String>()
        };
        assert_eq!(symbols(&plain), symbols(&colored));
    }
    assert!(
        terminal(&state(), Styles::new(Some("")), SMALL, at(99))
            .backend()
            .buffer()
            .content
            .iter()
            .any(|cell| cell.fg == Color::Red)
    );
}

#[test]
fn any_size_and_any_text_can_be_drawn() {
    let mut odd = rows();
    odd.push(row(&"x".repeat(300), u64::from(u32::MAX), 1, &[("unheard_of", 1)]));
    odd.push(row("\u{1b}[2J", 1, 1, &[]));
    let mut state = state();
    state.take(Ok(fetched(odd)));
    for key in [Key::End, Key::Enter, Key::End, Key::Char('?'), Key::End, Key::Escape] {
        state.press(key);
        for width in [1, 39, 40, 41, 79, 80, 119, 120, 200] {
            for height in [1, 2, 13, 14, 15, 24, 60] {
                let shown = text(&state, (width, height), at(99));
                assert!(!shown.contains('\u{1b}'));
            }
        }
    }
}

#[test]
fn plain_text_has_all_rows_and_no_keys() {
    let shown = screen::plain(&state(), ONCE_WIDTH, ONCE_ROWS, at(60));
    assert!(shown.contains("\n fd00:10:244:0:1:2:3:4 "), "{shown}");
    assert!(shown.contains("ndots 2: 60 %") && shown.contains("NAME"), "{shown}");
    assert!(!shown.contains("quit") && !shown.contains('>'), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= ONCE_WIDTH));
}

#[test]
fn the_first_seconds_are_shown_since_the_start() {
    let mut state = state();
    let mut young = fetched(rows());
    young.summary.uptime_s = 10;
    state.take(Ok(young));
    let shown = text(&state, SMALL, at(60));
    assert!(shown.contains("since the start"), "{shown}");
    // 48,000 queries in ten seconds.
    assert!(shown.contains(">10.244.1.7              4800"), "{shown}");
}

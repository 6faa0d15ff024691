//! The state machine behind the keys.

use super::super::keys as terminal_keys;
use super::*;

fn press(state: &mut State, keys: &[Key]) {
    for key in keys {
        assert_eq!(state.press(*key), Next::Stay, "{key:?}");
    }
}

fn picked(state: &State) -> String {
    state.picked().unwrap().id.clone()
}

fn order(state: &State) -> Vec<String> {
    state.rows().iter().map(|row| row.id.clone()).collect()
}

const DOWN: Key = Key::Up(-1);

#[test]
fn s_sorts_by_the_next_measure_and_goes_to_the_worst() {
    let mut state = state();
    assert_eq!(order(&state)[..2], ["10.244.1.7", "10.244.1.12"]);
    press(&mut state, &[DOWN, Key::Char('s')]);
    assert_eq!((state.order, picked(&state)), (Order::Failed, "10.244.1.7".to_owned()));
    assert_eq!(order(&state)[1], "10.244.2.9");
    press(&mut state, &[Key::Char('s')]);
    assert_eq!(order(&state)[..2], ["10.244.1.7", "10.244.2.9"]);
    press(&mut state, &[Key::Char('s')]);
    assert_eq!(state.order, Order::Wasted);
}

#[test]
fn the_cursor_stays_on_its_row_when_others_overtake_it() {
    let mut state = state();
    press(&mut state, &[DOWN, DOWN]);
    assert_eq!(picked(&state), "10.244.2.9");
    let mut later = rows();
    later[2] = row("10.244.2.9", 30_000, 90_000, &[]);
    state.take(Ok(fetched(later)));
    assert_eq!(
        (picked(&state), order(&state)[0].as_str()),
        ("10.244.2.9".to_owned(), "10.244.2.9")
    );
    // Without a picked row it is the first one.
    press(&mut state, &[Key::End, Key::Home]);
    state.take(Ok(fetched(rows())));
    assert_eq!(picked(&state), "10.244.1.7");
    // It is gone: the first one.
    press(&mut state, &[DOWN]);
    state.take(Ok(fetched(vec![row("10.0.0.1", 1, 1, &[])])));
    assert_eq!(picked(&state), "10.0.0.1");
}

#[test]
fn the_cursor_stays_within_the_rows() {
    let mut state = state();
    press(&mut state, &[Key::Up(1), Key::Up(-100)]);
    assert_eq!(picked(&state), "fd00:10:244:0:1:2:3:4");
    press(&mut state, &[DOWN, Key::Up(100)]);
    assert_eq!(picked(&state), "10.244.1.7");
    press(&mut state, &[Key::End, Key::Char('k'), Key::Char('j'), Key::Char('k')]);
    assert_eq!(picked(&state), "10.244.2.9");
}

#[test]
fn a_filter_takes_addresses_and_origins() {
    let mut state = state();
    press(&mut state, &[Key::Char('/'), Key::Char('Q'), Key::Backspace]);
    // Letters are no commands meanwhile.
    press(&mut state, &"refused".chars().map(Key::Char).collect::<Vec<_>>());
    assert_eq!((state.filter.as_str(), order(&state)), ("refused", vec!["10.244.2.9".to_owned()]));
    press(&mut state, &[Key::Enter]);
    assert!(!state.typing && state.filter == "refused");
    let shown = text(&state, SMALL, at(60));
    assert!(shown.contains("1 of 4, filter: refused"), "{shown}");
    press(&mut state, &[Key::Escape]);
    assert_eq!(order(&state).len(), 4);
    press(&mut state, &[Key::Char('/'), Key::Char('z'), Key::Char('z')]);
    assert!(text(&state, SMALL, at(60)).contains("no row matches the filter"));
    press(&mut state, &[DOWN, Key::Enter, Key::Enter]);
    assert_eq!(state.page, Page::List, "there is no row to open");
    press(&mut state, &[Key::Char('/'), Key::Escape]);
    assert_eq!(order(&state).len(), 4);
}

#[test]
fn enter_opens_the_one_under_the_cursor_and_escape_leads_back() {
    let mut state = state();
    press(&mut state, &[Key::Enter]);
    let shown = text(&state, SMALL, at(60));
    assert!(
        shown.contains("ndots 1        saves 9 of 15 queries (60 %), breaks cart.shop"),
        "{shown}"
    );
    press(&mut state, &[Key::End]);
    let end = text(&state, SMALL, at(60));
    assert!(end.contains("570  api.example.com."), "{end}");
    press(&mut state, &[Key::Up(1000), Key::Char('q')]);
    assert_eq!((state.page, state.scroll), (Page::List, 0));
    // What is opened stays, whichever row comes first.
    press(&mut state, &[Key::Enter]);
    state.take(Ok(fetched(vec![row("10.0.0.1", 1, 99, &[]), row("10.244.1.7", 1, 1, &[])])));
    assert_eq!(picked(&state), "10.244.1.7");
}

#[test]
fn scrolling_back_from_the_end_begins_at_once() {
    let mut state = state();
    press(&mut state, &[Key::Enter, Key::End]);
    let end = text(&state, SMALL, at(60));
    let last = screen::last_scroll(&state, Styles::new(None), Size::from(SMALL), at(60));
    state.scroll = state.scroll.min(last);
    assert_eq!(text(&state, SMALL, at(60)), end);
    press(&mut state, &[Key::Up(1)]);
    assert_ne!(text(&state, SMALL, at(60)), end);
}

#[test]
fn windows_help_pause_and_quit() {
    let mut state = state();
    let mut windows = Vec::new();
    for _ in 0..5 {
        windows.push(state.window);
        press(&mut state, &[Key::Char('w')]);
    }
    assert_eq!(
        windows,
        [Window::Minute, Window::Start, Window::Second, Window::TenSeconds, Window::Minute]
    );
    press(&mut state, &[Key::Char('?')]);
    assert_eq!(state.page, Page::Help);
    press(&mut state, &[Key::Char('q'), Key::Char(' ')]);
    assert_eq!((state.page, state.paused), (Page::List, true));
    assert_eq!(state.press(Key::Char('q')), Next::Quit);
    press(&mut state, &[Key::Char('/')]);
    assert_eq!(state.press(Key::Interrupt), Next::Quit);
}

#[test]
fn what_fails_now_goes_before_what_failed_most() {
    let why = |failures: &[(&str, u64)], now: Option<&str>| {
        let mut row = row("10.0.0.1", 1, 0, failures);
        row.failing_now = now.map(str::to_owned);
        row.why().map(|(origin, count)| (origin.to_owned(), count))
    };
    let said = |origin: &str, count| Some((origin.to_owned(), count));
    assert_eq!(why(&[("relayed", 2), ("timeout", 1)], None), said("relayed", 2));
    assert_eq!(why(&[("relayed", 2), ("timeout", 1)], Some("timeout")), said("timeout", 1));
    assert_eq!(why(&[], None), None);
}

#[test]
fn a_terminal_s_keys_are_known() {
    let event = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
    let none = KeyModifiers::NONE;
    let control_c = event(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(terminal_keys(&control_c, 9), [None, Some(Key::Interrupt)]);
    assert_eq!(terminal_keys(&event(KeyCode::PageDown, none), 9), [None, Some(Key::Up(-9))]);
    // Escape and a letter, quickly.
    let quick = event(KeyCode::Char('?'), KeyModifiers::ALT);
    assert_eq!(terminal_keys(&quick, 9), [Some(Key::Escape), Some(Key::Char('?'))]);
    let released = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::new(KeyCode::Enter, none) };
    assert_eq!(terminal_keys(&Event::Key(released), 9), [None; 2]);
    assert_eq!(terminal_keys(&Event::Resize(80, 24), 9), [None; 2]);
}

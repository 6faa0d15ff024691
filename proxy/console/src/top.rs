//! `fivedots top`: one screen with the workloads that waste most, what to change
//! and what that saves, and those that fail most and why.
//!
//! It reads the API of the admin listener once a second. Nothing of it runs in
//! the proxy, so it costs nothing while it is closed.

use std::io::{self, IsTerminal as _};

use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Size;
use ratatui::text::Line;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::interval;

use crate::admin_client::AdminClientError;
use crate::args::TopArgs;
use resolver::Clock;

mod detail;
mod fetch;
mod row;
mod screen;
mod state;
mod style;
mod table;

use fetch::{EVERY, Fetcher, Selection};
use state::{Key, Next, State};
use style::Styles;

#[cfg(test)]
mod tests;

/// Returns whether the output is a terminal that can show a live screen.
pub fn is_live(args: &TopArgs) -> bool {
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    !args.once && !is_dumb && io::stdout().is_terminal()
}

/// Reads the proxy once and returns the list as text.
///
/// # Errors
///
/// When the proxy cannot be read.
pub async fn once(args: &TopArgs) -> Result<String, AdminClientError> {
    let clock = Clock::start();
    let mut state = State::new(args.proxy.admin.to_string());
    let mut fetcher = fetcher(args, clock);
    let fetched = fetcher.fetch(&selection(&state), ONCE_ROWS).await?;
    state.take(Ok(fetched));
    let width = match ratatui::crossterm::terminal::size() {
        Ok((width, _)) if io::stdout().is_terminal() => usize::from(width).max(ONCE_WIDTH),
        _ => ONCE_WIDTH,
    };
    Ok(screen::plain(&state, width, ONCE_ROWS, clock.now()))
}

/// Shows the screen until the user quits.
///
/// # Errors
///
/// When the terminal cannot be used.
pub async fn live(args: &TopArgs) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let shown = show(args, &mut terminal).await;
    ratatui::try_restore()?;
    shown
}

async fn show(args: &TopArgs, terminal: &mut DefaultTerminal) -> io::Result<()> {
    let clock = Clock::start();
    let styles = Styles::new(std::env::var("NO_COLOR").ok().as_deref());
    let mut state = State::new(args.proxy.admin.to_string());
    let (selections, selected) = watch::channel(selection(&state));
    let (results, mut fetched) = mpsc::channel(1);
    tokio::spawn(fetcher(args, clock).run(selected, results));
    let mut events = events()?;
    let (mut terminate, mut hang_up) =
        (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut ticks = interval(EVERY);
    loop {
        terminal.draw(|frame| {
            let (size, now) = (frame.area().as_size(), clock.now());
            state.scroll = state
                .scroll
                .min(screen::last_scroll(&state, styles, size, now));
            let lines = screen::lines(&state, styles, size, now);
            paint(&lines, size, frame.buffer_mut());
        })?;
        tokio::select! {
            Some(event) = events.recv() => {
                let page = terminal.size()?.height.saturating_sub(PAGE_OVERLAP);
                for key in keys(&event, page).into_iter().flatten() {
                    if state.press(key) == Next::Quit {
                        return Ok(());
                    }
                }
            }
            Some(fetched) = fetched.recv() => if !state.paused { state.take(fetched) },
            // The figures grow older.
            _ = ticks.tick() => {}
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
        }
        let selection = selection(&state);
        selections.send_if_modified(|before| {
            let is_new = *before != selection;
            *before = selection;
            is_new
        });
    }
}

fn fetcher(args: &TopArgs, clock: Clock) -> Fetcher {
    Fetcher::new(args.proxy.admin.clone(), args.proxy.redact.clone(), clock)
}

fn selection(state: &State) -> Selection {
    let picked = state.picked().map(|row| row.id.clone());
    Selection {
        kind: state.kind,
        order: state.order,
        search: state.search(),
        picked,
        paused: state.paused,
    }
}

fn paint(lines: &[Line<'_>], size: Size, buffer: &mut Buffer) {
    for (y, line) in (0..size.height).zip(lines) {
        buffer.set_line(0, y, line, size.width);
    }
}

/// Reads the events of the terminal on a thread of its own, which ends with the
/// program.
fn events() -> io::Result<mpsc::Receiver<Event>> {
    let (sender, events) = mpsc::channel(EVENTS);
    let read = move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(read)?;
    Ok(events)
}

/// The keys of an event; `page` rows are a screen.
fn keys(event: &Event, page: u16) -> [Option<Key>; 2] {
    let Event::Key(event) = event else { return [None; 2] };
    if event.kind == KeyEventKind::Release {
        return [None; 2];
    }
    // Escape and a letter that come at once look like a letter with Alt.
    let escape = event
        .modifiers
        .contains(KeyModifiers::ALT)
        .then_some(Key::Escape);
    [escape, key(*event, isize::try_from(page).unwrap_or(1))]
}

fn key(event: KeyEvent, page: isize) -> Option<Key> {
    let has_control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c') if has_control => Key::Interrupt,
        KeyCode::Char(_) if has_control => return None,
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up(1),
        KeyCode::Down => Key::Up(-1),
        KeyCode::PageUp => Key::Up(page),
        KeyCode::PageDown => Key::Up(-page),
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

/// Keys that may wait for a slow terminal.
const EVENTS: usize = 64;

/// Lines of a screen that are not rows.
const PAGE_OVERLAP: u16 = 12;

/// Rows of the text, all with advice.
const ONCE_ROWS: usize = 20;

/// Columns of the text outside a terminal: wide enough that little is cut.
const ONCE_WIDTH: usize = 132;

//! `fivedots top`: who wastes most, what they should change and what that
//! saves, who fails and why, on one screen.
//!
//! It reads the pages of the admin listener once a second; nothing of it runs
//! in the proxy, so it costs nothing while it is closed.

use std::io::{self, IsTerminal as _};

use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Size;
use ratatui::text::Line;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::interval;

use crate::admin_client::RemoteError;
use crate::args::TopArgs;
use resolver::Clock;

mod detail;
mod fetch;
mod look;
mod row;
mod screen;
mod state;
mod table;
mod words;

use fetch::{EVERY, Fetcher, Wanted};
use look::Look;
use state::{Key, Next, State};

#[cfg(test)]
mod tests;

/// Says whether there is anybody to look at a screen that moves.
pub fn is_live(args: &TopArgs) -> bool {
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    !args.once && !is_dumb && io::stdout().is_terminal()
}

/// Looks once and returns the list as text.
///
/// # Errors
///
/// When the proxy does not answer.
pub async fn once(args: &TopArgs) -> Result<String, RemoteError> {
    let clock = Clock::start();
    let mut state = State::new(args.remote.admin.to_string());
    let mut fetcher = fetcher(args, clock);
    let glance = fetcher.glance(&wanted(&state), ONCE_ROWS).await?;
    state.take(Ok(glance));
    let width = match ratatui::crossterm::terminal::size() {
        Ok((width, _)) if io::stdout().is_terminal() => usize::from(width).max(ONCE_WIDTH),
        _ => ONCE_WIDTH,
    };
    Ok(screen::plain(&state, width, ONCE_ROWS, clock.now()))
}

/// Shows the screen until somebody quits.
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
    let look = Look::new(std::env::var("NO_COLOR").ok().as_deref());
    let mut state = State::new(args.remote.admin.to_string());
    let (wants, wanted_by) = watch::channel(wanted(&state));
    let (tell, mut news) = mpsc::channel(1);
    tokio::spawn(fetcher(args, clock).run(wanted_by, tell));
    let mut events = events()?;
    let (mut terminate, mut hang_up) =
        (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut ticks = interval(EVERY);
    loop {
        terminal.draw(|frame| {
            let (size, now) = (frame.area().as_size(), clock.now());
            state.scroll = state
                .scroll
                .min(screen::last_scroll(&state, look, size, now));
            let lines = screen::lines(&state, look, size, now);
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
            Some(news) = news.recv() => if !state.paused { state.take(news) },
            // The figures grow older.
            _ = ticks.tick() => {}
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
        }
        let wanted = wanted(&state);
        wants.send_if_modified(|before| {
            let is_new = *before != wanted;
            *before = wanted;
            is_new
        });
    }
}

fn fetcher(args: &TopArgs, clock: Clock) -> Fetcher {
    Fetcher::new(args.remote.admin.clone(), args.remote.redact.clone(), clock)
}

fn wanted(state: &State) -> Wanted {
    let picked = state.picked().map(|row| row.id.clone());
    Wanted { who: state.who, order: state.order, picked, paused: state.paused }
}

fn paint(lines: &[Line<'_>], size: Size, buffer: &mut Buffer) {
    for (y, line) in (0..size.height).zip(lines) {
        buffer.set_line(0, y, line, size.width);
    }
}

/// Reads what the terminal says, on a thread of its own: it ends with the
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

/// What an event means; `page` rows are a screen.
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

/// Keys that wait for a slow terminal.
const EVENTS: usize = 64;

/// Lines of a screen that are no rows.
const PAGE_OVERLAP: u16 = 12;

/// Rows of a text, all with advice.
const ONCE_ROWS: usize = 20;

/// Columns of a text: nothing is cut, and who reads it need not be a terminal.
const ONCE_WIDTH: usize = 132;

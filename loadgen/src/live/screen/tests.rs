//! What is on a screen of each size.

use super::super::figures::Plan;
use super::*;
use crate::recorder::{Answered, Recorder};

/// Two phases of ten seconds: 100 a second, all answered, then none.
fn figures(seconds: u64) -> Figures {
    let plan = Plan {
        name: "baseline".to_owned(),
        server: "127.0.0.1:5335 over udp".to_owned(),
        length: Duration::from_secs(20),
        phases: [(10, "well"), (20, "silent")]
            .map(|(end, name)| (Duration::from_secs(end), name.to_owned()))
            .into(),
    };
    let mut figures = Figures::new(plan);
    let mut recorder = Recorder::new(1);
    for second in 1..=seconds {
        let counts = &mut recorder.phase(0).counts;
        counts.due += 100;
        counts.sent += 100;
        counts.lost += if second > 10 { 100 } else { 0 };
        let answers = if second > 10 { 0 } else { 100 };
        for n in 0..answers {
            let rcode = if n < 25 { Rcode::NXDOMAIN } else { Rcode::NOERROR };
            recorder.answered(0, &Answered { due: 0, sent: 0, received: 1 << 20, rcode });
        }
        figures.take(Duration::from_secs(second), &Snapshot::of(&recorder));
    }
    figures
}

fn shown(figures: &Figures, width: u16, height: u16) -> Vec<String> {
    let lines = lines(figures, Size { width, height }, true);
    assert_eq!(lines.len(), usize::from(height));
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    assert!(
        text.iter()
            .all(|line| line.chars().count() <= usize::from(width)),
        "{text:#?}"
    );
    text
}

#[test]
fn every_figure_is_on_a_screen_of_80_by_24_and_of_60_by_15() {
    let figures = figures(5);
    for (width, height) in [(80, 24), (60, 15)] {
        let text = shown(&figures, width, height);
        let has = |words: &[&str]| {
            let line = text.iter().find(|line| line.starts_with(words[0]));
            let line = line.unwrap_or_else(|| panic!("no {words:?} in {text:#?}"));
            let rest: Vec<_> = line[words[0].len()..].split_whitespace().collect();
            assert_eq!(rest, words[1..], "{text:#?}");
        };
        has(&["baseline: 127.0.0.1:5335 over udp"]);
        has(&["5 s of 20 s, phase well"]);
        for name in ["offered", "sent", "answered"] {
            has(&[name, "100", "100", "100"]);
        }
        has(&["no answer", "0", "0", "0"]);
        has(&["not sent", "0", "0", "0"]);
        has(&["10 seconds", "1.05", "1.05", "1.05", "1.05", "1.05"]);
        has(&["answers, 10 s", "NOERROR", "75.0%", "NXDOMAIN", "25.0%"]);
        has(&["answered/s", "█████", "to", "100"]);
        has(&["p99, ms", "█████", "to", "1.05"]);
        assert!(text.last().unwrap().starts_with(" q ends the run"), "{text:#?}");
    }
    let tall = shown(&figures, 80, 24);
    assert!(tall.iter().any(|line| line.starts_with("the run   ")), "{tall:#?}");
}

#[test]
fn a_server_that_goes_silent_is_seen() {
    let figures = figures(15);
    let text = shown(&figures, 80, 24);
    assert!(text[1].starts_with("15 s of 20 s, phase silent"), "{text:#?}");
    let row = |name: &str| text.iter().find(|line| line.starts_with(name)).unwrap();
    let words = |name: &str| {
        row(name)
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words("answered "),
        ["answered", "0", "50", "66.67"].map(|w| w.replace("66.67", "67"))
    );
    assert_eq!(words("no answer "), ["no", "answer", "100", "50", "33"]);
    assert_eq!(words("last second"), ["last", "second", "-", "-", "-", "-", "-"]);
    assert!(row("no answer/s").contains("          █████  to 100"), "{text:#?}");
    let alarm = lines(&figures, Size { width: 80, height: 24 }, true);
    let alarm = alarm
        .iter()
        .find(|line| line.to_string().starts_with("no answer "))
        .unwrap();
    assert_eq!(alarm.style.fg, Some(Color::Red));
}

#[test]
fn before_the_first_figures_and_on_a_tiny_screen_there_is_no_panic() {
    let start = Figures::new(Plan::default());
    assert!(shown(&start, 60, 15)[1].contains("starts"));
    for (width, height) in [(1, 1), (10, 3), (20, 5)] {
        let lines = lines(&figures(3), Size { width, height }, false);
        assert_eq!(lines.len(), usize::from(height));
    }
}

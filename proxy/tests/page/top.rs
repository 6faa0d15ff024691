//! `fivedots top` beside the page: the same answers, in one screen of a terminal.

use testbed::{Component, Terminal, eventually, have};

use crate::cluster::{Cluster, UNLUCKY, WORST};
use crate::pictures;
use crate::{PROGRAM, SOON};

/// Who wastes most, what to change, what it saves, who fails and why, and what
/// goes round: without a key.
pub(crate) fn answers_in_one_screen(cluster: &Cluster) {
    if !have(Component::Tmux) {
        return;
    }
    let (worst, _) = WORST;
    for (width, height) in [(80, 24), (160, 50)] {
        let command = format!("{PROGRAM} top --url http://{}", cluster.node.admin);
        let top = Terminal::start((width, height), &command).unwrap();
        for part in [
            &format!(">shop/{worst} "),
            "ndots 2: 75 %",
            "advice    set ndots to 2 (now 5): saves ",
            &format!("MOST FAILURES: shop/{UNLUCKY}, 100 % of its queries, "),
            "FORWARDING LOOP for names in loop.test.: us -> ",
        ] {
            top.wait_for(part).unwrap();
        }
        // Beside each row, some a second: this one has nothing to change.
        let is_advised = |line: &str| {
            line.contains(&format!(" shop/{UNLUCKY} ")) && line.trim_end().ends_with(" -")
        };
        let advised = || top.screen().lines().any(is_advised);
        assert!(eventually(SOON, advised), "{}", top.screen());
        if let Some(folder) = pictures() {
            std::fs::write(folder.join(format!("top-{width}x{height}.txt")), top.screen()).unwrap();
        }
        top.press("q").unwrap();
        assert!(eventually(SOON, || top.has_ended()), "{}", top.screen());
    }
}

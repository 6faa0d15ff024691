//! What a capture shows of a load: when its packets left.

use testbed::{Capture, Captured, Netns};

use crate::play::must;

/// The seconds since 1970 of all packets, in order.
pub(super) fn times(captured: &Captured) -> Vec<f64> {
    let rows = captured.fields(["frame.time_epoch"]).unwrap();
    let mut times: Vec<f64> = rows.iter().map(|[at]| seconds(at)).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The time of the last packet that the generator sent.
pub(super) fn last_packet(captured: &Captured) -> f64 {
    let rows = captured
        .fields(["frame.time_epoch", "udp.dstport"])
        .unwrap();
    let ours = rows.iter().filter(|[_, port]| port != "9");
    ours.map(|[at, _]| seconds(at)).fold(0.0, f64::max)
}

/// Newer programs print a date, older ones a number.
fn seconds(text: &str) -> f64 {
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number of seconds"))
}

pub(super) fn finish(netns: &Netns, capture: Capture) -> Result<Captured, String> {
    let last = format!("echo -n {LAST} >/dev/udp/127.0.0.1/9");
    must(netns.command("bash").args(["-c", &last]));
    capture
        .finish(LAST.as_bytes())
        .map_err(|error| error.to_string())
}

/// The packet after the last that matters.
const LAST: &str = "the-load-has-ended";

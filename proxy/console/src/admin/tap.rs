//! `/api/v1/tap`: queries as they are answered, a line of JSON each.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::AdminState;
use crate::api::{LineWriter, SkippedLine};
use crate::redact::Redact;
use observe::{
    FilterError, Governor, MAX_RATE, MAX_TAPS, NamePattern, Tap, TapFilter, parse_clients,
    parse_rcodes, parse_types,
};
use resolver::{Clock, unix_time};

/// What a tap is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TapParams {
    client: Option<String>,
    name: Option<String>,
    rcode: Option<String>,
    #[serde(rename = "type")]
    qtype: Option<String>,
    /// Milliseconds.
    min_latency_ms: f64,
    /// Ends after this many.
    limit: u64,
    /// At most this many per second.
    rate: u32,
    redact: Redact,
}

impl Default for TapParams {
    fn default() -> Self {
        Self {
            client: None,
            name: None,
            rcode: None,
            qtype: None,
            min_latency_ms: 0.0,
            limit: u64::MAX,
            rate: MAX_RATE,
            redact: Redact::default(),
        }
    }
}

impl TapParams {
    fn filter(&self) -> Result<TapFilter, FilterError> {
        let clients = self.client.as_deref().map(parse_clients).transpose()?;
        let rcodes = self.rcode.as_deref().map(parse_rcodes).transpose()?;
        let types = self.qtype.as_deref().map(parse_types).transpose()?;
        // A negative time or NaN filters nothing.
        let min_took = Duration::try_from_secs_f64(self.min_latency_ms / 1000.0);
        Ok(TapFilter {
            clients: clients.unwrap_or_default(),
            name: self.name.as_deref().map(NamePattern::parse).transpose()?,
            rcodes: rcodes.unwrap_or_default(),
            types: types.unwrap_or_default(),
            min_took: min_took.unwrap_or_default(),
        })
    }
}

/// Answers with lines until the reader leaves.
pub(super) async fn tap(
    State(state): State<AdminState>,
    Query(params): Query<TapParams>,
) -> Result<Response, (StatusCode, String)> {
    let filter = params.filter();
    let filter = filter.and_then(|filter| {
        let known = state.observer.read(|observer| filter.check(observer));
        known.map(|()| filter)
    });
    let filter = filter.map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}\n")))?;
    let tap = state
        .observer
        .taps()
        .open(filter, Governor::new(params.rate));
    let many = || (StatusCode::TOO_MANY_REQUESTS, format!("{MAX_TAPS} taps are open already\n"));
    let writer = LineWriter {
        epoch_ms: epoch_ms(state.clock),
        upstreams: state.forwarder.upstreams().into(),
        veil: state.pseudonyms.veil(params.redact),
    };
    let lines = TapBody::new(tap.ok_or_else(many)?, writer, params.limit);
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Body::new(lines)).into_response())
}

/// The body of an answer that is sent a line at a time.
#[derive(Debug)]
struct TapBody {
    tap: Tap,
    writer: LineWriter,
    left: u64,
    ticks: Interval,
    /// Ticks since it last wrote anything.
    silent: u32,
    ended: bool,
}

impl TapBody {
    fn new(tap: Tap, writer: LineWriter, limit: u64) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is immediate: a reader sees that it is connected.
        Self { tap, writer, left: limit, ticks, silent: HEARTBEAT, ended: limit == 0 }
    }

    /// Writes the lines that are ready, at most a chunk.
    fn write(&mut self, context: &mut Context<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < CHUNK && !self.ended {
            match self.tap.poll(context) {
                Poll::Pending => break,
                Poll::Ready(None) => self.ended = true,
                Poll::Ready(Some(heard)) => {
                    push(&mut text, &self.writer.line(&heard));
                    self.left -= 1;
                    self.ended = self.left == 0;
                }
            }
        }
        if self.ended || self.ticks.poll_tick(context).is_ready() {
            let skipped = SkippedLine::from(self.tap.skipped());
            let is_due = text.is_empty() && self.silent >= HEARTBEAT;
            if skipped.skipped > 0 || is_due {
                push(&mut text, &skipped);
            }
            self.silent += 1;
        }
        if !text.is_empty() {
            self.silent = 0;
        }
        text
    }
}

impl hyper::body::Body for TapBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            let text = self.write(context);
            if !text.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(text.into()))));
            }
            // A tick without a line: the next one has to wake us.
            if !self.ended && self.ticks.poll_tick(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

fn push(text: &mut Vec<u8>, line: &impl Serialize) {
    // Cannot fail: no map with keys other than text, and a Vec to write to.
    if serde_json::to_writer(&mut *text, line).is_ok() {
        text.push(b'\n');
    }
}

/// The Unix time of the moment zero.
fn epoch_ms(clock: Clock) -> u64 {
    let origin = unix_time().saturating_sub(Duration::from_micros(clock.now().as_micros()));
    u64::try_from(origin.as_millis()).unwrap_or(u64::MAX)
}

/// How often a line has the count of queries left out.
const TICK: Duration = Duration::from_secs(1);

/// Ticks without a line before an empty one: sooner than the listener closes
/// an idle connection.
const HEARTBEAT: u32 = 5;

/// Octets at once: some 60 lines.
const CHUNK: usize = 16 << 10;

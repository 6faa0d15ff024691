//! `fivedots record`: writes the queries of a running proxy for a while, to be played
//! again by `fivedots-loadgen run --replay`.

use std::io::Write;

use tokio::time::timeout;

use crate::args::{RecordArgs, TapArgs};
use crate::tap::{self, TapError};

/// Writes each query to `out` as a line of JSON, until the time is over or the proxy ends.
///
/// # Errors
///
/// As [`tap::run`].
pub async fn run(
    args: &RecordArgs,
    out: &mut impl Write,
    aside: &mut impl Write,
) -> Result<(), TapError> {
    let all = TapArgs {
        proxy: args.proxy.clone(),
        client: args.client.clone(),
        name: None,
        rcode: None,
        qtype: None,
        min_latency: None,
        rate: None,
        limit: None,
        json: true,
    };
    // Between two lines: a line is written at once.
    timeout(args.length, tap::run(&all, out, aside))
        .await
        .unwrap_or(Ok(()))
}

//! `fivedots cache`: what a running proxy has stored under a name, and its removal.

use std::fmt::Write as _;

use serde_json::Value;

use crate::admin_client::{self, AdminClientError};
use crate::api::{CachePage, FlushPage, StoredPage, StoredView};
use crate::args::{CacheCommand, FlushArgs};
use crate::http::encoded;
use crate::words::{count, span};

/// Does what is asked, and returns the text for the person.
///
/// # Errors
///
/// When the proxy cannot be read, or refuses.
pub async fn text(command: &CacheCommand) -> Result<String, AdminClientError> {
    match command {
        CacheCommand::Get { admin, name, json } => {
            let path = format!("/api/v1/cache/entries?name={}", encoded(name));
            if *json {
                let page: Value = admin_client::get(admin, &path).await?;
                return Ok(format!("{page:#}"));
            }
            Ok(stored(&admin_client::get(admin, &path).await?))
        }
        CacheCommand::Flush(args) => {
            let page: FlushPage = admin_client::post(&args.admin, &flush_path(args)).await?;
            Ok(format!("{} removed", answers(page.removed)))
        }
        CacheCommand::Stats { admin } => {
            Ok(stats(&admin_client::get(admin, "/api/v1/cache").await?))
        }
    }
}

fn flush_path(args: &FlushArgs) -> String {
    let what = match (&args.what.name, &args.what.suffix) {
        (Some(name), _) => format!("name={}", encoded(name)),
        (None, Some(zone)) => format!("suffix={}", encoded(zone)),
        (None, None) => "all=true".to_owned(),
    };
    format!("/api/v1/cache/flush?{what}")
}

fn stored(page: &StoredPage) -> String {
    let mut text = String::new();
    if page.answers.is_empty() {
        writeln!(text, "{} is not in the cache", page.name).ok();
    }
    for answer in &page.answers {
        writeln!(text, "{} {}", page.name, headline(answer)).ok();
        for record in &answer.records {
            writeln!(text, "  {record}").ok();
        }
    }
    text
}

fn headline(answer: &StoredView) -> String {
    let StoredView { qtype, rcode, kind, age_s, ttl_s, .. } = answer;
    let (age, ttl) = (span(*age_s), span(*ttl_s));
    let mut line = format!("{qtype}: {rcode} ({kind}), {age} old, ");
    line += &match (answer.stale, *ttl_s) {
        (true, _) => format!("stale, used for {ttl}"),
        (false, 0) => "expired".to_owned(),
        (false, _) => format!("expires in {ttl}"),
    };
    for (set, word) in [(answer.dnssec_ok, "DO"), (answer.checking_disabled, "CD")] {
        if set {
            line += &format!(", for queries with {word}");
        }
    }
    if !answer.reason.is_empty() {
        line += &format!(": {}", answer.reason);
    }
    line
}

fn answers(number: usize) -> String {
    let noun = if number == 1 { "answer" } else { "answers" };
    format!("{} {noun}", count(number as u64))
}

fn stats(page: &CachePage) -> String {
    let usage = &page.usage;
    let mebibytes = |octets: usize| (octets + (1 << 19)) >> 20;
    let total = &page.windows.total;
    format!(
        "{} in {} of {} MiB, {} evicted before they expired\n\
         {} lookups, {:.1} % from the cache; {} queries wait for an upstream\n",
        answers(usage.cache_entries),
        mebibytes(usage.cache_bytes),
        mebibytes(usage.cache_capacity_bytes),
        count(usage.cache_evictions),
        count(total.cache_lookups),
        total.hit_ratio * 100.0,
        count(usage.inflight_waiters as u64),
    )
}

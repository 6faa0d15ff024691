//! The `fivedots` program.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use console::api::Redacted as _;
use console::tap::{self, TapError};
use console::{
    CacheCommand, ProbeCommand, Pseudonyms, RecordArgs, StatsArgs, TapArgs, TopArgs, record, stats,
    top,
};
use diagnose::{Fleet, Outcome, runbook};
use proxy::capabilities::Capabilities;
use proxy::cli::{
    AuditArgs, BundleArgs, Cli, Command, ConfigCommand, DiagnoseArgs, Format, InterceptCommand,
    LogFormat, RunArgs,
};
use proxy::config::{Config, DEFAULTS};
use proxy::evidence::{self, Bundle, Captured};
use proxy::interception;
use proxy::log::Log;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let command = match proxy::cli::parse(std::env::args_os()) {
        Ok(Cli { command }) => command,
        Err(error) => {
            // Help and version are no errors, and go to standard output.
            let code = if error.use_stderr() { USAGE } else { 0 };
            error.print().ok();
            return ExitCode::from(code);
        }
    };
    match command {
        Command::Run(args) => run(&args),
        Command::Stats(args) => stats(&args),
        Command::Tap(args) => tap(&args),
        Command::Record(args) => record(&args),
        Command::Top(args) => top(&args),
        Command::Diagnose(args) => diagnose(&args),
        Command::Bundle(args) => bundle(&args),
        Command::Audit(args) => audit(&args),
        Command::Cache(command) => cache(&command),
        Command::Probe(command) => probe(&command),
        Command::Intercept(command) => intercept(&command),
        Command::Config(ConfigCommand::Check { file }) => check(&file),
        Command::Config(ConfigCommand::Defaults) => say(DEFAULTS.trim_end()),
    }
}

fn run(args: &RunArgs) -> ExitCode {
    // Threads have those of the thread that started them, so before any.
    let capabilities = Capabilities::raise();
    let config = match Config::load(args) {
        Ok(config) => config,
        Err(error) => return fail(CONFIG, &error),
    };
    let log = match log_to_stderr(config.log_format) {
        Ok(log) => log,
        Err(error) => return fail(RUN, &format_args!("cannot start the log: {error}")),
    };
    capabilities.log();
    let outcome = proxy::app::run(config, args, &log);
    log.flush(LAST_LINES);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(RUN, &format_args!("{error:#}")),
    }
}

fn stats(args: &StatsArgs) -> ExitCode {
    match wait_for(stats::text(args)) {
        Ok(Ok(text)) => say(text.trim_end()),
        Ok(Err(error)) => fail(RUN, &error),
        Err(error) => fail(RUN, &error),
    }
}

fn diagnose(args: &DiagnoseArgs) -> ExitCode {
    if args.fleet.all_nodes {
        return diagnose_all(args);
    }
    if let Some(file) = &args.pcap {
        return diagnose_capture(args, file);
    }
    // The connection table is read by netlink, which needs CAP_NET_ADMIN.
    Capabilities::raise();
    let bundles: Result<Vec<_>, _> = args
        .bundle
        .iter()
        .map(|file| evidence::read(file))
        .collect();
    // One for all, so that who is in two bundles has one pseudonym.
    let veil = Pseudonyms::default().veil(args.redact.unwrap_or_default());
    let mut bundles = match bundles {
        Ok(bundles) => bundles
            .into_iter()
            .map(|bundle| bundle.evidence.redacted(&veil)),
        Err(error) => return fail(CONFIG, &format_args!("{error:#}")),
    };
    if bundles.len() > 1 {
        let fleet = Fleet::judge(&bundles.collect::<Vec<_>>());
        return judged(args.format, &fleet, &fleet, fleet.outcome());
    }
    let evidence = match bundles.next() {
        Some(evidence) => evidence,
        None => match wait_for(evidence::gather(&args.whom)) {
            Ok(evidence) => evidence.redacted(&veil),
            Err(error) => return fail(RUN, &error),
        },
    };
    let signals = if args.runbook { runbook(&evidence) + "\n" } else { String::new() };
    let (verdict, bundle) = evidence::judged(evidence);
    judged(args.format, &format_args!("{signals}{verdict}"), &bundle, verdict.outcome)
}

fn diagnose_capture(args: &DiagnoseArgs, file: &Path) -> ExitCode {
    let captured = match evidence::read_capture(file, &args.whom.cluster_domain) {
        Ok(captured) => captured,
        Err(error) => return fail(CONFIG, &format_args!("{error:#}")),
    };
    let veil = Pseudonyms::default().veil(args.redact.unwrap_or_default());
    let Captured { evidence, view } = captured.redacted(&veil);
    let signals = if args.runbook { runbook(&evidence) + "\n" } else { String::new() };
    let (verdict, bundle) = evidence::judged(evidence);
    let text = format!("{signals}{verdict}\n{view}");
    let bundle = Bundle { capture: Some(view), ..bundle };
    judged(args.format, &text, &bundle, verdict.outcome)
}

#[cfg(feature = "kubernetes")]
fn diagnose_all(args: &DiagnoseArgs) -> ExitCode {
    let kubeconfig = args.whom.kubeconfig.clone();
    let redact = args.redact.unwrap_or_default();
    match wait_for(evidence::judge_all(&args.fleet, kubeconfig, redact)) {
        Ok(Ok(fleet)) => judged(args.format, &fleet, &fleet, fleet.outcome()),
        Ok(Err(error)) => fail(RUN, &format_args!("{error:#}")),
        Err(error) => fail(RUN, &error),
    }
}

#[cfg(not(feature = "kubernetes"))]
fn diagnose_all(_: &DiagnoseArgs) -> ExitCode {
    fail(RUN, &WITHOUT_KUBERNETES)
}

fn bundle(args: &BundleArgs) -> ExitCode {
    // As `diagnose`.
    Capabilities::raise();
    let ticket = match wait_for(evidence::ticket(&args.whom, args.redact.unwrap_or_default())) {
        Ok(ticket) => ticket,
        Err(error) => return fail(RUN, &error),
    };
    let text = match ticket.to_json() {
        Ok(text) => text,
        Err(error) => return fail(RUN, &format_args!("{error:#}")),
    };
    let Some(file) = &args.output else {
        writeln!(io::stderr(), "{ticket}").ok();
        return say(&text);
    };
    match std::fs::write(file, text + "\n") {
        Ok(()) => say(&format!("{ticket}\nfile      {}", file.display())),
        Err(error) => fail(RUN, &format_args!("cannot write {}: {error}", file.display())),
    }
}

#[cfg(feature = "kubernetes")]
fn audit(args: &AuditArgs) -> ExitCode {
    match wait_for(proxy::audit::audit(args)) {
        Ok(Ok(audit)) => judged(args.format, &audit, &audit, audit.outcome),
        Ok(Err(error)) => fail(RUN, &format_args!("{error:#}")),
        Err(error) => fail(RUN, &error),
    }
}

#[cfg(not(feature = "kubernetes"))]
fn audit(_: &AuditArgs) -> ExitCode {
    fail(RUN, &WITHOUT_KUBERNETES)
}

/// Prints a verdict, and ends by its outcome.
fn judged(
    format: Format,
    text: &dyn std::fmt::Display,
    json: &impl serde::Serialize,
    outcome: Outcome,
) -> ExitCode {
    let text = match format {
        Format::Text => Ok(text.to_string()),
        Format::Json => serde_json::to_string_pretty(json),
    };
    match text.map(|text| say(text.trim_end())) {
        Ok(ExitCode::SUCCESS) => ExitCode::from(evidence::exit_status(outcome)),
        Ok(failed) => failed,
        Err(error) => fail(RUN, &error),
    }
}

fn cache(command: &CacheCommand) -> ExitCode {
    match wait_for(console::cache::text(command)) {
        Ok(Ok(text)) => say(text.trim_end()),
        Ok(Err(error)) => fail(RUN, &error),
        Err(error) => fail(RUN, &error),
    }
}

fn probe(command: &ProbeCommand) -> ExitCode {
    match wait_for(console::probe::text(command)) {
        Ok(Ok(text)) => say(text.trim_end()),
        Ok(Err(error)) => fail(RUN, &error),
        Err(error) => fail(RUN, &error),
    }
}

fn intercept(command: &InterceptCommand) -> ExitCode {
    // Rules are read by netlink, and in a Pod CAP_NET_ADMIN is only permitted.
    Capabilities::raise();
    let text = match command {
        InterceptCommand::Status => interception::show(),
        InterceptCommand::Remove { check: true } => interception::show_removal(),
        InterceptCommand::Remove { check: false } => interception::remove(),
    };
    match text {
        Ok(text) => say(text.trim_end()),
        Err(error) => fail(RUN, &format_args!("{error:#}")),
    }
}

fn top(args: &TopArgs) -> ExitCode {
    if top::is_live(args) {
        return match wait_for(top::live(args)).flatten() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(RUN, &error),
        };
    }
    match wait_for(top::once(args)) {
        Ok(Ok(text)) => say(text.trim_end()),
        Ok(Err(error)) => fail(RUN, &error),
        Err(error) => fail(RUN, &error),
    }
}

fn tap(args: &TapArgs) -> ExitCode {
    let (mut out, mut aside) = (io::stdout(), io::stderr());
    match wait_for(tap::run(args, &mut out, &mut aside)) {
        // `fivedots tap | head` has seen enough.
        Ok(Ok(()) | Err(TapError::Output(_))) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(RUN, &error),
        Err(error) => fail(RUN, &error),
    }
}

fn record(args: &RecordArgs) -> ExitCode {
    let (mut out, mut aside) = (io::stdout(), io::stderr());
    match wait_for(record::run(args, &mut out, &mut aside)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(RUN, &error),
        Err(error) => fail(RUN, &error),
    }
}

fn wait_for<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work))
}

fn check(file: &Path) -> ExitCode {
    match Config::check(file) {
        Ok(_) => say(&format!("{}: valid", file.display())),
        Err(error) => fail(CONFIG, &error),
    }
}

/// `RUST_LOG` sets what is logged; by default only changes of state are.
fn log_to_stderr(format: LogFormat) -> io::Result<Log> {
    let report = |lost| tracing::warn!(lost, "log lines were lost: nothing read standard error");
    let log = Log::start(io::stderr(), report)?;
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log.clone());
    match format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().init(),
    }
    // The hook of the standard library writes to standard error itself.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, "a thread panicked");
    }));
    Ok(log)
}

fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(RUN),
    }
}

fn fail(code: u8, error: &dyn std::fmt::Display) -> ExitCode {
    // There is nowhere left to report a failure.
    writeln!(io::stderr(), "error: {error}").ok();
    ExitCode::from(code)
}

#[cfg(not(feature = "kubernetes"))]
const WITHOUT_KUBERNETES: &str = "this program was built without the feature `kubernetes`";

/// How long the last lines have to be written.
const LAST_LINES: Duration = Duration::from_millis(200);

const RUN: u8 = 1;
/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;
/// `EX_CONFIG` of sysexits.h.
const CONFIG: u8 = 78;

//! The program in this process, whose clients are named by the test: outside of
//! it that takes an API server.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use console::AdminAddr;
use observe::Identity;
use proxy::app::App;
use proxy::cli::RunArgs;
use proxy::config::Config;
use proxy::log::Log;
use tokio::runtime::Runtime;

/// A running proxy of one client thread.
pub(crate) struct Node {
    pub(crate) admin: SocketAddr,
    /// Until it is drained.
    app: Option<App>,
    runtime: Runtime,
}

/// A log of its own, which nothing else writes to.
fn log() -> Log {
    Log::start(std::io::stderr(), |_| ()).unwrap()
}

impl Node {
    /// Starts one with a forward zone for each suffix.
    pub(crate) fn start(listen: SocketAddr, zones: &[(&str, SocketAddr)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let app = runtime
            .block_on(App::start(&config(listen, zones), &log()))
            .unwrap();
        let AdminAddr::Tcp(admin) = *app.admin() else { panic!("{:?}", app.admin()) };
        Self { admin, app: Some(app), runtime }
    }

    /// Sets whose addresses these are.
    pub(crate) fn identify(&self, named: impl IntoIterator<Item = (IpAddr, Identity)>) {
        let named = named.into_iter();
        let observer = self.app.as_ref().unwrap().observer();
        observer.identify(named.map(|(addr, identity)| (addr, Some(Arc::new(identity)))));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            self.runtime.block_on(app.drain());
        }
    }
}

/// With the search list that the kubelet writes into the Pods of the namespace
/// `shop`.
fn config(listen: SocketAddr, zones: &[(&str, SocketAddr)]) -> Config {
    let mut text = format!(
        "version = 1\nlisten = [\"{listen}\"]\nworkers = 1\n\
         metrics = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n"
    );
    for (suffix, upstream) in zones {
        write!(text, "[[zone]]\nsuffix = {suffix:?}\nupstreams = [\"{upstream}\"]\n").unwrap();
    }
    let domains = crate::cluster::DOMAINS;
    write!(
        text,
        "[[observe.search]]\nclients = \"127.0.0.0/8\"\ndomains = {domains:?}\nndots = 5\n"
    )
    .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    Config::load(&RunArgs { config: Some(file.path().to_owned()), ..RunArgs::default() }).unwrap()
}

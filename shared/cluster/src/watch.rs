//! The watch of a kind of object: a list, then each change.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::api::{ListParams, Request, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use crate::object::List;

/// What is made of the objects of one kind.
pub trait Subject: Send {
    /// One of them, with what is read of it.
    type Object: Clone + DeserializeOwned + std::fmt::Debug + Send + 'static;
    /// What its watchers want to know.
    type Change: Send;

    /// What the log calls them.
    const WHAT: &'static str;

    /// Where they are listed.
    fn path(&self) -> String;

    /// Which of them are asked for, as selectors of fields and of labels.
    fn selectors(&self) -> (Option<String>, Option<String>);

    /// Whether there may be more than one page of them.
    fn is_long(&self) -> bool;

    /// Returns the version of an object, from which a watch goes on.
    fn version(object: &Self::Object) -> &str;

    /// A list of all begins.
    fn list_begins(&mut self);

    /// The list is over: what it did not name is gone.
    fn list_ends(&mut self) -> Vec<Self::Change>;

    /// Takes an object as it is now.
    fn apply(&mut self, object: &Self::Object) -> Vec<Self::Change>;

    /// Takes the end of an object.
    fn delete(&mut self, object: &Self::Object) -> Vec<Self::Change>;

    /// Returns how many there are.
    fn count(&self) -> usize;
}

/// What the watch is doing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// All changes arrive.
    Watching,
    /// The API cannot be reached, or refuses: why.
    Away(String),
}

/// An event of the watch.
#[derive(Debug)]
pub enum Update<C> {
    /// What has changed.
    Changes(Vec<C>),
    /// What the watch is doing from now on; only when that changes.
    State(State),
}

/// Why a watch cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Neither a service account nor a kubeconfig that can be used.
    #[error("cannot find out how to reach the Kubernetes API: {0}")]
    Config(String),
    /// The client cannot be made.
    #[error("cannot make a client of the Kubernetes API: {0}")]
    Client(#[source] kube::Error),
}

/// A watch of the objects of one kind.
pub struct Watch<S> {
    client: Client,
    subject: S,
    is_watching: bool,
    failures: u32,
}

impl<S: Subject> Watch<S> {
    /// Prepares to watch, with the service account of the pod that we are, or
    /// with a kubeconfig.
    ///
    /// # Errors
    ///
    /// When neither has a way to reach the API. That it does not answer is no
    /// error: it is tried again.
    pub async fn new(subject: S, kubeconfig: Option<PathBuf>) -> Result<Self, WatchError> {
        // Bookmarks come every minute: a connection that is silent for longer
        // is dead, though nothing closed it.
        let client = client(kubeconfig, SILENCE).await?;
        Ok(Self { client, subject, is_watching: false, failures: 0 })
    }

    /// Watches for ever, and sends each change.
    pub async fn run(mut self, mut tell: impl FnMut(Update<S::Change>)) {
        let mut from = None;
        loop {
            let outcome = match from.take() {
                None => self.list(&mut tell).await.map(Some),
                Some(version) => self.watch(version, &mut tell).await,
            };
            match outcome {
                Ok(next) => {
                    from = next;
                    // An API that ends watches at once is not asked again at once.
                    sleep(BETWEEN).await;
                }
                Err(failed) => {
                    self.away(&failed.error, &mut tell);
                    from = failed.from;
                    sleep(self.pause()).await;
                }
            }
        }
    }

    /// Reads all objects; returns the version that they are of.
    async fn list(&mut self, tell: &mut impl FnMut(Update<S::Change>)) -> Result<String, Failed> {
        let (field_selector, label_selector) = self.subject.selectors();
        let page = ListParams { field_selector, label_selector, ..ListParams::default() };
        let mut page = match self.subject.is_long() {
            // One page from the API server's memory, as the kubelet does.
            false => page.match_any(),
            true => page.limit(PAGE),
        };
        self.subject.list_begins();
        loop {
            let request = Request::new(self.subject.path());
            let request = request.list(&page).map_err(Failed::unsent)?;
            let list = self.client.request::<List<S::Object>>(request);
            let list = timeout(LIST, list).await.map_err(|_| Failed::late())??;
            let changes = list
                .items
                .iter()
                .flat_map(|object| self.subject.apply(object));
            tell(Update::Changes(changes.collect()));
            if list.metadata.next.is_empty() {
                tell(Update::Changes(self.subject.list_ends()));
                return Ok(list.metadata.resource_version);
            }
            page.continue_token = Some(list.metadata.next);
        }
    }

    /// Takes changes until the API ends the watch, as it does every few
    /// minutes. Returns what to go on from; `None` if all has to be read again.
    async fn watch(
        &mut self,
        mut version: String,
        tell: &mut impl FnMut(Update<S::Change>),
    ) -> Result<Option<String>, Failed> {
        let (field_selector, label_selector) = self.subject.selectors();
        let params = WatchParams { field_selector, label_selector, ..WatchParams::default() };
        let request = Request::new(self.subject.path());
        let request = request.watch(&params, &version).map_err(Failed::unsent)?;
        let events = self.client.request_events::<S::Object>(request).await;
        let events = match events {
            Ok(events) => events,
            Err(error) => return Failed::or_gone(error, version),
        };
        self.back(tell);
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            let changes = match event {
                Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                    S::version(&object).clone_into(&mut version);
                    self.subject.apply(&object)
                }
                Ok(WatchEvent::Deleted(object)) => {
                    S::version(&object).clone_into(&mut version);
                    self.subject.delete(&object)
                }
                Ok(WatchEvent::Bookmark(bookmark)) => {
                    version = bookmark.metadata.resource_version;
                    continue;
                }
                Ok(WatchEvent::Error(status)) => {
                    return Failed::or_gone(kube::Error::Api(status), version);
                }
                // Objects that never change may have no bookmarks either. Whether the API
                // is away shows with the next request.
                Err(error) if chain(&error).contains("timed out") => return Ok(Some(version)),
                Err(error) => return Failed::or_gone(error, version),
            };
            if !changes.is_empty() {
                tell(Update::Changes(changes));
            }
        }
        Ok(Some(version))
    }

    fn back(&mut self, tell: &mut impl FnMut(Update<S::Change>)) {
        self.failures = 0;
        if !self.is_watching {
            self.is_watching = true;
            let (count, what) = (self.subject.count(), S::WHAT);
            tracing::info!(count, "{what} listed from the Kubernetes API");
            tell(Update::State(State::Watching));
        }
    }

    fn away(&mut self, error: &str, tell: &mut impl FnMut(Update<S::Change>)) {
        if self.is_watching || self.failures == 0 {
            self.is_watching = false;
            tracing::warn!(error, "the Kubernetes API does not list {}", S::WHAT);
            tell(Update::State(State::Away(error.to_owned())));
        }
        self.failures = self.failures.saturating_add(1);
    }

    /// Longer after each failure, and for each node another time: an API server
    /// that comes back is not met by all of them at once.
    fn pause(&self) -> Duration {
        let longest = FIRST_PAUSE * 2_u32.pow(self.failures.saturating_sub(1).min(DOUBLINGS));
        longest.mul_f64(rand::random_range(0.5..1.0))
    }
}

/// A request that came to nothing.
struct Failed {
    error: String,
    /// What to go on from once the API is back; `None` to read all.
    from: Option<String>,
}

impl Failed {
    fn late() -> Self {
        Self { error: "no answer in time".to_owned(), from: None }
    }

    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    fn unsent(error: kube::core::request::Error) -> Self {
        Self { error: error.to_string(), from: None }
    }

    /// A version that the API has forgotten (410 Gone) is no failure: all is
    /// read again.
    fn or_gone(error: kube::Error, version: String) -> Result<Option<String>, Self> {
        match error {
            kube::Error::Api(status) if status.code == GONE => Ok(None),
            error => Err(Self { error: words(&error), from: Some(version) }),
        }
    }
}

impl From<kube::Error> for Failed {
    fn from(error: kube::Error) -> Self {
        Self { error: words(&error), from: None }
    }
}

/// A client with the service account of the pod that we are, or with a kubeconfig, for
/// which a connection that is silent for so long is dead.
pub(crate) async fn client(
    kubeconfig: Option<PathBuf>,
    silence: Duration,
) -> Result<Client, WatchError> {
    let access = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                .await
                .map_err(|error| unusable(&error))?
        }
        None => Config::incluster().map_err(|error| unusable(&error))?,
    };
    client_of(access, silence)
}

/// A client of a person: with a kubeconfig, or else where kubectl finds one (`KUBECONFIG`,
/// `~/.kube/config`), or else with the service account of the pod that we are.
pub(crate) async fn client_of_person(
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    silence: Duration,
) -> Result<Client, WatchError> {
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let named = kubeconfig.is_some() || options.context.is_some();
    let file = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let access = match file {
        Ok(file) => Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|error| unusable(&error))?,
        Err(error) if named => return Err(unusable(&error)),
        Err(error) => Config::incluster().map_err(|_| unusable(&error))?,
    };
    client_of(access, silence)
}

fn client_of(mut access: Config, silence: Duration) -> Result<Client, WatchError> {
    access.connect_timeout = Some(CONNECT);
    access.read_timeout = Some(silence);
    Client::try_from(access).map_err(WatchError::Client)
}

fn unusable(error: &dyn std::error::Error) -> WatchError {
    WatchError::Config(chain(error))
}

/// An error of a request: the sentence of the API server where it is one of its own.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => chain(error),
    }
}

/// An error with its causes: only the last one has "connection refused".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// `http.StatusGone`: the version of a watch is too old.
const GONE: u16 = 410;

/// Objects of a page: of pods some 5 MB as they are sent.
const PAGE: u32 = 500;

/// What happens meanwhile comes with the next list: nothing is lost.
const BETWEEN: Duration = Duration::from_millis(200);

const CONNECT: Duration = Duration::from_secs(5);
const LIST: Duration = Duration::from_secs(60);

/// Twice the API server's interval between bookmarks, and a little.
const SILENCE: Duration = Duration::from_secs(130);

/// At most 16 s between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const DOUBLINGS: u32 = 5;

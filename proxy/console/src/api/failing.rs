//! Names that fail, for whom, and what fails.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::next_step::NextStep;
use super::text_of;
use super::windowed::Windowed;
use observe::{FailingName, FailingNames, NameFailure, Observer, Windows, Workload, failing_now};
use resolver::Origin;

/// What fails for a client, a workload or the node now.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FailingNow {
    /// The label of the origin.
    pub origin: String,
    /// What it means, in a sentence.
    pub meaning: String,
}

/// A name that fails for a workload.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FailingNameView {
    /// The name.
    pub name: String,
    /// For whom; an address with no known pod is a workload of kind `address`.
    pub workload: Workload,
    /// The clients, in order.
    pub clients: Vec<IpAddr>,
    /// The types whose queries fail, such as `A, AAAA`.
    pub types: String,
    /// Its failed responses, by window; `total` since it is listed.
    #[serde(flatten)]
    pub failed: Windowed<u64>,
    /// What fails now: the label of the origin.
    pub origin: String,
    /// What it means, in a sentence.
    pub meaning: String,
    /// The upstream that failed.
    pub upstream: Option<SocketAddr>,
    /// The RCODE that clients get.
    pub rcode: String,
    /// The error of the system with which answers could not be sent; null without one.
    pub error: Option<String>,
    /// Seconds since the first of the failures that followed one another within a
    /// minute.
    pub since_s: u64,
    /// Seconds since the last failure.
    pub last_s: u64,
    /// What to check next.
    pub next: NextStep,
}

/// A name of one workload, its clients put together.
#[derive(Debug)]
struct Group<'a> {
    failing: FailingNames,
    clients: HashMap<&'a [u8], Vec<IpAddr>>,
}

impl FailingNow {
    /// Reads what fails now among responses by origin.
    pub(super) fn of(origins: &Windows<{ Origin::COUNT }>, observer: &Observer) -> Option<Self> {
        let origin = failing_now(origins, observer.now())?;
        Some(Self { origin: origin.label().to_owned(), meaning: origin.meaning().to_owned() })
    }
}

impl FailingNameView {
    /// Takes the `limit` names that fail most, each for each workload.
    pub(super) fn all(observer: &Observer, limit: usize) -> Vec<Self> {
        let mut groups: HashMap<Arc<Workload>, Group<'_>> = HashMap::new();
        for (addr, client) in observer.clients().iter() {
            if client.failing().iter().next().is_none() {
                continue;
            }
            let workload = client.identity().map_or_else(
                || Arc::new(Workload::of_addr(*addr)),
                |identity| Arc::clone(&identity.workload),
            );
            let group = groups.entry(workload).or_insert_with(|| Group {
                failing: FailingNames::default(),
                clients: HashMap::new(),
            });
            group.failing.merge(client.failing());
            for (name, _) in client.failing().iter() {
                group.clients.entry(name).or_default().push(*addr);
            }
        }
        let of = |(workload, group): (&Arc<Workload>, &Group<'_>)| {
            Self::of(&group.failing, workload, observer, |name| {
                group.clients.get(name).cloned().unwrap_or_default()
            })
        };
        sorted(groups.iter().flat_map(of).collect(), limit)
    }

    /// Takes the names that fail for one workload or client; `who` are the clients
    /// of a name.
    pub(super) fn of(
        failing: &FailingNames,
        workload: &Workload,
        observer: &Observer,
        who: impl Fn(&[u8]) -> Vec<IpAddr>,
    ) -> Vec<Self> {
        let view = |(name, failures): (&[u8], &FailingName)| {
            let mut clients = who(name);
            clients.sort_unstable();
            Self::view((text_of(name), workload.clone(), clients), failures, observer)
        };
        sorted(failing.iter().filter_map(view).collect(), usize::MAX)
    }

    fn view(
        (name, workload, clients): (String, Workload, Vec<IpAddr>),
        failures: &FailingName,
        observer: &Observer,
    ) -> Option<Self> {
        let now = observer.now();
        let NameFailure { origin, upstream, rcode, errno, since, last, .. } = failures.now(now)?;
        let upstream = upstream.and_then(|number| observer.upstream_addr(number));
        Some(Self {
            next: NextStep::of(*origin, &name, upstream),
            name,
            workload,
            clients,
            types: failures.types().text(),
            failed: Windowed::each(|window| failures.failed(window, now)),
            origin: origin.label().to_owned(),
            meaning: origin.meaning().to_owned(),
            upstream,
            rcode: rcode.to_string(),
            error: (*errno > 0).then(|| error_text(*errno)),
            since_s: now.saturating_since(*since).as_secs(),
            last_s: now.saturating_since(*last).as_secs(),
        })
    }

    /// Replaces the name, and with it the command that has it.
    pub(super) fn rename(&mut self, name: String) {
        let origin = Origin::ALL
            .iter()
            .find(|origin| origin.label() == self.origin);
        if let Some(origin) = origin {
            self.next = NextStep::of(*origin, &name, self.upstream);
        }
        self.name = name;
    }

    /// Failures of the last ten seconds to a minute: what a list is sorted by.
    fn weight(&self) -> (u64, u64, Reverse<u64>) {
        let Windowed { minute, total, .. } = self.failed;
        (minute, total, Reverse(self.last_s))
    }
}

fn sorted(mut views: Vec<FailingNameView>, limit: usize) -> Vec<FailingNameView> {
    views.sort_by(|a, b| {
        b.weight()
            .cmp(&a.weight())
            .then_with(|| (&a.name, &a.workload).cmp(&(&b.name, &b.workload)))
    });
    views.truncate(limit);
    views
}

/// The system's text for an error, without its number.
fn error_text(errno: u8) -> String {
    let text = std::io::Error::from_raw_os_error(errno.into()).to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

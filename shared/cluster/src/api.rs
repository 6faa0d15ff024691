//! The API, asked once for what there is at one moment.

use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use kube::api::{GetParams, ListParams, Request};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::object::List;
use crate::watch::{WatchError, client, client_of_person, words};

/// The API, to be asked once.
pub struct Api {
    pub(crate) client: Client,
    /// For each answer.
    patience: Duration,
}

impl Api {
    /// Prepares to ask, with the service account of the pod that we are, or with a
    /// kubeconfig.
    ///
    /// # Errors
    ///
    /// When neither has a way to reach the API.
    pub async fn new(kubeconfig: Option<PathBuf>) -> Result<Self, WatchError> {
        Ok(Self { client: client(kubeconfig, PATIENCE).await?, patience: PATIENCE })
    }

    /// Prepares to ask as a person does, for long lists: with a kubeconfig and a context of
    /// it, or with what kubectl would take, or with the service account of the pod.
    ///
    /// # Errors
    ///
    /// When none of them has a way to reach the API.
    pub async fn of_person(
        kubeconfig: Option<PathBuf>,
        context: Option<String>,
    ) -> Result<Self, WatchError> {
        let client = client_of_person(kubeconfig, context, LONG).await?;
        Ok(Self { client, patience: LONG })
    }

    /// Lists all objects at a path, a page after another, and makes something of each.
    pub(crate) async fn each<T: Clone + DeserializeOwned>(
        &self,
        path: &str,
        labels: Option<&str>,
        mut take: impl FnMut(T),
    ) -> Result<(), String> {
        let mut page =
            ListParams { label_selector: labels.map(str::to_owned), ..Default::default() };
        page = page.limit(PAGE);
        loop {
            let request = Request::new(path)
                .list(&page)
                .map_err(|error| error.to_string())?;
            let list = timeout(self.patience, self.client.request::<List<T>>(request)).await;
            let list = list
                .map_err(|_| LATE.to_owned())?
                .map_err(|error| words(&error))?;
            list.items.into_iter().for_each(&mut take);
            if list.metadata.next.is_empty() {
                return Ok(());
            }
            page.continue_token = Some(list.metadata.next);
        }
    }

    /// Lists all objects at a path.
    pub(crate) async fn list<T: Clone + DeserializeOwned>(
        &self,
        path: String,
        labels: Option<&str>,
    ) -> Result<Vec<T>, String> {
        let mut all = Vec::new();
        self.each(&path, labels, |object| all.push(object)).await?;
        Ok(all)
    }

    /// Reads one object.
    pub(crate) async fn get<T: Clone + DeserializeOwned>(&self, path: String) -> Result<T, String> {
        let (base, name) = path.rsplit_once('/').unwrap_or_default();
        let request = Request::new(base).get(name, &GetParams::default());
        let request = request.map_err(|error| error.to_string())?;
        let object = timeout(self.patience, self.client.request::<T>(request)).await;
        let object = object.map_err(|_| LATE.to_owned())?;
        object.map_err(|error| words(&error))
    }
}

/// For each answer: what is asked is small, and a verdict is to be there in ten seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// For each page of a long list.
const LONG: Duration = Duration::from_secs(30);

/// Objects of a page: of pods some 5 MB as they are sent.
const PAGE: u32 = 500;

const LATE: &str = "no answer in time";

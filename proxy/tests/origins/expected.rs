//! What the proxy must say of a failure, and whether it does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ::console::api::FailurePage;
use resolver::Origin;
use testbed::client::ResponseCode;
use testbed::http::{Response, get};
use testbed::{Fivedots, eventually};

use crate::SOON;
use crate::asker::{Told, ask, names};

/// What must be told of each of a hundred failures.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) origin: Origin,
    pub(crate) rcode: ResponseCode,
    /// INFO-CODE and EXTRA-TEXT.
    pub(crate) error: Option<(u16, String)>,
}

impl Expected {
    pub(crate) fn servfail(origin: Origin, code: u16, text: String) -> Self {
        Self { origin, rcode: ResponseCode::ServFail, error: Some((code, text)) }
    }

    pub(crate) fn refused(origin: Origin, error: Option<(u16, String)>) -> Self {
        Self { origin, rcode: ResponseCode::Refused, error }
    }

    /// Asks for a hundred names of `zone`, and compares.
    pub(crate) fn check(&self, proxy: &Fivedots, zone: &str) {
        let suffix = if zone == "." { "test." } else { zone };
        let told = ask(proxy.listen, CLIENT, &names(HUNDRED, suffix));
        self.compare_told(&told);
        self.compare_pages(proxy, zone);
    }

    /// The same where others may ask and fail in the same way.
    pub(crate) fn check_client(&self, proxy: &Fivedots) {
        self.compare_told(&ask(proxy.listen, CLIENT, &names(HUNDRED, "test.")));
        self.compare_client(proxy);
    }

    /// What the answers say.
    pub(crate) fn compare_told(&self, told: &[Told]) {
        let all = vec![Told { rcode: self.rcode, error: self.error.clone() }; HUNDRED.into()];
        let right = told.iter().zip(&all).filter(|(a, b)| a == b).count();
        println!("{:<17} {right} of {HUNDRED} answers: {:?}", self.label(), self.error);
        let other: BTreeMap<_, usize> = told.iter().filter(|told| **told != all[0]).fold(
            BTreeMap::new(),
            |mut counts, told| {
                *counts.entry(format!("{told:?}")).or_default() += 1;
                counts
            },
        );
        assert_eq!((right, other), (usize::from(HUNDRED), BTreeMap::new()));
    }

    /// What the page of failures says of the client, the zone and the node.
    fn compare_pages(&self, proxy: &Fivedots, zone: &str) {
        let page = self.compare_client(proxy);
        let of_node = page.origins.iter().find(|view| view.origin == self.label());
        assert_eq!(of_node.unwrap().responses.total, u64::from(HUNDRED));
        let of_zone = page.zones.iter().find(|view| view.zone == zone).unwrap();
        assert_eq!(of_zone.failures.get(self.label()), Some(&u64::from(HUNDRED)));
    }

    /// What the page of failures says of the client alone: others may have failed
    /// in the same way. Returns the page.
    pub(crate) fn compare_client(&self, proxy: &Fivedots) -> FailurePage {
        let mut page = page(proxy);
        let all_known = || {
            page = self::page(proxy);
            of_client(&page).values().sum::<u64>() >= u64::from(HUNDRED)
        };
        assert!(eventually(SOON, all_known), "{page:#?}");
        println!("{:<17} on the page: {:?}", self.label(), of_client(&page));
        let hundred = BTreeMap::from([(self.label().to_owned(), u64::from(HUNDRED))]);
        assert_eq!(of_client(&page), hundred);
        page
    }

    fn label(&self) -> &'static str {
        self.origin.label()
    }
}

/// How its client's failures are classified.
fn of_client(page: &FailurePage) -> BTreeMap<String, u64> {
    let mut clients = page.clients.iter();
    let client = clients.find(|client| client.client == CLIENT);
    client.map_or_else(BTreeMap::new, |client| client.failures.clone())
}

fn page(proxy: &Fivedots) -> FailurePage {
    let Response { status, body, .. } = get(proxy.admin, "/api/v1/failures");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Names in each test.
pub(crate) const HUNDRED: u16 = 100;

/// Who asks for them.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Who else asks something, so that the proxy or an upstream is busy.
pub(crate) const OTHER_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

//! What somebody sees who may see neither names nor clients.

use std::time::Duration;

use serde_json::json;
use testbed::Browser;

use crate::look::SOON;

/// From the node to a workload and to its Pod, and whenever newer figures come:
/// pseudonyms, of which each is found again.
pub(crate) fn shows_nobody(browser: &mut Browser, origin: &str) {
    browser
        .open(&format!("{origin}?window=total&redact=names,clients"))
        .unwrap();
    // What was loaded may be the page before, which was still to come.
    let there =
        "location.search.includes('redact=') && document.getElementById('coverage') !== null";
    browser.wait_for(there, SOON).unwrap();
    shows_pseudonyms(browser);
    let changed = "window.before = document.querySelector('#verdict').innerHTML;
        document.querySelector('#verdict').dataset.marked = 'yes'";
    browser.eval(changed).unwrap();
    browser
        .wait_for(
            "document.querySelector('#verdict').dataset.marked === undefined",
            Duration::from_secs(30),
        )
        .unwrap();
    shows_pseudonyms(browser);
    for (links, at) in [
        ("#waste-table a[href*=workloads]", "workloads/client-"),
        ("#pod-table a", "clients/2001:db8:"),
        ("h1 a", "?redact="),
    ] {
        let click = format!("document.querySelector('{links}').click()");
        browser.eval(&click).unwrap();
        let there = format!(
            "location.href.startsWith('{origin}{at}') && document.querySelector('footer') !== null"
        );
        browser.wait_for(&there, SOON).unwrap();
        shows_pseudonyms(browser);
    }
}

fn shows_pseudonyms(browser: &mut Browser) {
    let secrets = ["shop", "checkout", "payments", "127.20.", "127.21.", "example", "loop.test"];
    // Attributes are in it too, as the targets of links.
    let told = format!(
        "{secrets:?}.filter((secret) => document.documentElement.outerHTML.includes(secret))"
    );
    assert_eq!(browser.eval(&told).unwrap(), json!([]));
    let hidden = "['2001:db8:', 'client-'].some((word) => document.body.innerText.includes(word))";
    assert_eq!(browser.eval(hidden).unwrap(), true);
}

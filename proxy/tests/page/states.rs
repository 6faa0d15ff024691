//! Without figures: nobody has asked, nobody answers, nobody is known.

use std::process::Command;
use std::time::Duration;

use testbed::http::{Response, get};
use testbed::{Browser, Component, Fivedots, eventually, fivedots, have, query};
use upstream::Upstream;

use crate::{PROGRAM, is_content, picture};

fn proxy() -> (Upstream, Fivedots) {
    let upstream = Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1")
        .start()
        .unwrap();
    let proxy = Fivedots::configured(upstream.addr(), "");
    (upstream, proxy)
}

#[test]
fn a_node_without_clients_says_so_and_then_counts() {
    if !have(Component::Browser) {
        return;
    }
    let (_upstream, proxy) = proxy();
    let mut browser = Browser::start().unwrap();
    let origin = format!("http://{}/", proxy.admin);
    browser.resize(1280, 900).unwrap();
    browser.open(&origin).unwrap();
    let text = browser
        .eval("document.getElementById('main').innerText")
        .unwrap();
    assert!(text.as_str().unwrap().contains("No queries yet"), "{text}");
    picture(&mut browser, "empty");
    crate::axe::is_clean(&mut browser, "the page without clients");

    proxy.client().udp(&query("web.test.", "A")).unwrap();
    // All since the start is there at once, the last minute after ten seconds.
    let flow = "document.getElementById('flow') !== null";
    browser.open(&format!("{origin}?window=total")).unwrap();
    browser.wait_for(flow, SOON).unwrap();
    browser.open(&origin).unwrap();
    browser.wait_for(flow, SOON).unwrap();
    is_content(&mut browser, &origin);
}

#[test]
fn a_proxy_that_went_away_is_told_and_its_last_figures_stay() {
    if !have(Component::Browser) {
        return;
    }
    let (_upstream, proxy) = proxy();
    proxy.client().udp(&query("web.test.", "A")).unwrap();
    let mut browser = Browser::start().unwrap();
    browser.resize(1280, 900).unwrap();
    let total = format!("http://{}/?window=total", proxy.admin);
    let cached = "document.querySelector('#miss-table')?.textContent.includes('web.test.')";
    browser.open(&total).unwrap();
    browser.wait_for(cached, SOON).unwrap();
    let (admin, listen) = (proxy.admin, proxy.listen);
    drop(proxy);
    let state = |kind: &str| format!("document.body.dataset.state === '{kind}'");
    browser.wait_for(&state("stale"), SOON).unwrap();
    browser.wait_for(&state("gone"), SOON).unwrap();
    let said = browser
        .eval("document.getElementById('state').textContent")
        .unwrap();
    assert!(
        said.as_str()
            .unwrap()
            .starts_with("Unreachable, stale since "),
        "{said}"
    );
    assert_eq!(browser.eval(cached).unwrap(), true, "the old figures stay");
    picture(&mut browser, "unreachable");

    // It comes back, with nothing known.
    let upstream = Upstream::builder().start().unwrap();
    let (addr, admin) = (upstream.addr().to_string(), admin.to_string());
    let flags = ["--upstream", &addr, "--admin", &admin, "--listen", &listen.to_string()];
    let flags = [&flags[..], &["--metrics", "127.0.0.1:0"]].concat();
    let _again = fivedots::serve(&mut Command::new(PROGRAM), "", &flags).unwrap();
    browser.wait_for(&state("fresh"), SOON).unwrap();
    browser
        .wait_for("document.getElementById('empty') !== null", SOON)
        .unwrap();
}

#[test]
fn the_pages_may_load_nothing_from_elsewhere() {
    let (_upstream, proxy) = proxy();
    for path in [
        "/",
        "/clients",
        "/workloads?search=x&order=failed",
        "/clients/127.0.0.9",
        "/page.js",
        "/page.css",
        "/icon.svg",
    ] {
        let page = get(proxy.admin, path);
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(!page.body.contains(" style=") && !page.body.contains(" onclick="), "{path}");
    }
    let Response { status, body, .. } = get(proxy.admin, "/clients/127.0.0.9");
    assert!(status == 404 && body.contains("has sent no query"), "{status} {body}");
    assert_eq!(get(proxy.admin, "/clients/%3Cscript%3E").status, 404);
    assert_eq!(get(proxy.admin, "/?window=7s").status, 400);
    proxy.client().udp(&query("web.test.", "A")).unwrap();
    let listed = |path: &str| {
        get(proxy.admin, path)
            .body
            .contains("<a href=\"clients/127.0.0.1\"")
    };
    for path in ["/clients", "/workloads", "/clients?search=WEB.te", "/workloads?search=0.0.1"] {
        assert!(eventually(SOON, || listed(path)), "{path}");
    }
    for path in ["/clients?search=no.such", "/workloads?search=web.test.&offset=50"] {
        assert!(!listed(path), "{path}");
    }
    let hidden = get(proxy.admin, "/clients?search=web&redact=names").body;
    assert!(hidden.contains("Nothing was found"), "{hidden}");
}

/// Three refreshes of five seconds, and a busy machine.
const SOON: Duration = Duration::from_secs(60);

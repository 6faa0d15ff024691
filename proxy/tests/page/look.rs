//! What somebody sees who looks at a busy node, and what they can do.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::http::{Response, get};
use testbed::{Browser, Component, have};

use crate::axe::keeps_nobody_out;
use crate::cluster::{Cluster, STRANGER, UNLUCKY, WORST};
use crate::hidden::shows_nobody;
use crate::top::answers_in_one_screen;
use crate::{is_content, picture, pictures};

#[test]
fn a_busy_node_is_understood_in_one_screen() {
    if !have(Component::Browser) {
        return;
    }
    let mut cluster = Cluster::start();
    let mut browser = Browser::start().unwrap();
    let origin = format!("http://{}/", cluster.node.admin);
    // Pictures show a minute.
    cluster.age(if pictures().is_some() { 95 } else { 21 });
    browser.resize(1280, 900).unwrap();
    browser.open(&origin).unwrap();
    tells_who_and_why(&mut browser);
    updates(&mut browser);
    sorts(&mut browser);
    copies(&mut browser, &origin);
    takes_pictures(&mut browser, &origin);
    fits_on_a_phone(&mut browser);
    keeps_nobody_out(&mut browser, &origin, &paths());
    is_small(&cluster);
    taps(&cluster);
    answers_in_one_screen(&cluster);

    cluster.stop();
    browser.resize(1280, 900).unwrap();
    browser.open(&format!("{origin}?window=total")).unwrap();
    shows_the_numbers_of_the_api(&mut browser, &cluster);
    drills_down(&mut browser, &cluster, &origin);
    shows_nobody(&mut browser, &origin);
    is_content(&mut browser, &origin);
}

/// Who wastes most, what to change, what it saves, who fails and why, and what
/// goes round: without scrolling.
fn tells_who_and_why(browser: &mut Browser) {
    let verdict = browser
        .eval("document.getElementById('verdict').innerText")
        .unwrap();
    let verdict = verdict.as_str().unwrap();
    for part in [
        WORST.0,
        "set ndots to 2 (now 5)",
        "Saves 75 % of its queries",
        "kubectl -n shop patch deployment checkout",
        UNLUCKY,
        "100 % of its",
        "names under payments.test.",
        "SERVFAIL from 127.0.0.1:",
        "upstream error, the upstream failed at once",
        "names in loop.test.",
    ] {
        assert!(verdict.contains(part), "{part} is not in\n{verdict}");
    }
    let bottom = "document.getElementById('verdict').getBoundingClientRect().bottom <= innerHeight";
    assert_eq!(browser.eval(bottom).unwrap(), true);
}

/// New numbers come without anybody doing anything, and leave the focus and
/// what was opened as they were.
fn updates(browser: &mut Browser) {
    let open = "document.querySelector('#waste details').open = true;
        document.querySelector('#waste a').focus();
        window.before = document.querySelector('#verdict').innerText;
        window.marked = true";
    browser.eval(open).unwrap();
    let changed = "document.querySelector('#verdict').innerText !== window.before";
    browser.wait_for(changed, Duration::from_secs(30)).unwrap();
    let kept = "[window.marked, document.querySelector('#waste details').open,
        document.activeElement.closest('#waste') !== null, document.body.dataset.state]";
    assert_eq!(browser.eval(kept).unwrap(), json!([true, true, true, "fresh"]));
}

/// With the keyboard, and newer numbers come in the same order.
fn sorts(browser: &mut Browser) {
    let column = |browser: &mut Browser, n: usize| -> Vec<f64> {
        let cells = format!(
            "[...document.querySelectorAll('#waste-table tbody tr')].map((row) => +row.cells[{n}].dataset.v)"
        );
        let cells = browser.eval(&cells).unwrap();
        cells
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    browser
        .eval("document.querySelectorAll('#waste-table th button')[1].focus()")
        .unwrap();
    browser.press("Enter").unwrap();
    let down = column(browser, 1);
    assert!(down.len() >= 3 && down.is_sorted_by(|a, b| a >= b), "{down:?}");
    browser.press("Enter").unwrap();
    let up = column(browser, 1);
    assert!(up.is_sorted(), "{up:?}");
    let sorted = "document.querySelectorAll('#waste-table th')[1].getAttribute('aria-sort')";
    assert_eq!(browser.eval(sorted).unwrap(), "ascending");
    browser
        .eval("window.row = document.querySelector('#waste-table tbody tr')")
        .unwrap();
    browser
        .wait_for("!window.row.isConnected", Duration::from_secs(30))
        .unwrap();
    let later = column(browser, 1);
    assert!(later.is_sorted(), "{later:?}");
    assert_eq!(browser.eval(sorted).unwrap(), "ascending");
}

fn copies(browser: &mut Browser, origin: &str) {
    let origin = origin.trim_end_matches('/');
    let permissions = json!({
        "origin": origin, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"],
    });
    browser
        .call("Browser.grantPermissions", permissions)
        .unwrap();
    // What to do about a cause may be copied above it.
    let advice = "(() => [...document.querySelectorAll('#verdict button[data-copy]')].find(one =>
        document.getElementById(one.dataset.copy).textContent.includes('ndots')))()";
    let click = &format!("{advice}.click()");
    browser.eval(click).unwrap();
    browser
        .wait_for(&format!("{advice}.textContent === 'Copied'"), SOON)
        .unwrap();
    let copied = browser.eval("navigator.clipboard.readText()").unwrap();
    let shown = browser
        .eval(&format!("document.getElementById({advice}.dataset.copy).textContent"))
        .unwrap();
    assert_eq!(copied, shown);
    assert!(copied.as_str().unwrap().contains("ndots"), "{copied}");

    // As on a page that is not secure.
    browser
        .eval("Object.defineProperty(navigator, 'clipboard', { value: undefined }); 0")
        .unwrap();
    browser.eval(click).unwrap();
    let selected = "getSelection().toString().includes('ndots')";
    browser.wait_for(selected, SOON).unwrap();
    browser.eval("getSelection().removeAllRanges()").unwrap();
}

/// One page of each kind.
fn paths() -> Vec<String> {
    let (workload, pod) = WORST;
    vec![
        String::new(),
        format!("workloads/shop/Deployment/{workload}"),
        format!("clients/{pod}"),
        "workloads?search=shop".to_owned(),
        "clients".to_owned(),
    ]
}

fn takes_pictures(browser: &mut Browser, origin: &str) {
    if pictures().is_none() {
        return;
    }
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).unwrap();
        browser.resize(1280, 1000).unwrap();
        browser.open(origin).unwrap();
        picture(browser, scheme);
        browser.resize(360, 1500).unwrap();
        picture(browser, &format!("phone-{scheme}"));
    }
    browser.resize(1280, 1000).unwrap();
    browser
        .open(&format!("{origin}workloads/shop/Deployment/{}", WORST.0))
        .unwrap();
    picture(browser, "workload-dark");
    browser.prefer("light").unwrap();
    browser.open(origin).unwrap();
}

/// Nothing is wider than the screen but what scrolls by itself.
fn fits_on_a_phone(browser: &mut Browser) {
    browser.resize(360, 740).unwrap();
    let width = browser
        .eval("document.documentElement.scrollWidth")
        .unwrap();
    assert_eq!(width, 360);
}

fn is_small(cluster: &Cluster) {
    let size = |path| get(cluster.node.admin, path).body.len();
    let sizes = ["/", "/page.css", "/page.js", "/icon.svg"].map(size);
    let part = size("/?part=1");
    println!("octets of page, style, script, icon: {sizes:?}; of a refresh: {part}");
    assert!(sizes.iter().sum::<usize>() < 100_000, "{sizes:?}");
}

/// Not the page, but the same workloads: who taps one sees its Pods alone.
fn taps(cluster: &Cluster) {
    let tap = |query: &str| get(cluster.node.admin, &format!("/api/v1/tap?{query}"));
    let (workload, pod) = WORST;
    for who in [format!("shop/deployment/{workload}"), format!("shop/{workload}-{pod}")] {
        let Response { status, body: lines, .. } = tap(&format!("client={who}&limit=20"));
        assert_eq!((status, lines.matches(&format!("\"client\":\"{pod}\"")).count()), (200, 20));
    }
    let Response { status, body: said, .. } = tap("client=shop/nobody");
    assert!(status == 400 && said.contains("shop/nobody is no pod or workload"), "{said}");
}

fn api(cluster: &Cluster, path: &str) -> Value {
    let Response { status, body, .. } = get(cluster.node.admin, &format!("/api/v1/{path}"));
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// The first column and the numbers behind another one.
fn table(browser: &mut Browser, id: &str, column: usize) -> Value {
    let cells = format!(
        "[...document.querySelectorAll('#{id} tbody tr')].map((row) => \
         [(row.cells[0].querySelector('a') || row.cells[0]).textContent.trim(), +row.cells[{column}].dataset.v])"
    );
    browser.eval(&cells).unwrap()
}

fn rows(of: &Value, key: &str, number: impl Fn(&Value) -> Value) -> Value {
    let rows = of.as_array().unwrap().iter();
    let rows = rows.map(|row| json!([row[key], number(row)]));
    rows.filter(|row| row[1] != 0).collect()
}

fn shows_the_numbers_of_the_api(browser: &mut Browser, cluster: &Cluster) {
    let wasted =
        rows(&api(cluster, "workloads?order=wasted&limit=10")["workloads"], "name", |row| {
            row["total"]["wasted_queries"].clone()
        });
    assert_eq!(sorted(&table(browser, "waste-table", 1)), sorted(&wasted));
    let failed =
        rows(&api(cluster, "workloads?order=failed&limit=10")["workloads"], "name", |row| {
            row["total"]["failed"].clone()
        });
    assert_eq!(sorted(&table(browser, "failing-table", 1)), sorted(&failed));
    let upstreams = &api(cluster, "upstreams")["upstreams"];
    let answered = rows(upstreams, "upstream", |row| row["total"]["answered"].clone());
    let shown = table(browser, "upstream-table", 3);
    let shown: Value = shown
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row[1] != 0)
        .cloned()
        .collect();
    assert_eq!(shown, answered);
    let origins = rows(&api(cluster, "failures")["origins"], "origin", |row| row["total"].clone());
    let words = origins.to_string().replace('_', " ");
    assert_eq!(table(browser, "origin-table", 1).to_string(), words);
    let hits = api(cluster, "cache")["total"]["hit_ratio"]
        .as_f64()
        .unwrap();
    let text = browser
        .eval("document.querySelector('#cache .pairs dd').textContent")
        .unwrap();
    assert_eq!(text, format!("{:.0} %", hits * 100.0));
}

fn sorted(rows: &Value) -> Vec<String> {
    let mut rows: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    rows.sort();
    // JavaScript has one kind of number.
    rows.iter().map(|row| row.replace(".0]", "]")).collect()
}

/// From the node to a workload, from there to its Pod, and to the patch.
fn drills_down(browser: &mut Browser, cluster: &Cluster, origin: &str) {
    let (workload, pod) = WORST;
    for (name, at) in [(workload, "workloads/shop/Deployment/"), (pod, "clients/")] {
        let click = format!("[...document.links].find((a) => a.textContent === '{name}').click()");
        browser.eval(&click).unwrap();
        let there = format!(
            "location.href === '{origin}{at}{name}' && document.getElementById('names') !== null"
        );
        browser.wait_for(&there, SOON).unwrap();
        let detail = api(cluster, &format!("{at}{name}"));
        let names = rows(&detail["names"], "name", |row| row["lookups"].clone());
        assert_eq!(table(browser, "name-table", 1), names);
        let text = browser.eval("document.body.innerText").unwrap();
        let text = text.as_str().unwrap();
        for part in [
            "shop.svc.cluster.local. svc.cluster.local. cluster.local.",
            "configured",
            "api.example.com.",
            "kubectl -n shop patch deployment checkout",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
    asks_whose_pod_it_is(browser, origin);
}

/// Of an address that nobody named.
fn asks_whose_pod_it_is(browser: &mut Browser, origin: &str) {
    browser
        .open(&format!("{origin}clients/{STRANGER}"))
        .unwrap();
    let form = "const form = document.querySelector('form');
        form.elements.namespace.value = 'shop'; form.elements.name.value = 'web';
        form.requestSubmit()";
    browser.eval(form).unwrap();
    let patched = "(document.getElementById('patch') || document.body).textContent
        .includes('kubectl -n shop patch deployment web')";
    browser.wait_for(patched, SOON).unwrap();
}

/// A busy machine may need as long.
pub(crate) const SOON: Duration = Duration::from_secs(20);

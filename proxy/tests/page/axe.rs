//! What keeps people from using the page, as axe-core sees it.

use serde_json::json;
use testbed::Browser;

/// Checks each page of a node, in both themes and on a phone.
pub(crate) fn keeps_nobody_out(browser: &mut Browser, origin: &str, paths: &[String]) {
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).unwrap();
        for width in [1280, 360] {
            browser.resize(width, 900).unwrap();
            for path in paths {
                browser.open(&format!("{origin}{path}")).unwrap();
                is_clean(browser, &format!("{path} {scheme} at {width} px"));
            }
        }
    }
    browser.prefer("light").unwrap();
}

/// Nothing is found on the page that is open.
pub(crate) fn is_clean(browser: &mut Browser, what: &str) {
    let script = std::fs::read_to_string(testbed::axe::script().unwrap()).unwrap();
    browser.eval(&script).unwrap();
    let run = "axe.run().then((found) => found.violations.map((one) =>
        `${one.impact} ${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`))";
    assert_eq!(browser.eval(run).unwrap(), json!([]), "axe-core on {what}");
}

//! The page without a browser.

use super::*;
use crate::redact::Redact;

#[test]
fn nothing_is_fetched_from_elsewhere_and_the_script_is_small() {
    for text in [STYLE, SCRIPT] {
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("//cdn"));
    }
    // A name of a namespace, which is not fetched.
    assert_eq!(ICON.matches("http").count(), 1);
    assert!(STYLE.len() + SCRIPT.len() < 24 << 10, "{} {}", STYLE.len(), SCRIPT.len());
}

#[test]
fn a_stranger_s_text_is_escaped() {
    let page = not_found(&NotFound {
        who: "<script>alert(1)</script>",
        up: "../",
        redact: Redact::default(),
    });
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>alert"), "{page}");
}

//! deploy/base is what the chart renders: `BLESS=1 cargo test -p proxy --test deploy`
//! writes it anew.

use std::fs;

use crate::{PROFILES, can, deploy, render};

const HEAD: &str = "# Rendered from deploy/chart: kubectl apply -f FILE\n";

#[test]
fn the_base_is_what_the_chart_renders() {
    if !can() {
        return;
    }
    for profile in PROFILES {
        let rendered = HEAD.to_owned() + &render(profile, &[]).unwrap();
        let path = deploy().join(format!("base/{profile}.yaml"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &rendered).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == rendered, "{} is not what the chart renders: BLESS=1", path.display());
    }
}

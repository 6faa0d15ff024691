//! The cache over a restart: left in a file by the old process, for the new one.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testbed::client::addresses;
use testbed::{Fivedots, query};
use upstream::Upstream;

use crate::SOON;

fn start(upstream: &Upstream, path: &Path) -> Fivedots {
    let lines = format!("[cache]\nsnapshot = {:?}", path.display().to_string());
    Fivedots::configured(upstream.addr(), &lines)
}

#[test]
fn a_restart_keeps_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answers");
    let upstream = Upstream::builder().zone("test.", "web 60 A 10.0.0.1");
    let upstream = upstream.start().unwrap();
    let old = start(&upstream, &path);
    old.client().udp(&query("web.test.", "A")).unwrap();
    old.process.signal("TERM").unwrap();
    assert!(old.process.wait(SOON).unwrap().success(), "{}", old.process.output());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "what clients asked is nobody's business");
    let new = start(&upstream, &path);
    new.process
        .wait_for_line("the cache is that of the snapshot answers=1", SOON)
        .unwrap();
    assert!(!path.exists(), "a start that ends may not end the next");
    let answer = new.client().udp(&query("web.test.", "A")).unwrap();
    assert_eq!(addresses(&answer), [Ipv4Addr::new(10, 0, 0, 1)]);
    assert_eq!(upstream.count("web.test."), 1);
}

#[test]
fn a_snapshot_that_is_none_is_named_and_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answers");
    fs::write(&path, [7; 64]).unwrap();
    let upstream = Upstream::builder().zone("test.", "web 60 A 10.0.0.1");
    let upstream = upstream.start().unwrap();
    let proxy = start(&upstream, &path);
    let line = proxy
        .process
        .wait_for_line("the snapshot is not read", SOON);
    let line = line.unwrap();
    let named = [path.to_str().unwrap(), "it is of another form"];
    assert!(named.iter().all(|word| line.contains(word)), "{line}");
    proxy.client().udp(&query("web.test.", "A")).unwrap();
}

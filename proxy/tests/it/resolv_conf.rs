//! The node's resolv.conf changes while the proxy runs.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use tempfile::NamedTempFile;
use testbed::client::addresses;
use testbed::{Client, Component, Netns, eventually, fivedots, netns, query};
use upstream::Upstream;

use crate::{PROGRAM, SOON};

/// A server on the port of resolv.conf's servers; any name has this address.
fn server(host: u8, address: &str) -> Upstream {
    Upstream::builder()
        .listen(([127, 0, 0, host], 53).into())
        .zone("test.", &format!("* 0 A {address}"))
        .start()
        .unwrap()
}

#[test]
fn a_resolv_conf_that_changes_is_followed() {
    if !testbed::have(Component::Netns) || !testbed::have_program("unshare", Component::Netns) {
        return;
    }
    if netns::role().is_none() {
        let test = "resolv_conf::a_resolv_conf_that_changes_is_followed";
        Netns::new().unwrap().run_test(test, "the node").unwrap();
        return;
    }
    let _servers = [server(2, "192.0.2.2"), server(3, "192.0.2.3")];
    let mut file = NamedTempFile::new().unwrap();
    let write = |file: &mut NamedTempFile, text: &str| {
        file.as_file().set_len(0).unwrap();
        std::io::Seek::rewind(file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    write(&mut file, "nameserver 127.0.0.2\n");
    let mount = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", mount])
        .arg(file.path())
        .arg(PROGRAM);
    let listen = "127.0.0.1:5353";
    let proxy = fivedots::serve(&mut command, "", &["--listen", listen]).unwrap();
    let client = Client::new((Ipv4Addr::LOCALHOST, 5353).into());
    let mut asked = 0;
    let mut told = |address: [u8; 4]| {
        asked += 1;
        let answer = client.udp(&query(&format!("n{asked}.test."), "A"));
        answer.is_ok_and(|answer| addresses(&answer) == [IpAddr::from(address)])
    };
    assert!(told([192, 0, 2, 2]), "{}", proxy.output());
    // While it is being written there is no server in it.
    write(&mut file, "");
    assert!(proxy.wait_for_line("are kept", SOON).is_ok(), "{}", proxy.output());
    assert!(told([192, 0, 2, 2]), "{}", proxy.output());
    write(&mut file, "nameserver 127.0.0.3\n");
    assert!(eventually(SOON, || told([192, 0, 2, 3])), "{}", proxy.output());
}

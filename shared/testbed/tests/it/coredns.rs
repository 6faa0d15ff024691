//! The real CoreDNS starts, answers and ends.

use std::net::{IpAddr, SocketAddr};

use testbed::client::{ResponseCode, addresses};
use testbed::{Client, Component, Coredns, Lan, have, have_program, port, query};

const COREFILE: &str = "
example.org:{port} {
    bind {ip}
    file example.org.zone
}
";
const ZONE: &str = "
$ORIGIN example.org.
@   60 IN SOA ns hostmaster 1 7200 1800 86400 30
@   60 IN NS ns
ns  60 IN A 192.0.2.53
web 60 IN A 192.0.2.1
";
const FILES: [(&str, &str); 1] = [("example.org.zone", ZONE)];

#[test]
fn it_answers_over_both_transports_and_families() {
    if !have(Component::Coredns) {
        return;
    }
    for ip in ["127.0.0.1", "::1"] {
        let listen = SocketAddr::new(ip.parse().unwrap(), 0);
        let coredns = Coredns::start(listen, COREFILE, &FILES).unwrap();
        let client = Client::new(coredns.addr());
        let web = query("web.example.org", "A");
        for answer in [client.udp(&web).unwrap(), client.tcp(&web).unwrap()] {
            assert!(answer.metadata.authoritative);
            assert_eq!(addresses(&answer), [IpAddr::from([192, 0, 2, 1])]);
        }
        let gone = client.udp(&query("gone.example.org", "A")).unwrap();
        assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);

        let addr = coredns.addr();
        drop(coredns);
        assert!(Client::new(addr).udp(&web).is_err());
    }
}

#[test]
fn it_serves_inside_a_namespace() {
    if !have(Component::Coredns) || !have(Component::Netns) || !have_program("ss", Component::Netns)
    {
        return;
    }
    let lan = Lan::new().unwrap();
    let host = lan.host(&["10.77.1.2/24"]).unwrap();
    let listen = SocketAddr::from(([10, 77, 1, 2], 53));
    let _coredns = Coredns::start_in(&host, listen, COREFILE, &FILES).unwrap();
    let sockets = host.command("ss").args(["-Hlun"]).output().unwrap();
    let sockets = String::from_utf8(sockets.stdout).unwrap();
    assert!(sockets.contains("10.77.1.2:53"), "{sockets}");
}

#[test]
fn a_corefile_that_is_wrong_is_quoted() {
    if !have(Component::Coredns) {
        return;
    }
    let listen = port::free([127, 0, 0, 1]).unwrap();
    let error = Coredns::start(listen, ".:{port} {\n nonsense\n}\n", &[])
        .err()
        .unwrap();
    assert!(error.to_string().contains("nonsense"), "{error}");
}

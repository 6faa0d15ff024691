//! CoreDNS whose way to the API server is cut, beside one that still follows it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testbed::coredns::Coredns;
use testbed::{Client, Component, eventually, have, query};

use crate::relay::Relay;
use crate::world::{api, create};

#[test]
fn coredns_that_does_not_follow_the_api_has_old_data() {
    if !have(Component::Apiserver) || !have(Component::Coredns) {
        return;
    }
    let api = api();
    let mut relay = Relay::to(api.addr());
    let service = |name: &str, ip: &str| {
        let spec = json!({ "clusterIP": ip, "ports": [{ "port": 53, "protocol": "UDP" }] });
        create(&api, SERVICES, &json!({ "metadata": { "name": name }, "spec": spec }));
    };
    service("kube-dns", "10.96.0.10");
    let map = json!({ "metadata": { "name": "coredns" }, "data": { "Corefile": "" } });
    create(&api, "/api/v1/namespaces/kube-system/configmaps", &map);
    let coredns = |server| {
        let path = api.kubeconfig_of_admin(server).unwrap();
        let corefile = COREFILE.replace("KUBECONFIG", &path.display().to_string());
        Coredns::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &corefile, &[]).unwrap()
    };
    let (cut, follows) = (coredns(relay.addr), coredns(api.addr()));
    let has = |server: &Coredns, name: &str| {
        let name = format!("{name}.kube-system.svc.cluster.local.");
        let reply = Client::new(server.addr()).udp(&query(&name, "A"));
        reply.is_ok_and(|reply| !reply.answers.is_empty())
    };
    for server in [&cut, &follows] {
        assert!(eventually(LONG, || has(server, "kube-dns")), "{}", server.process().output());
    }
    relay.cut();
    service("late", "10.96.0.11");
    assert!(eventually(LONG, || has(&follows, "late")));

    let kubeconfig = api.kubeconfig(api.addr()).unwrap();
    let addrs = [&cut, &follows].map(|server| server.addr().to_string());
    let diagnose = || {
        let output = Command::new(env!("CARGO_BIN_EXE_fivedots"))
            .args(["diagnose", "--format", "json", "--coredns", &addrs[0], "--coredns", &addrs[1]])
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let findings = || diagnose()["verdict"]["findings"].clone();
    assert_eq!(findings(), json!([]), "what is new may be on its way");
    // A minute, then it is old data.
    assert!(eventually(LONG, || findings() != json!([])), "{:#}", diagnose()["evidence"]);
    let findings = findings();
    assert_eq!(findings.as_array().unwrap().len(), 1, "{findings:#}");
    assert_eq!(
        (&findings[0]["cause"], &findings[0]["culprit"]),
        (&json!("stale_data"), &json!(addrs[0]))
    );
    let evidence = findings[0]["evidence"].to_string();
    assert!(evidence.contains("late.kube-system.svc.cluster.local"), "{evidence}");
}

const COREFILE: &str = ".:{port} {
    bind {ip}
    kubernetes cluster.local {
        kubeconfig KUBECONFIG
    }
}
";

const SERVICES: &str = "/api/v1/namespaces/kube-system/services";
const LONG: Duration = Duration::from_secs(120);

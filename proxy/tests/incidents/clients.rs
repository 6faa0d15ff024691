//! Programs of a node or a pod: those that look names up, by the walk of a stub resolver,
//! and those that are part of an incident. Each is this test's own program in a namespace.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, SystemTime};

use testbed::client::ResponseCode;
use testbed::{Client, netns, pace, query};

use crate::incident::Incident;
use crate::world::SERVICE;

/// In the namespace of the node, in a process of its own.
#[test]
fn clients() {
    let Some(role) = netns::role() else { return };
    match role.as_str() {
        "asks for ever" => ask_for_ever(&[10, 90, 0, 20], &[10, 90, 0, 11]),
        "keeps a flow" => ask_for_ever(&[10, 90, 0, 1], &SERVICE.octets()),
        "does not read" => overflow(),
        "kube-proxy" => idle_kube_proxy(),
        _ => look_all_up(&role),
    }
}

fn look_all_up(role: &str) {
    let incident = Incident::ALL.iter().find(|one| format!("{one:?}") == role);
    let incident = *incident.unwrap();
    std::thread::scope(|scope| {
        for (row, (from, times, name)) in incident.lookups().iter().enumerate() {
            scope.spawn(move || {
                let client = Client::new(PROXY).from(from.parse::<IpAddr>().unwrap());
                let client = client.timeout(Duration::from_secs(5));
                for n in 0..*times {
                    look_up(&client, &name.replace('N', &format!("{row}-{n}")));
                }
            });
        }
        if incident == Incident::RepliesDropped {
            scope.spawn(|| (0..150).for_each(ask_again));
        }
    });
}

/// Under each domain of the list, then as it is; a name that ends with a dot is whole.
fn look_up(client: &Client, name: &str) {
    if name.ends_with('.') {
        client.udp(&query(name, "A")).ok();
        return;
    }
    for domain in ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local.", ""] {
        let domain = if domain.is_empty() { ".".to_owned() } else { format!(".{domain}") };
        let answer = client.udp(&query(&format!("{name}{domain}"), "A"));
        if answer.is_ok_and(|answer| answer.metadata.response_code != ResponseCode::NXDomain) {
            return;
        }
    }
}

/// As a stub resolver does whose answer is late: the same datagram from the same port.
fn ask_again(n: u16) {
    let socket = connected("127.0.0.2".parse().unwrap(), PROXY);
    let message = query(&format!("n{n}.svc.cluster.local."), "A").octets();
    for _ in 0..2 {
        socket.send(&message).unwrap();
        if socket.recv(&mut [0; 512]).is_ok() {
            return;
        }
    }
}

/// One socket, whose flow stays.
fn ask_for_ever(from: &[u8; 4], server: &[u8; 4]) {
    let socket = connected((*from).into(), SocketAddr::new((*server).into(), 53));
    let message = query("kubernetes.default.svc.cluster.local.", "A").octets();
    loop {
        // With a full table it is not permitted to leave.
        socket.send(&message).ok();
        socket.recv(&mut [0; 512]).ok();
        pace(Duration::from_millis(300));
    }
}

/// A server that takes nothing out of its queue.
fn overflow() {
    let server = UdpSocket::bind("127.0.0.1:5999").unwrap();
    let client = connected(Ipv4Addr::LOCALHOST.into(), server.local_addr().unwrap());
    loop {
        (0..50).for_each(|_| _ = client.send(&[0; 1200]));
        pace(Duration::from_millis(100));
    }
}

/// Its metrics: it last wrote its rules an hour ago, and nothing has changed since.
#[expect(clippy::disallowed_methods, reason = "its metrics are in Unix time")]
fn idle_kube_proxy() {
    let listener = TcpListener::bind("127.0.0.1:10249").unwrap();
    for stream in listener.incoming() {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let hour_ago = now.as_secs_f64() - 3_590.0;
        let body = format!(
            "kubeproxy_sync_proxy_rules_last_timestamp_seconds{{ip_family=\"IPv4\"}} {hour_ago}\n\
             kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{{ip_family=\"IPv4\"}} {}\n",
            hour_ago - 1.0
        );
        let mut stream = stream.unwrap();
        _ = stream.read(&mut [0; 4096]).unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n";
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    }
}

fn connected(from: IpAddr, to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.connect(to).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    socket
}

const PROXY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 90, 0, 1)), 53);

//! Zones that are asked under TLS, of servers with certificates made for the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hickory_proto::op::ResponseCode;
use rcgen::{CertificateParams, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{HandshakeKind, ServerConfig};
use upstream::Upstream;

use super::node::{Node, WEB, address, rcode, server};
use super::*;
use crate::{TlsServer, UpstreamFailure};

/// A server under TLS in front of one without, of which it has all answers.
struct Terminator {
    addr: SocketAddr,
    /// The authority of its certificate, as a file.
    ca: tempfile::NamedTempFile,
    resumed: Arc<AtomicUsize>,
    /// Ends the connections that are open.
    connections: Arc<Mutex<Vec<tokio::task::AbortHandle>>>,
    _runtime: Runtime,
}

impl Terminator {
    fn start(behind: SocketAddr) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), certificate.pem()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let (resumed, connections) = (Arc::default(), Arc::default());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let all = (Arc::clone(&resumed), Arc::clone(&connections));
        runtime.spawn(serve(listener, acceptor, behind, all));
        Self { addr, ca, resumed, connections, _runtime: runtime }
    }

    /// A node whose only upstream is this.
    fn node(&self, name: &str, ca: &std::path::Path) -> Node {
        let mut config = config(Transport::Tcp, &[self.addr]);
        let tls = TlsServer { name: name.to_owned(), ca: Some(ca.to_owned()) };
        config.zones[0].tls = Some(tls);
        Node::new(&config)
    }

    fn close_all(&self) {
        let mut connections = self.connections.lock().unwrap();
        connections.drain(..).for_each(|task| task.abort());
    }
}

type All = (Arc<AtomicUsize>, Arc<Mutex<Vec<tokio::task::AbortHandle>>>);

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    behind: SocketAddr,
    (resumed, connections): All,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, resumed) = (acceptor.clone(), Arc::clone(&resumed));
        let task = tokio::spawn(async move {
            // A client that does not trust it ends the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let kind = stream.get_ref().1.handshake_kind();
            resumed.fetch_add(usize::from(kind == Some(HandshakeKind::Resumed)), Ordering::Relaxed);
            let mut plain = TcpStream::connect(behind).await.unwrap();
            tokio::io::copy_bidirectional(&mut stream, &mut plain)
                .await
                .ok();
        });
        connections.lock().unwrap().push(task.abort_handle());
    }
}

fn failed(node: &Node, reason: UpstreamFailure) -> u64 {
    node.stats
        .sum(|worker| worker.upstream_failures.get(reason.index()))
}

#[test]
fn names_are_asked_under_tls_and_sessions_are_resumed() {
    let server: Upstream = server(Vec::new());
    let terminator = Terminator::start(server.addr());
    let mut node = terminator.node(NAME, terminator.ca.path());
    let (answer, _) = node.lookup(WEB);
    assert!(address(&answer).is_some(), "{answer:?}");
    terminator.close_all();
    let (answer, _) = node.lookup("other.many.example.");
    assert!(address(&answer).is_some(), "{answer:?}");
    assert_eq!(terminator.resumed.load(Ordering::Relaxed), 1);
    assert_eq!(failed(&node, UpstreamFailure::Tls), 0);
}

/// A server that is another one is asked nothing, over no other transport either.
#[test]
fn who_does_not_prove_its_name_is_asked_nothing() {
    let server: Upstream = server(Vec::new());
    let (one, other) = (Terminator::start(server.addr()), Terminator::start(server.addr()));
    for (name, ca) in [("other.example", one.ca.path()), (NAME, other.ca.path())] {
        let mut node = one.node(name, ca);
        let (answer, _) = node.lookup(WEB);
        assert_eq!(rcode(&answer), ResponseCode::ServFail, "{name}");
        assert!(failed(&node, UpstreamFailure::Tls) > 0, "{name}");
    }
    assert_eq!(server.total(), 0);
}

#[test]
fn what_cannot_be_checked_is_refused_at_the_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let check = |name: &str, ca: &std::path::Path| {
        let server = TlsServer { name: name.to_owned(), ca: Some(ca.to_owned()) };
        server.check().unwrap_err()
    };
    let none = check(NAME, file.path());
    assert!(none.ends_with(" has no certificate"), "{none}");
    let missing = check(NAME, std::path::Path::new("/no/such/file"));
    assert!(missing.starts_with("/no/such/file: "), "{missing}");
    let terminator = Terminator::start(([127, 0, 0, 1], 9).into());
    let bad = check("not a name", terminator.ca.path());
    assert_eq!(bad, "\"not a name\" is not the name of a server");
}

const NAME: &str = "dns.example";

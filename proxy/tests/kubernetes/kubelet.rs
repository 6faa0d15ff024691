//! A kubelet that only forwards ports: under TLS, over web sockets, to wherever a test says
//! that the loopback of a Pod is.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// What a Pod has at the port that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loopback {
    /// A server, which may not be there.
    At(SocketAddr),
    /// The kubelet itself is silent.
    Silence,
}

/// A kubelet; it ends when it is dropped.
pub(crate) struct Kubelet {
    pub(crate) addr: SocketAddr,
    _runtime: Runtime,
}

impl Kubelet {
    /// Starts one for Pods of these names.
    pub(crate) fn start(pods: HashMap<String, Loopback>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let pods = Arc::new(pods);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, pods) = (tls.clone(), Arc::clone(&pods));
                // A client that goes away is no matter of ours.
                tokio::spawn(async move { serve(tls, stream, &pods).await.ok() });
            }
        });
        Self { addr, _runtime: runtime }
    }
}

fn config() -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap()
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// `/portForward/NAMESPACE/POD?port=N`, with `v4.channel.k8s.io`.
async fn serve(
    tls: TlsAcceptor,
    stream: TcpStream,
    pods: &HashMap<String, Loopback>,
) -> Result<(), Failed> {
    let stream = tls.accept(stream).await?;
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let choose = |request: &Request, mut response: Response| {
        path = request.uri().to_string();
        let name = "Sec-WebSocket-Protocol";
        response
            .headers_mut()
            .insert(name, "v4.channel.k8s.io".parse().unwrap());
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, choose).await?;
    let (place, query) = path.split_once('?').unwrap_or((&path, ""));
    let pod = place.rsplit('/').next().unwrap_or_default();
    let port = query.split('&').find_map(|part| part.strip_prefix("port="));
    let port: u16 = port.unwrap_or_default().parse()?;
    let [low, high] = port.to_le_bytes();
    let pod = match pods.get(pod) {
        Some(Loopback::At(addr)) => TcpStream::connect(addr).await,
        _ => std::future::pending().await,
    };
    for channel in [DATA, ERROR] {
        socket
            .send(Message::binary(vec![channel, low, high]))
            .await?;
    }
    match pod {
        Ok(pod) => pipe(socket, pod).await,
        Err(error) => {
            let text = format!("cannot connect to port {port}: {error}");
            let frame = [&[ERROR], text.as_bytes()].concat();
            socket.send(Message::binary(frame)).await?;
            Ok(socket.close(None).await?)
        }
    }
}

async fn pipe<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    mut pod: TcpStream,
) -> Result<(), Failed> {
    let (mut out, mut incoming) = socket.split();
    let mut buffer = [0; 4096];
    loop {
        tokio::select! {
            read = pod.read(&mut buffer) => {
                let count = read?;
                if count == 0 {
                    return Ok(out.close().await?);
                }
                let frame = [&[DATA], &buffer[..count]].concat();
                out.send(Message::binary(frame)).await?;
            }
            message = incoming.next() => match message {
                Some(Ok(Message::Binary(frame))) if frame.first() == Some(&DATA) => {
                    pod.write_all(&frame[1..]).await?;
                }
                Some(Ok(_)) => {}
                _ => return Ok(()),
            },
        }
    }
}

/// The channels of the first port.
const DATA: u8 = 0;
const ERROR: u8 = 1;

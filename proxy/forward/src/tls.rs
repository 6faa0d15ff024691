//! Connections to upstreams under TLS (RFC 7858), with the server's name checked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Who the servers of a zone have to prove to be.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TlsServer {
    /// The name in their certificate, or an address that is in it.
    pub name: String,
    /// A PEM file with the authorities that are trusted; those of this machine without
    /// it.
    pub ca: Option<PathBuf>,
}

/// Makes connections to one such server. Sessions are resumed.
#[derive(Clone)]
pub(crate) struct TlsClient {
    server: TlsServer,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl TlsServer {
    /// Checks that the name is one and that there are authorities.
    ///
    /// # Errors
    ///
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<(), String> {
        TlsClient::new(self)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

impl TlsClient {
    /// Reads the authorities.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the name is none or there is no authority; those of reading
    /// the file.
    pub(crate) fn new(server: &TlsServer) -> io::Result<Self> {
        let wrong = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
        let name = ServerName::try_from(server.name.clone())
            .map_err(|_| wrong(format!("{:?} is not the name of a server", server.name)))?;
        let mut roots = RootCertStore::empty();
        match &server.ca {
            Some(path) => roots.add_parsable_certificates(read(path)?),
            None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        };
        if roots.is_empty() {
            let text = match &server.ca {
                Some(path) => format!("{} has no certificate", path.display()),
                None => "this machine has no trusted authorities; tls_ca names a file".to_owned(),
            };
            return Err(wrong(text));
        }
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { server: server.clone(), name, connector })
    }

    /// Returns whom it connects to.
    pub(crate) const fn server(&self) -> &TlsServer {
        &self.server
    }

    /// Proves that the other end of `stream` is the server.
    pub(crate) async fn wrap(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TlsClient").field(&self.server).finish()
    }
}

fn read(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let octets = std::fs::read(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    // What is no certificate is left out: a file may have comments and keys.
    Ok(CertificateDer::pem_slice_iter(&octets).flatten().collect())
}

/// RFC 7858 has none; registered later for it (IANA, TLS ALPN Protocol IDs).
const ALPN: &[u8] = b"dot";

//! One server over pooled connections: HTTP/1.1, in the clear or over TLS.

use crate::answer::Answer;
use crate::error::{Error, Result};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::sync::Arc;
use std::time::Duration;

/// Less than the server keeps them open for, so that few requests meet one that is closing.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Sends single requests.
#[derive(Clone)]
pub(crate) struct Transport {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    answer_bytes_max: usize,
}

impl Transport {
    pub(crate) fn new(
        mut tls: ClientConfig,
        connect: Duration,
        answer_bytes_max: usize,
    ) -> Transport {
        // The connector says itself what is spoken, and allows nobody else to.
        tls.alpn_protocols.clear();
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .build(connector);
        Transport {
            pool,
            answer_bytes_max,
        }
    }

    /// Sends a request and reads the whole answer, whatever its status, within `time`.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        time: Option<Duration>,
    ) -> Result<Answer> {
        let sent = self.send_unhurried(request);
        match time {
            None => sent.await,
            Some(time) => match tokio::time::timeout(time, sent).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::timed_out(time)),
            },
        }
    }

    async fn send_unhurried(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let server = request
            .uri()
            .authority()
            .map_or_else(String::new, ToString::to_string);
        let response = self.pool.request(request).await.map_err(|error| {
            // Only a failure to connect says that nothing was sent.
            if error.is_connect() {
                Error::unreachable(format!("the server at {server} cannot be reached"), error)
            } else {
                Error::broken("the connection broke before the answer", error)
            }
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, self.answer_bytes_max).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let max = self.answer_bytes_max;
                return Error::undecodable(format!("the answer is longer than {max} bytes"));
            }
            Error::broken("the connection broke within the answer", error)
        })?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }
}

/// TLS that trusts the certificates in a PEM text, and those that they have signed.
pub(crate) fn trusting(pem: &[u8]) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate
            .map_err(|error| Error::usage("the CA's certificates are no PEM").because(error))?;
        roots
            .add(certificate)
            .map_err(|error| Error::usage("a CA's certificate cannot be read").because(error))?;
    }
    if roots.is_empty() {
        return Err(Error::usage("the CA's PEM holds no certificate"));
    }
    with_roots(roots)
}

/// TLS that trusts nobody: of a client that speaks in the clear.
pub(crate) fn trusting_nobody() -> Result<ClientConfig> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::usage("cannot set up TLS").because(error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

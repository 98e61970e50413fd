//! Whom a worker believes that an endpoint is who it says: the system's certificates, or those of a
//! file.

use super::EndpointError;
use http::Uri;
use http::uri::Scheme;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::Path;
use std::sync::Arc;

/// TLS for an endpoint. One that is reached in the clear has none to trust.
pub(super) fn config(uri: &Uri, ca_file: Option<&Path>) -> Result<ClientConfig, EndpointError> {
    let roots = match ca_file {
        _ if uri.scheme() != Some(&Scheme::HTTPS) => RootCertStore::empty(),
        Some(path) => of_file(path)?,
        None => {
            let mut roots = RootCertStore::empty();
            // What of them cannot be read is not trusted; that none can is told when connecting.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| EndpointError::Url("needs TLS, which cannot be set up"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn of_file(path: &Path) -> Result<RootCertStore, EndpointError> {
    let refuse = |reason: String| EndpointError::File {
        setting: "ca_file",
        path: path.display().to_string(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(path);
    let mut roots = RootCertStore::empty();
    for certificate in certificates.map_err(|error| refuse(error.to_string()))? {
        let certificate = certificate.map_err(|error| refuse(format!("it is no PEM: {error}")))?;
        let added = roots.add(certificate);
        added.map_err(|error| refuse(format!("a certificate cannot be read: {error}")))?;
    }
    match roots.is_empty() {
        true => Err(refuse("it holds no certificate".to_owned())),
        false => Ok(roots),
    }
}

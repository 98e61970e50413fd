//! Whom to connect to, and how the connection is kept from being read.

use crate::config::{PostgresConfig, read_url};
use pando_model::engine::Result;
use pando_model::error::EngineError;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How to connect: checked once, when the engine is opened.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    /// `None`: connections are not encrypted.
    pub(crate) tls: Option<MakeRustlsConnect>,
}

impl Target {
    /// Reads the settings, the password and the certificates.
    pub(crate) fn new(settings: &PostgresConfig) -> Result<Target> {
        let is_encrypted = settings.ca_file.is_some();
        let mut config = read_url(&settings.url, is_encrypted)
            .map_err(|why| EngineError::internal("use the url of PostgreSQL", why))?;
        if let Some(path) = &settings.password_file {
            let password = std::fs::read_to_string(path).map_err(|error| {
                EngineError::internal(format!("read the password file {}", path.display()), error)
            })?;
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        let milliseconds = settings.statement_timeout.as_millis();
        config
            .application_name("pando")
            .connect_timeout(settings.connect_timeout)
            .options(format!(
                "-c TimeZone=UTC -c DateStyle=ISO -c statement_timeout={milliseconds} \
                 -c extra_float_digits=1 -c standard_conforming_strings=on"
            ));
        let tls = match &settings.ca_file {
            Some(path) => {
                config.ssl_mode(SslMode::Require);
                Some(connector(path)?)
            }
            None => {
                config.ssl_mode(SslMode::Disable);
                None
            }
        };
        Ok(Target { config, tls })
    }
}

fn connector(path: &std::path::Path) -> Result<MakeRustlsConnect> {
    let read = || format!("read the certificates in {}", path.display());
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| EngineError::internal(read(), error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| EngineError::internal(read(), error))?;
        roots
            .add(certificate)
            .map_err(|error| EngineError::internal(read(), error))?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| EngineError::internal("set up TLS", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

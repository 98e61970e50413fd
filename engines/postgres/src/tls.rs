//! Whom to connect to, and how the connection is kept from being read.

use crate::config::{PostgresConfig, read_url};
use pando_model::engine::Result;
use pando_model::error::EngineError;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a transaction may wait for its next statement, in milliseconds: whoever was lost in
/// one, and nobody has told the server, keeps the others waiting for no longer.
const IDLE_MS: u32 = 2_000;
/// PostgreSQL's own.
const PORT_DEFAULT: u16 = 5432;

/// How to connect: checked once, when the engine is opened.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    /// `None`: connections are not encrypted.
    pub(crate) tls: Option<MakeRustlsConnect>,
}

/// Who has named a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The url: the primary is there, or was.
    Url,
    /// The list of replicas.
    Replica,
    /// Patroni.
    Patroni,
}

/// A server that the settings or Patroni name.
#[derive(Clone)]
pub(crate) struct Place {
    /// `host:port`, as it is told.
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) target: Target,
}

impl Target {
    /// All servers that the settings name.
    pub(crate) fn all(settings: &PostgresConfig) -> Result<Vec<Place>> {
        let mut places: Vec<Place> = Vec::new();
        let replicas = settings.replicas.iter().map(|url| (Origin::Replica, url));
        for (origin, url) in std::iter::once((Origin::Url, &settings.url)).chain(replicas) {
            let whole = Target::of(settings, url)?;
            for (ix, host) in whole.config.get_hosts().iter().enumerate() {
                let ports = whole.config.get_ports();
                let port = ports.get(ix).or(ports.first()).copied();
                let port = port.unwrap_or(PORT_DEFAULT);
                let host = match host {
                    Host::Tcp(host) => host.clone(),
                    Host::Unix(path) => path.to_string_lossy().into_owned(),
                };
                let name = format!("{host}:{port}");
                if places.iter().all(|known| known.name != name) {
                    places.push(Place {
                        name,
                        origin,
                        target: whole.moved(&host, port),
                    });
                }
            }
        }
        Ok(places)
    }

    /// A server that Patroni names, asked for as the one that the settings do.
    pub(crate) fn at(settings: &PostgresConfig, host: &str, port: u16) -> Result<Place> {
        Ok(Place {
            name: format!("{host}:{port}"),
            origin: Origin::Patroni,
            target: Target::of(settings, &settings.url)?.moved(host, port),
        })
    }

    /// Reads a url, the password and the certificates.
    pub(crate) fn of(settings: &PostgresConfig, url: &str) -> Result<Target> {
        let is_encrypted = settings.ca_file.is_some();
        let mut config = read_url(url, is_encrypted)
            .map_err(|why| EngineError::internal("use the url of PostgreSQL", why))?;
        if let Some(path) = &settings.password_file {
            let password = std::fs::read_to_string(path).map_err(|error| {
                EngineError::internal(format!("read the password file {}", path.display()), error)
            })?;
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        let milliseconds = settings.statement_timeout.as_millis();
        // What the url says of itself, such as a search_path, comes first.
        let own = config.get_options().unwrap_or_default().to_owned();
        config
            .application_name("pando")
            .connect_timeout(settings.connect_timeout)
            .options(format!(
                "{own} -c TimeZone=UTC -c DateStyle=ISO -c statement_timeout={milliseconds} \
                 -c extra_float_digits=1 -c standard_conforming_strings=on \
                 -c idle_in_transaction_session_timeout={IDLE_MS}"
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

    /// The same on another server.
    fn moved(&self, host: &str, port: u16) -> Target {
        let from = &self.config;
        let mut config = Config::new();
        if let Some(user) = from.get_user() {
            config.user(user);
        }
        if let Some(password) = from.get_password() {
            config.password(password);
        }
        if let Some(database) = from.get_dbname() {
            config.dbname(database);
        }
        if let Some(options) = from.get_options() {
            config.options(options);
        }
        if let Some(name) = from.get_application_name() {
            config.application_name(name);
        }
        if let Some(time) = from.get_connect_timeout() {
            config.connect_timeout(*time);
        }
        config.ssl_mode(from.get_ssl_mode()).host(host).port(port);
        Target {
            config,
            tls: self.tls.clone(),
        }
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

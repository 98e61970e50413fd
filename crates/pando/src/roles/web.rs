//! The role `web`: HTTP in front of the store.

use crate::config::{Config, DataAccess, EngineKind};
use crate::failure::fail;
use anyhow::Context;
use pando_queue::changes::Changes;
use pando_queue::topics::Topics;
use pando_store::Store;
use pando_web::{
    Admin, Cors, Limits, Running, Sessions, Streams, TlsFiles, Web, WebConfig, serve_web,
};
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// What the role is given.
pub struct Inputs {
    /// Bound sockets.
    pub listeners: Vec<TcpListener>,
    /// A certificate, if connections are encrypted.
    pub tls: Option<Arc<TlsFiles>>,
    /// The data.
    pub store: Arc<Store>,
    /// What is told to those who listen.
    pub topics: Arc<Topics>,
    /// What is told of the store's changes.
    pub changes: Arc<Changes>,
    /// What the process can do besides serving.
    pub admin: Arc<dyn Admin>,
}

/// Binds every address of the configuration.
pub async fn bind(config: &Config) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in config.listen.addresses() {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| unbound(address, &error))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Reads the certificate, if there is one.
pub fn load_tls(config: &Config) -> anyhow::Result<Option<Arc<TlsFiles>>> {
    match (&config.tls.cert, &config.tls.key) {
        (Some(cert), Some(key)) => Ok(Some(Arc::new(
            TlsFiles::load(cert, key).context("cannot use the certificate")?,
        ))),
        _ => Ok(None),
    }
}

/// Begins to serve.
pub fn start(
    inputs: Inputs,
    config: &Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<Running> {
    let web = Web::new(inputs.store, inputs.admin, web_config(config));
    let web = web.with_topics(inputs.topics).with_changes(inputs.changes);
    serve_web(inputs.listeners, inputs.tls, web, shutdown).context("cannot serve")
}

/// The web tier's part of the configuration.
pub fn web_config(config: &Config) -> WebConfig {
    let limits = &config.limits;
    let bytes =
        |size: crate::config::units::ByteSize| usize::try_from(size.bytes()).unwrap_or(usize::MAX);
    WebConfig {
        auth_required: config.auth.required,
        cors: Cors {
            origins: config.cors.origins.clone(),
            max_age: config.cors.max_age.get(),
        },
        limits: Limits {
            max_body: limits.max_body.bytes(),
            max_headers: limits.max_headers as usize,
            max_header_bytes: bytes(limits.max_header_bytes),
            max_uri: bytes(limits.max_uri),
            request_timeout: limits.request_timeout.get(),
            write_wait: match config.store.engine {
                EngineKind::Postgres => config.store.postgres.write_buffer.get(),
                EngineKind::Memory | EngineKind::Sqlite => Duration::ZERO,
            },
            header_timeout: limits.header_timeout.get(),
            idle_timeout: limits.idle_timeout.get(),
            max_requests: limits.max_requests as usize,
            max_connections: limits.max_connections as usize,
            drain_timeout: limits.drain_timeout.get(),
            ..Limits::default()
        },
        streams: Streams {
            heartbeat: config.topics.heartbeat.get(),
            retry: config.topics.retry.get(),
        },
        sessions: Sessions {
            data_without_key: match config.sessions.data_without_key {
                DataAccess::None => pando_web::DataAccess::None,
                DataAccess::Read => pando_web::DataAccess::Read,
                DataAccess::Write => pando_web::DataAccess::Write,
            },
        },
    }
}

fn unbound(address: SocketAddr, error: &std::io::Error) -> anyhow::Error {
    let failure = fail(format!("cannot listen on {address}: {error}"));
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => failure.hint(format!(
            "another process has the port: see `ss -ltnp 'sport = :{port}'`,\n\
             or choose another: pando serve --listen {}:{}",
            address.ip(),
            port.saturating_add(1)
        )),
        ErrorKind::PermissionDenied => {
            failure.hint("ports below 1024 are for root; choose another with --listen")
        }
        ErrorKind::AddrNotAvailable => {
            failure.hint("this machine has no such address; 0.0.0.0 is all it has")
        }
        _ => failure,
    }
    .into()
}

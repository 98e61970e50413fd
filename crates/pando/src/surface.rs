//! The HTTP surface of the data: a server's, or the web tier's own in this process, over the
//! store that is open here. A command that asks through it means the same both ways.

use crate::config::Config;
use crate::failure::fail;
use crate::parts::listeners;
use crate::roles::web::web_config;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use pando_client::Client;
use pando_queue::listeners::ListenerReport;
use pando_store::Store;
use pando_store::migrate::MigrationFile;
use pando_web::{Admin, AdminError, AdminErrorKind, Exposure, Web};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const JSON: &str = "application/json";
/// Nobody waits at the other end of a request in this process.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// Nor does a long one keep others waiting: so many times the operations that a server takes.
const ROOM: usize = 10;

/// Where requests go.
pub enum Surface {
    /// To a server.
    Server(Client),
    /// To the web tier in this process.
    Here(Box<Web>),
}

/// A request.
pub struct Asked<'a> {
    method: Method,
    path: &'a str,
    headers: Vec<(HeaderName, &'a str)>,
    key: Option<&'a str>,
    body: Bytes,
}

/// The answer to what was done.
pub struct Reply {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why a request was not carried out.
pub struct NotDone {
    /// What it was answered with, if it was.
    pub status: Option<StatusCode>,
    /// Stable.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What exactly: a text, an object that names an operation, or nothing.
    pub details: Value,
    /// All of that, for people.
    pub error: anyhow::Error,
}

impl Surface {
    /// The surface of a store that is open here. Whoever could open it may do everything.
    pub fn here(store: &Arc<Store>, config: &Config) -> Surface {
        let process = NoProcess {
            listeners: listeners::declared(config),
        };
        let mut config = web_config(config);
        config.auth_required = false;
        let limits = &mut config.limits;
        limits.request_timeout = REQUEST_TIMEOUT;
        limits.max_batch *= ROOM;
        limits.max_operations *= ROOM;
        let web = Web::new(Arc::clone(store), Arc::new(process), config);
        Surface::Here(Box::new(web))
    }

    /// How many times more than a server takes goes into one request.
    pub fn room(&self) -> usize {
        match self {
            Surface::Server(_) => 1,
            Surface::Here(_) => ROOM,
        }
    }

    /// Sends a request and reads the whole answer. What is not a success is an error.
    pub async fn send(&self, asked: Asked<'_>) -> Result<Reply, NotDone> {
        match self {
            Surface::Server(client) => ask_server(client, asked).await,
            Surface::Here(web) => ask_here(web, asked).await,
        }
    }
}

impl<'a> Asked<'a> {
    /// A question.
    pub fn get(path: &'a str, accept: &'a str) -> Asked<'a> {
        Asked {
            method: Method::GET,
            path,
            headers: vec![(ACCEPT, accept)],
            key: None,
            body: Bytes::new(),
        }
    }

    /// JSON that is sent.
    pub fn post(path: &'a str, body: impl Into<Bytes>) -> Asked<'a> {
        Asked {
            method: Method::POST,
            path,
            headers: Vec::new(),
            key: None,
            body: body.into(),
        }
    }

    /// With a header more.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &'a str) -> Asked<'a> {
        self.headers.push((name, value));
        self
    }

    /// With the key that makes it be done once.
    #[must_use]
    pub fn key(mut self, key: &'a str) -> Asked<'a> {
        self.key = Some(key);
        self
    }
}

async fn ask_server(client: &Client, asked: Asked<'_>) -> Result<Reply, NotDone> {
    let mut call = client.request(asked.method, asked.path);
    for (name, value) in asked.headers {
        call = call.header(name, value);
    }
    if let Some(key) = asked.key {
        call = call.idempotency_key(key);
    }
    if !asked.body.is_empty() {
        call = call.body(JSON, asked.body);
    }
    match call.await {
        Ok(answer) => Ok(Reply {
            headers: answer.headers,
            body: answer.body,
        }),
        Err(error) => Err(NotDone {
            status: error.status(),
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            details: error.details().clone(),
            error: error.into(),
        }),
    }
}

async fn ask_here(web: &Web, asked: Asked<'_>) -> Result<Reply, NotDone> {
    let mut request = Request::builder()
        .method(asked.method)
        .uri(asked.path)
        .header(HOST, "localhost");
    if !asked.body.is_empty() {
        request = request.header(CONTENT_TYPE, JSON);
    }
    if let Some(key) = asked.key {
        request = request.header("idempotency-key", key);
    }
    for (name, value) in asked.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(asked.body));
    let request = request.map_err(|error| NotDone::of(error.into()))?;
    let (parts, body) = web.handle(request, Exposure::Loopback).await.into_parts();
    let body = body.collect().await;
    let body = body.map_err(|error| NotDone::of(error.into()))?.to_bytes();
    if !parts.status.is_success() {
        return Err(NotDone::answered(parts.status, &body));
    }
    Ok(Reply {
        headers: parts.headers,
        body,
    })
}

/// The form of every error's body.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    code: String,
    message: String,
    details: Value,
    hint: Option<String>,
}

impl NotDone {
    fn of(error: anyhow::Error) -> NotDone {
        NotDone {
            status: None,
            code: String::new(),
            message: error.to_string(),
            details: Value::Null,
            error,
        }
    }

    fn answered(status: StatusCode, body: &[u8]) -> NotDone {
        let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let mut told = format!("{} ({})", body.message, body.code);
        if let Value::String(details) = &body.details {
            told.push_str(": ");
            told.push_str(details);
        }
        let failure = fail(told);
        NotDone {
            status: Some(status),
            code: body.code,
            message: body.message,
            details: body.details,
            error: match body.hint {
                Some(hint) => failure.hint(hint).into(),
                None => failure.into(),
            },
        }
    }
}

/// There is no process to administer: the command is its own. But for what is in its configuration.
struct NoProcess {
    listeners: Vec<ListenerReport>,
}

#[async_trait]
impl Admin for NoProcess {
    fn config(&self) -> Value {
        Value::Array(Vec::new())
    }

    async fn reload(&self) -> Result<Value, AdminError> {
        Err(no_process())
    }

    async fn migrate(
        &self,
        _check: bool,
        _files: Option<Vec<MigrationFile>>,
    ) -> Result<Value, AdminError> {
        Err(no_process())
    }

    async fn backup(&self, _path: &Path) -> Result<Value, AdminError> {
        Err(no_process())
    }

    fn listeners(&self) -> Vec<ListenerReport> {
        self.listeners.clone()
    }

    fn shutdown(&self) {}
}

fn no_process() -> AdminError {
    AdminError {
        kind: AdminErrorKind::Conflict,
        code: "not_serving",
        message: "this process does not serve".to_owned(),
        details: None,
        hint: None,
    }
}

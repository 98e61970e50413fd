//! A small HTTP client for the admin API and for benches: one connection, HTTP/1.1.
//!
//! Over TLS it trusts exactly the certificate of the configuration: commands talk
//! to the server of their own data directory, not to strangers.

mod pinned;

use crate::failure::fail;
use anyhow::Context;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// A client of one server.
pub struct Client {
    target: Target,
    key: Option<HeaderValue>,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

#[derive(Clone)]
struct Target {
    host: String,
    authority: HeaderValue,
    port: u16,
    tls: Option<TlsConnector>,
}

/// The shape of every error of Pando's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ErrorBody {
    /// Stable.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What exactly.
    pub details: Value,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Client {
    /// A client of the server at `url` (`http://HOST:PORT`). `certificate` is the PEM file
    /// that an https server is known by.
    pub fn new(url: &str, key: Option<&str>, certificate: Option<&Path>) -> anyhow::Result<Client> {
        let uri: Uri = url
            .parse()
            .map_err(|_| fail(format!("`{url}` is not a URL")).usage())?;
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let path = certificate.ok_or_else(|| {
                    fail("an https server is known by its certificate")
                        .hint("set [tls] cert to the server's certificate")
                        .usage()
                })?;
                Some(TlsConnector::from(Arc::new(pinned::config(path)?)))
            }
            _ => {
                return fail(format!("`{url}`: write http://HOST:PORT"))
                    .usage()
                    .err();
            }
        };
        let host = uri.host().unwrap_or("127.0.0.1").to_owned();
        let authority = uri
            .authority()
            .map_or(host.as_str(), |authority| authority.as_str());
        let mut key = key
            .map(|key| HeaderValue::try_from(format!("Bearer {key}")))
            .transpose()
            .map_err(|_| fail("the key holds characters that no key has"))?;
        if let Some(key) = &mut key {
            key.set_sensitive(true);
        }
        Ok(Client {
            target: Target {
                authority: HeaderValue::try_from(authority)?,
                port: uri
                    .port_u16()
                    .unwrap_or(if tls.is_some() { 443 } else { 80 }),
                host,
                tls,
            },
            key,
            connection: Mutex::new(None),
        })
    }

    /// Another client of the same server, with a connection of its own.
    pub fn another(&self) -> Client {
        Client {
            target: self.target.clone(),
            key: self.key.clone(),
            connection: Mutex::new(None),
        }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.target.authority)
            .body(Full::new(body))?;
        if let Some(key) = &self.key {
            request.headers_mut().insert(AUTHORIZATION, key.clone());
        }
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, HeaderValue::try_from(*value)?);
        }
        let mut connection = self.connection.lock().await;
        let mut sender = match connection.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect().await?,
        };
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        *connection = Some(sender);
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// Sends JSON, or nothing, and reads JSON; an error answer becomes an error.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let (headers, bytes): (&[_], Bytes) = match body {
            Some(body) => (
                &[(CONTENT_TYPE.as_str(), "application/json")],
                serde_json::to_vec(body)?.into(),
            ),
            None => (&[], Bytes::new()),
        };
        let answer = self.send(method, path, headers, bytes).await?;
        answer.json()
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let Target { host, port, .. } = &self.target;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, *port))
            .await
            .with_context(|| format!("cannot reach the server at {host}:{port}"))?;
        stream.set_nodelay(true)?;
        match &self.target.tls {
            None => start(TokioIo::new(stream)).await,
            Some(connector) => {
                let name = ServerName::try_from(bare.to_owned())?;
                start(TokioIo::new(connector.connect(name, stream).await?)).await
            }
        }
    }
}

impl Answer {
    /// The body as JSON; an error answer becomes an error.
    pub fn json(&self) -> anyhow::Result<Value> {
        if !self.status.is_success() {
            return Err(self.failure());
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).context("the server's answer is not JSON")
    }

    /// The body as an error.
    pub fn error(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The answer as an error, with the server's words and hint.
    pub fn failure(&self) -> anyhow::Error {
        let body = self.error();
        let mut message = if body.message.is_empty() {
            format!("the server answered {}", self.status)
        } else {
            format!("{} ({})", body.message, body.code)
        };
        if let Value::String(details) = &body.details {
            message.push_str(": ");
            message.push_str(details);
        }
        let failure = fail(message);
        let hint = body.hint.or_else(|| {
            (self.status == StatusCode::UNAUTHORIZED)
                .then(|| "give a key in PANDO_KEY, or run as the owner of root.key".to_owned())
        });
        match hint {
            Some(hint) => failure.hint(hint).into(),
            None => failure.into(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({}:{})", self.target.host, self.target.port)
    }
}

/// A name as one segment or value of a URL.
pub fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

async fn start<T>(io: T) -> anyhow::Result<SendRequest<Full<Bytes>>>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(io).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the server broke");
        }
    });
    Ok(sender)
}

//! How commands speak to a server: the client crate, set up for people who wait.
//!
//! Over TLS they trust exactly the certificate of the configuration: commands talk to the
//! server of their own data directory, not to strangers.

mod pinned;

use crate::failure::fail;
use http::Method;
use pando_client::{Client, Retry};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// With its waits about ten seconds: what a restart of the server takes.
const ATTEMPTS_MAX: u32 = 7;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A client of the server at `url` (`http://HOST:PORT`). `certificate` is the PEM file that an
/// https server is known by. Nothing ends but by its answer: a backup takes its time.
pub fn connect(url: &str, key: Option<&str>, certificate: Option<&Path>) -> anyhow::Result<Client> {
    let retry = Retry {
        attempts_max: ATTEMPTS_MAX,
        first_wait: FIRST_WAIT,
        ..Retry::default()
    };
    connect_with(url, key, certificate, retry)
}

/// The same, with a word on what is sent again.
pub fn connect_with(
    url: &str,
    key: Option<&str>,
    certificate: Option<&Path>,
    retry: Retry,
) -> anyhow::Result<Client> {
    let mut builder = Client::builder(url)
        .retry(retry)
        .attempt_time(None)
        .call_time(None);
    if url.starts_with("https:") {
        let path = certificate.ok_or_else(|| {
            fail("an https server is known by its certificate")
                .hint("set [tls] cert to the server's certificate")
                .usage()
        })?;
        builder = builder.tls(pinned::config(path)?);
    }
    if let Some(key) = key {
        builder = builder.key(key);
    }
    Ok(builder.build()?)
}

/// Sends JSON, or nothing, and reads JSON, or nothing.
pub async fn call(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let mut call = client.request(method, path);
    if let Some(body) = body {
        call = call.json(body);
    }
    let answer = call.await?;
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    Ok(answer.json()?)
}

//! The handler that posts messages to a URL of the application.
//!
//! | answer | meaning |
//! |---|---|
//! | 2xx | done |
//! | a status of `dead_on`, 410 by default | a dead letter at once |
//! | 429 or 503 with `Retry-After` | tried again then |
//! | anything else, redirects too | tried again by the queue's backoff |
//!
//! A redirect is not followed: the URL is the operator's, and an application that could name others
//! could have Pando ask what it may not reach itself. A connection that is not over in time is
//! closed.

mod sign;
mod trust;

pub use sign::Secrets;

use crate::event;
use crate::handler::{Failure, Handler, Job, Verdict};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// Less than servers keep them open for, as a rule, so that few requests meet one that is closing.
const IDLE_MAX: Duration = Duration::from_secs(4);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Of an answer so much is kept as the error.
const ERROR_BYTES: usize = 1 << 10;
/// Of an answer so much is read so that its connection can be used again.
const DRAIN_BYTES: usize = 64 << 10;
/// How long whoever has said that it is done is listened to.
const SAID_WITHIN: Duration = Duration::from_millis(100);

/// Where messages are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// `http://` or `https://`, without a name and a password.
    pub url: String,
    /// Statuses after which a message is dead at once.
    pub dead_on: Vec<u16>,
    /// Certificates (PEM) of those who may vouch for the endpoint; the system's where none are
    /// named.
    pub ca_file: Option<PathBuf>,
    /// What messages are signed with.
    pub secrets: Option<Secrets>,
}

/// Why messages cannot be posted there.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The URL is none.
    #[error("url {0}")]
    Url(&'static str),
    /// A status is none of an answer.
    #[error("dead_on has {0}, which is no status of a failure: 300 to 599")]
    Status(u16),
    /// A file cannot be used.
    #[error("{setting} {path}: {reason}")]
    File {
        /// Which setting names it.
        setting: &'static str,
        /// Where it is.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// See the module.
pub struct Endpoint {
    uri: Uri,
    /// Without its query, which may be secret.
    shown: String,
    dead_on: Vec<u16>,
    secrets: Option<Secrets>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What is posted.
pub(crate) struct Posted<'a> {
    /// What it is signed under: the same whenever it is posted again.
    pub(crate) id: &'a str,
    /// Names and values, but for content type and signatures.
    pub(crate) headers: Vec<(String, String)>,
    /// What the body is.
    pub(crate) content_type: &'a str,
    /// The body.
    pub(crate) body: Bytes,
}

/// What is answered.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The beginning of the body.
    pub(crate) said: String,
}

impl Answered {
    async fn read<B: Body<Data = Bytes> + Unpin>(answer: Response<B>) -> Answered {
        let (parts, body) = answer.into_parts();
        let said = beginning(body);
        let said = match parts.status.is_success() {
            // It is done, whatever else is said; what was read lets the connection be used again.
            true => timeout(SAID_WITHIN, said).await.unwrap_or_default(),
            false => said.await,
        };
        Answered {
            status: parts.status,
            headers: parts.headers,
            said: String::from_utf8_lossy(&said).into_owned(),
        }
    }
}

impl EndpointConfig {
    /// Refuses what cannot be, without reading files.
    pub fn validate(&self) -> Result<(), EndpointError> {
        uri_of(&self.url)?;
        let is_failure = |status: &&u16| !(300..600).contains(*status);
        match self.dead_on.iter().find(is_failure) {
            Some(status) => Err(EndpointError::Status(*status)),
            None => Ok(()),
        }
    }
}

impl Endpoint {
    /// One that has no connection yet. Reads the files that the configuration names.
    pub fn new(config: EndpointConfig) -> Result<Endpoint, EndpointError> {
        config.validate()?;
        let uri = uri_of(&config.url)?;
        let tls = trust::config(&uri, config.ca_file.as_deref())?;
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_WITHIN));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Endpoint {
            shown: format!(
                "{}://{}{}",
                uri.scheme_str().unwrap_or_default(),
                uri.authority().map_or("", |at| at.as_str()),
                uri.path()
            ),
            uri,
            dead_on: config.dead_on,
            secrets: config.secrets,
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_MAX)
                .build(connector),
        })
    }

    /// Posts a body, and gives what is answered; or why nothing is.
    pub(crate) async fn post(&self, posted: Posted<'_>) -> Result<Answered, String> {
        let request = self.request(posted);
        let request = request.map_err(|error| format!("it cannot be sent over HTTP: {error}"))?;
        let answer = self.client.request(request).await.map_err(|error| {
            let (shown, reason) = (&self.shown, reason_of(&error));
            format!("POST {shown} failed: {reason}")
        })?;
        Ok(Answered::read(answer).await)
    }

    fn request(&self, posted: Posted<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::new(Full::new(posted.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        for (name, value) in &posted.headers {
            put(headers, name, value)?;
        }
        put(headers, CONTENT_TYPE.as_str(), posted.content_type)?;
        put(
            headers,
            USER_AGENT.as_str(),
            concat!("pando/", env!("CARGO_PKG_VERSION")),
        )?;
        if let Some(secrets) = &self.secrets {
            let seconds = Timestamp::now().as_second();
            for (name, value) in secrets.sign(posted.id, seconds, &posted.body) {
                put(headers, name, &value)?;
            }
        }
        Ok(request)
    }

    /// What an answer that is no success says.
    pub(crate) fn failure_of(&self, answer: &Answered) -> Failure {
        let mut error = format!("POST {} answered {}", self.shown, answer.status);
        if answer.status.is_redirection() {
            error.push_str(", and redirects are not followed");
        }
        Failure::saying(error, &answer.said)
    }

    fn verdict(&self, answer: &Answered) -> Verdict {
        let status = answer.status;
        if status.is_success() {
            return Verdict::Done;
        }
        let error = self.failure_of(answer);
        if self.dead_on.contains(&status.as_u16()) {
            return Verdict::Dead { error };
        }
        let asks_to_wait = matches!(status.as_u16(), 429 | 503);
        let delay = answer.headers.get(RETRY_AFTER).filter(|_| asks_to_wait);
        Verdict::Failed {
            error,
            delay: delay.and_then(|after| wait_of(after, Timestamp::now())),
        }
    }
}

/// A message as it is handed over.
fn posted_of<'a>(job: &'a Job, id: &'a str) -> Posted<'a> {
    let mut headers = event::headers(job);
    let own = [
        ("idempotency-key", format!("{}/{id}", job.place.group)),
        ("pando-queue", job.place.queue.clone()),
        ("pando-attempt", job.attempt.to_string()),
    ];
    headers.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Posted {
        id,
        headers,
        content_type: &job.message.content_type,
        body: job.message.body.clone(),
    }
}

#[async_trait]
impl Handler for Endpoint {
    async fn handle(&self, job: &Job) -> Verdict {
        let id = job.message.id.to_string();
        match self.post(posted_of(job, &id)).await {
            Ok(answer) => self.verdict(&answer),
            Err(error) => Verdict::failed(error),
        }
    }

    fn describe(&self) -> String {
        format!("POST {}", self.shown)
    }
}

fn uri_of(url: &str) -> Result<Uri, EndpointError> {
    let uri: Uri = url
        .parse()
        .map_err(|_| EndpointError::Url("is no URL: write http://HOST:PORT/PATH"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(EndpointError::Url(
            "must begin with http:// or https://, then HOST:PORT and a path",
        ));
    }
    match uri.authority() {
        Some(at) if at.as_str().contains('@') => Err(EndpointError::Url(
            "holds a name or a password: sign messages with secret_file instead",
        )),
        Some(_) => Ok(uri),
        None => Err(EndpointError::Url("names no host")),
    }
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), http::Error> {
    let name = HeaderName::try_from(name)?;
    headers.insert(name, HeaderValue::try_from(value)?);
    Ok(())
}

/// The beginning of an answer's body; the rest is read as well, if it is not long.
async fn beginning<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Vec<u8> {
    let (mut begins, mut read) = (Vec::new(), 0);
    while read < DRAIN_BYTES {
        let Some(Ok(frame)) = body.frame().await else {
            break;
        };
        if let Ok(data) = frame.into_data() {
            read += data.len();
            let room = ERROR_BYTES - begins.len();
            begins.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    begins
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn wait_of(after: &HeaderValue, now: Timestamp) -> Option<Duration> {
    let text = after.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::parse(text).ok()?.timestamp();
    let seconds = at.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// An error, with what it is because of.
fn reason_of(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    reason
}

#[cfg(test)]
mod tests;

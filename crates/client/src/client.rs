//! The client of one server, and how it is set up.

use crate::answer::Answer;
use crate::call::{Call, Request};
use crate::error::{Error, Result};
use crate::retry::{Attempts, Retry, SystemTimer, Timer};
use crate::session::{Consistency, Session};
use crate::transport::{self, Transport};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Method, Uri};
use http_body_util::Full;
use rustls::ClientConfig;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Values have up to `max_body` (16 MiB as a rule), in base64 a third more, and lists several.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// It takes no idempotency key: its answer is kept nowhere.
const ROTATION: &str = "/sessions/v1/current/rotate";

/// Nor does a lease: each that finds nothing would be a write, and what was leased and not told comes
/// again.
const QUEUES: &str = "/queue/v1/";
const LEASE: &str = "/lease";

/// A client of one server. Clones share its connections, its settings and its [`Session`].
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    session: Session,
}

struct Shared {
    transport: Transport,
    scheme: Scheme,
    authority: Authority,
    key: Option<HeaderValue>,
    retry: Retry,
    attempt_time: Option<Duration>,
    call_time: Option<Duration>,
    consistency: Consistency,
    timer: Arc<dyn Timer>,
}

/// Settings of a client.
pub struct ClientBuilder {
    url: String,
    key: Option<HeaderValue>,
    tls: Option<ClientConfig>,
    retry: Retry,
    connect_time: Duration,
    attempt_time: Option<Duration>,
    call_time: Option<Duration>,
    answer_bytes_max: usize,
    consistency: Consistency,
    timer: Arc<dyn Timer>,
    fault: Option<Error>,
}

impl Client {
    /// A client of the server at `url` (`http://HOST:PORT`), without a key.
    pub fn new(url: &str) -> Result<Client> {
        Client::builder(url).build()
    }

    /// The settings of a client of the server at `url`: `http://HOST:PORT`, or
    /// `https://HOST:PORT` with a CA ([`ClientBuilder::ca_pem`]).
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder {
            url: url.to_owned(),
            key: None,
            tls: None,
            retry: Retry::default(),
            connect_time: Duration::from_secs(5),
            attempt_time: Some(Duration::from_secs(35)),
            call_time: Some(Duration::from_secs(60)),
            answer_bytes_max: ANSWER_BYTES_MAX,
            consistency: Consistency::Session,
            timer: Arc::new(SystemTimer::start()),
            fault: None,
        }
    }

    /// The same client for another caller: it reads what `session` wrote and saw.
    pub fn in_session(&self, session: Session) -> Client {
        Client {
            shared: Arc::clone(&self.shared),
            session,
        }
    }

    /// Whose writes it reads.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// A request of any kind, answered as it comes; an error answer is an error. Methods but
    /// `GET`, `HEAD` and `OPTIONS` are writes: they carry an idempotency key, but for the admin
    /// API, rotations of sessions and leases of queues, which know none or are better without;
    /// what may have been done there is not sent again. `path` has its query, percent-encoded ([`crate::encoded`]).
    pub fn request(&self, method: Method, path: &str) -> Call<Answer> {
        let mut request = Request::new(method, path.to_owned());
        let is_lease = path.starts_with(QUEUES) && path.ends_with(LEASE);
        request.once = path.starts_with("/admin/") || path.starts_with(ROTATION) || is_lease;
        Call::new(self, Ok(request), Answer::success)
    }

    /// Sends a request until it is answered, or its time is up.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer> {
        let shared = &*self.shared;
        let once = request.writes() && request.once;
        let key = (request.writes() && !once).then(|| {
            let given = request.key.clone();
            given.unwrap_or_else(|| Uuid::now_v7().to_string())
        });
        let time = request.time.or(shared.call_time);
        let mut attempts = Attempts::new(&shared.retry, &*shared.timer, time, once);
        loop {
            let time = attempts.time_left(shared.attempt_time);
            let outcome = self.attempt(request, key.as_deref(), time).await;
            if attempts.again(&outcome).await {
                let told = outcome.and_then(Answer::success).err();
                tracing::debug!(
                    code = told.as_ref().map(Error::code),
                    "a request is sent again"
                );
                continue;
            }
            let maybe_done = attempts.maybe_done();
            return match (outcome, &key) {
                (Err(error), Some(key)) => Err(error.of_write(key, maybe_done)),
                (Err(error), None) if once => Err(error.of_write_once()),
                (Err(error), None) => Err(error.of_read()),
                // The server said no more than that it may have been done.
                (Ok(answer), Some(key)) if maybe_done && !answer.status.is_success() => {
                    Err(Error::answered(&answer).of_write(key, true))
                }
                (Ok(answer), _) => Ok(answer),
            };
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        key: Option<&str>,
        time: Option<Duration>,
    ) -> Result<Answer> {
        let brought = self.session.bring();
        let mut consistency = request.consistency.unwrap_or(self.shared.consistency);
        if brought.strong && consistency == Consistency::Session {
            consistency = Consistency::Strong;
        }
        let mut sent = http::Request::new(Full::new(request.body.clone()));
        *sent.method_mut() = request.method.clone();
        *sent.uri_mut() = self.uri(&request.path)?;
        let headers = sent.headers_mut();
        headers.clone_from(&request.headers);
        if let Some(key) = &self.shared.key {
            headers.insert(AUTHORIZATION, key.clone());
        }
        let mut put = |name: &'static str, value: &str| {
            let value = HeaderValue::from_str(value)
                .map_err(|error| Error::usage(format!("{name} cannot be sent")).because(error))?;
            headers.append(HeaderName::from_static(name), value);
            Ok::<_, Error>(())
        };
        if let Some(key) = key {
            put("idempotency-key", key)?;
        }
        if let Some(text) = consistency.text() {
            put("pando-consistency", &text)?;
        }
        if !brought.tokens.is_empty() {
            put("pando-stamp", &brought.tokens.join(","))?;
        }
        let answer = self.shared.transport.send(sent, time).await?;
        self.session.take(&brought, consistency.covers(), &answer);
        Ok(answer)
    }

    fn uri(&self, path: &str) -> Result<Uri> {
        if !path.starts_with('/') {
            return Err(Error::usage(format!(
                "{path:?} is no path: it begins with /"
            )));
        }
        Uri::builder()
            .scheme(self.shared.scheme.clone())
            .authority(self.shared.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|error| Error::usage(format!("{path:?} is no path")).because(error))
    }
}

impl ClientBuilder {
    /// The key that every request carries. It is shown nowhere.
    #[must_use]
    pub fn key(mut self, key: &str) -> ClientBuilder {
        match HeaderValue::try_from(format!("Bearer {key}")) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.key = Some(value);
            }
            // Without its source, which would show it.
            Err(_) => self.fail(Error::usage("the key holds characters that no key has")),
        }
        self
    }

    /// Who signs the server's certificate: certificates in PEM.
    #[must_use]
    pub fn ca_pem(mut self, pem: &[u8]) -> ClientBuilder {
        match transport::trusting(pem) {
            Ok(tls) => self.tls = Some(tls),
            Err(error) => self.fail(error),
        }
        self
    }

    /// TLS set up by the caller, but for ALPN: HTTP/1.1 is spoken.
    #[must_use]
    pub fn tls(mut self, tls: ClientConfig) -> ClientBuilder {
        self.tls = Some(tls);
        self
    }

    /// What is sent again, and how patiently.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> ClientBuilder {
        self.retry = retry;
        self
    }

    /// How long a connection may take to be made: 5 s unless said otherwise.
    #[must_use]
    pub fn connect_time(mut self, time: Duration) -> ClientBuilder {
        self.connect_time = time;
        self
    }

    /// How long one attempt may take, from its sending to the whole answer; `None` has no limit.
    /// 35 s unless said otherwise: the server gives up after 30 s itself, and says so.
    #[must_use]
    pub fn attempt_time(mut self, time: Option<Duration>) -> ClientBuilder {
        self.attempt_time = time;
        self
    }

    /// How long a call may take with everything that is sent again; `None` has no limit. 60 s
    /// unless said otherwise. [`Call::time`] says it for one call.
    #[must_use]
    pub fn call_time(mut self, time: Option<Duration>) -> ClientBuilder {
        self.call_time = time;
        self
    }

    /// Bytes of an answer's body at most: 64 MiB unless said otherwise.
    #[must_use]
    pub fn answer_bytes_max(mut self, bytes: usize) -> ClientBuilder {
        self.answer_bytes_max = bytes;
        self
    }

    /// How fresh answers have to be where a call does not say.
    #[must_use]
    pub fn consistency(mut self, consistency: Consistency) -> ClientBuilder {
        self.consistency = consistency;
        self
    }

    /// What waits between attempts; for tests.
    #[must_use]
    pub fn timer(mut self, timer: Arc<dyn Timer>) -> ClientBuilder {
        self.timer = timer;
        self
    }

    /// The client. Nothing is connected yet.
    pub fn build(self) -> Result<Client> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let wrong = || {
            Error::usage(format!("{:?} is no address of a server", self.url))
                .hinted("Write http://HOST:PORT or https://HOST:PORT.")
        };
        let uri: Uri = self.url.parse().map_err(|_| wrong())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(wrong());
        };
        let path = parts
            .path_and_query
            .as_ref()
            .map_or("/", |path| path.as_str());
        if path != "/" || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let tls = match (self.tls, scheme.as_str()) {
            (Some(tls), "http" | "https") => tls,
            (None, "http") => transport::trusting_nobody()?,
            (None, "https") => {
                return Err(Error::usage("an https server is known by who signed it")
                    .hinted("Give the CA's certificates with ca_pem."));
            }
            _ => return Err(wrong()),
        };
        Ok(Client {
            shared: Arc::new(Shared {
                transport: Transport::new(tls, self.connect_time, self.answer_bytes_max),
                scheme,
                authority,
                key: self.key,
                retry: self.retry,
                attempt_time: self.attempt_time,
                call_time: self.call_time,
                consistency: self.consistency,
                timer: self.timer,
            }),
            session: Session::new(),
        })
    }

    fn fail(&mut self, error: Error) {
        self.fault.get_or_insert(error);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Client({}://{})",
            self.shared.scheme, self.shared.authority
        )
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientBuilder({})", self.url)
    }
}

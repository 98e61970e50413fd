//! A call: a request that is not sent yet, and how its answer is read.

use crate::address;
use crate::answer::{Answer, Etag};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::session::Consistency;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Method;
use http::header::{
    ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH,
};
use serde::Serialize;
use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

/// JSON, as requests say it.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

type Decode<T> = Box<dyn FnOnce(Answer) -> Result<T> + Send>;

/// A request that is not sent yet. Awaiting it sends it; adding it to a
/// [`crate::Transaction`] makes it one of several that are done together.
///
/// ```no_run
/// # async fn example(client: pando_client::Client) -> pando_client::Result<()> {
/// let kv = client.kv("greetings");
/// let stored = kv.put("ko", "안녕").if_absent().await?;
/// kv.put("ko", "안녕하세요").if_match(&stored.etag).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is sent when it is awaited"]
pub struct Call<T> {
    client: Client,
    request: Result<Request>,
    decode: Decode<T>,
}

/// An answer with what came beside it.
#[derive(Clone, Debug)]
pub struct Detailed<T> {
    /// What the call is answered with.
    pub value: T,
    /// The history has lost something that the session wrote or saw before: in a failover, or
    /// because a backup was restored. The value is true; what it is compared with may not be.
    pub stamp_lost: bool,
    /// A write: it had been done before, under the same key.
    pub replayed: bool,
    /// The list was cut at the server's `max_rows`.
    pub truncated: bool,
}

/// What is sent.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) consistency: Option<Consistency>,
    pub(crate) key: Option<String>,
    pub(crate) time: Option<Duration>,
    /// A question too long for a path.
    pub(crate) asks: bool,
    /// A write where the server knows no keys: what may have been done is not sent again.
    pub(crate) once: bool,
}

impl Request {
    pub(crate) fn new(method: Method, path: String) -> Request {
        Request {
            method,
            path,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            consistency: None,
            key: None,
            time: None,
            asks: false,
            once: false,
        }
    }

    pub(crate) fn get(path: String) -> Request {
        Request::new(Method::GET, path)
    }

    /// With a body in JSON.
    pub(crate) fn json(mut self, value: &(impl Serialize + ?Sized)) -> Result<Request> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| Error::usage("a value cannot be written as JSON").because(error))?;
        self.body = bytes.into();
        self.headers.insert(CONTENT_TYPE, JSON);
        Ok(self)
    }

    /// With a header whose value is known to be sound.
    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Request {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// With a parameter, where it has a value.
    pub(crate) fn param(mut self, name: &str, value: Option<impl fmt::Display>) -> Request {
        if let Some(value) = value {
            address::push_param(&mut self.path, name, &value.to_string());
        }
        self
    }

    pub(crate) fn writes(&self) -> bool {
        let reads = matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS);
        !(reads || self.asks)
    }
}

impl<T> Call<T> {
    pub(crate) fn new(
        client: &Client,
        request: Result<Request>,
        decode: impl FnOnce(Answer) -> Result<T> + Send + 'static,
    ) -> Call<T> {
        Call {
            client: client.clone(),
            request,
            decode: Box::new(decode),
        }
    }

    /// How fresh the answer has to be.
    pub fn consistency(self, consistency: Consistency) -> Call<T> {
        self.changed(|request| request.consistency = Some(consistency))
    }

    /// The key that the write is recognised by when it is sent again, also by another process or
    /// after a crash. Without one each call has its own, a UUIDv7.
    pub fn idempotency_key(self, key: impl Into<String>) -> Call<T> {
        let key = key.into();
        self.changed(|request| request.key = Some(key))
    }

    /// How long the call may take with everything that is sent again.
    pub fn time(self, time: Duration) -> Call<T> {
        self.changed(|request| request.time = Some(time))
    }

    /// Only if what is there has this version; else it fails with
    /// [`crate::ErrorKind::PreconditionFailed`].
    pub fn if_match(self, etag: &Etag) -> Call<T> {
        self.header(IF_MATCH, etag.as_str())
    }

    /// Only if something is there.
    pub fn if_present(self) -> Call<T> {
        self.header(IF_MATCH, "*")
    }

    /// Only if nothing is there.
    pub fn if_absent(self) -> Call<T> {
        self.header(IF_NONE_MATCH, "*")
    }

    /// With a header of the caller's choice.
    pub fn header(self, name: HeaderName, value: &str) -> Call<T> {
        match HeaderValue::from_str(value) {
            Ok(value) => self.changed(|request| {
                request.headers.insert(name, value);
            }),
            Err(error) => {
                self.failed(Error::usage(format!("{name} cannot be {value:?}")).because(error))
            }
        }
    }

    /// With a member in a body that is an object.
    pub(crate) fn saying<V: Serialize + ?Sized>(mut self, name: &str, value: &V) -> Call<T> {
        self.request = self.request.and_then(|mut request| {
            let wrong = |error| Error::usage("a value cannot be written as JSON").because(error);
            let text = serde_json::to_string(value).map_err(wrong)?;
            let name = serde_json::to_string(name).map_err(wrong)?;
            let rest = request.body.strip_suffix(b"}").unwrap_or(b"{");
            let comma = if rest.len() > 1 { "," } else { "" };
            request.body = [rest, format!("{comma}{name}:{text}}}").as_bytes()]
                .concat()
                .into();
            Ok(request)
        });
        self
    }

    /// With a header that is shown nowhere.
    pub(crate) fn with_secret(self, name: HeaderName, value: Result<HeaderValue>) -> Call<T> {
        match value {
            Ok(value) => self.changed(|request| {
                request.headers.insert(name, value);
            }),
            Err(error) => self.failed(error),
        }
    }

    /// With a body of any type.
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Call<T> {
        let body = body.into();
        let call = self.header(CONTENT_TYPE, content_type);
        call.changed(|request| request.body = body)
    }

    /// With a body in JSON.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Call<T> {
        self.request = self.request.and_then(|request| request.json(value));
        self
    }

    /// What may be answered.
    pub fn accept(self, media_type: &str) -> Call<T> {
        self.header(ACCEPT, media_type)
    }

    /// A `POST` that only asks: it carries no key.
    pub(crate) fn asking(self) -> Call<T> {
        self.changed(|request| request.asks = true)
    }

    pub(crate) fn param(self, name: &str, value: impl fmt::Display) -> Call<T> {
        let value = value.to_string();
        self.changed(|request| address::push_param(&mut request.path, name, &value))
    }

    /// Sends it, and gives what came beside the answer too.
    pub async fn detailed(self) -> Result<Detailed<T>> {
        let answer = self.client.send(&self.request?).await?;
        let (stamp_lost, replayed) = (answer.is_stamp_lost(), answer.is_replayed());
        let truncated = answer.headers.contains_key("pando-truncated");
        Ok(Detailed {
            value: (self.decode)(answer)?,
            stamp_lost,
            replayed,
            truncated,
        })
    }

    /// The same call with its answer read on.
    pub fn map<U>(self, read: impl FnOnce(T) -> U + Send + 'static) -> Call<U>
    where
        T: 'static,
    {
        let decode = self.decode;
        Call {
            client: self.client,
            request: self.request,
            decode: Box::new(move |answer| Ok(read(decode(answer)?))),
        }
    }

    pub(crate) fn into_parts(self) -> (Result<Request>, Decode<T>) {
        (self.request, self.decode)
    }

    fn changed(mut self, change: impl FnOnce(&mut Request)) -> Call<T> {
        if let Ok(request) = &mut self.request {
            change(request);
        }
        self
    }

    fn failed(mut self, error: Error) -> Call<T> {
        if self.request.is_ok() {
            self.request = Err(error);
        }
        self
    }
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'static, Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.client.send(&self.request?).await?;
            (self.decode)(answer)
        })
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            Ok(request) => write!(f, "Call({} {})", request.method, request.path),
            Err(error) => write!(f, "Call({error})"),
        }
    }
}

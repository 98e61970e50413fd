//! Several calls at once, over all models: all of them are done, or none.

use crate::answer::Answer;
use crate::call::{Call, JSON, Request};
use crate::client::Client;
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Calls that are carried out together.
///
/// ```no_run
/// # async fn example(client: pando_client::Client) -> pando_client::Result<()> {
/// let mut tx = client.transaction();
/// let paid = tx.add(client.kv("balances").incr("ada", -5))?;
/// tx.add(client.kv("balances").incr("bo", 5))?;
/// let mut done = tx.send().await?;
/// assert!(done.take(paid)?.value >= 0);
/// # Ok(())
/// # }
/// ```
#[must_use = "a transaction is done when it is sent"]
pub struct Transaction {
    client: Client,
    ops: Vec<Op>,
    decoders: Vec<Decode>,
    within_slot: bool,
    isolation: Option<&'static str>,
    key: Option<String>,
}

/// Where a call's answer is in a transaction's: for [`Done::take`].
#[derive(Debug)]
pub struct Place<T> {
    index: usize,
    kind: PhantomData<fn() -> T>,
}

/// The answers of a transaction.
pub struct Done {
    answers: Vec<Option<Result<Box<dyn Any + Send>>>>,
    /// The history has lost something that the session wrote or saw before.
    pub stamp_lost: bool,
    /// It had been done before, under the same key.
    pub replayed: bool,
}

type Decode = Box<dyn FnOnce(Answer) -> Result<Box<dyn Any + Send>> + Send>;

#[derive(Serialize)]
struct Sent<'a> {
    ops: &'a [Op],
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    isolation: Option<&'static str>,
}

#[derive(Serialize)]
struct Op {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Octets {
    base64: String,
}

#[derive(Deserialize)]
struct Told {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Box<RawValue>>,
}

impl Client {
    /// Several calls at once: all or none.
    pub fn transaction(&self) -> Transaction {
        Transaction {
            client: self.clone(),
            ops: Vec::new(),
            decoders: Vec::new(),
            within_slot: false,
            isolation: None,
            key: None,
        }
    }
}

impl Transaction {
    /// Adds a call. Its own settings of consistency, key and time do not count: those are the
    /// whole transaction's.
    pub fn add<T: Send + 'static>(&mut self, call: Call<T>) -> Result<Place<T>> {
        let (request, decode) = call.into_parts();
        self.ops.push(Op::of(request?)?);
        self.decoders.push(Box::new(move |answer| {
            decode(answer).map(|value| Box::new(value) as Box<dyn Any + Send>)
        }));
        Ok(Place {
            index: self.ops.len() - 1,
            kind: PhantomData,
        })
    }

    /// It has to stay within one slot, and is refused otherwise.
    pub fn within_slot(mut self) -> Transaction {
        self.within_slot = true;
        self
    }

    /// Serializable within a shard, on every engine.
    pub fn serializable(mut self) -> Transaction {
        self.isolation = Some("serializable");
        self
    }

    /// The key that it is recognised by when it is sent again ([`Call::idempotency_key`]).
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Transaction {
        self.key = Some(key.into());
        self
    }

    /// Carries it out. An error is about all of it: nothing was done, unless the outcome is
    /// unknown; [`Error::op`] says which call it was. A read that finds nothing is no error; a
    /// delete that does is one.
    pub async fn send(self) -> Result<Done> {
        let sent = Sent {
            ops: &self.ops,
            within: self.within_slot.then_some("slot"),
            isolation: self.isolation,
        };
        let request = Request::new(Method::POST, "/tx/v1".to_owned()).json(&sent);
        let decoders = self.decoders;
        let mut call = Call::new(&self.client, request, move |answer| {
            let told: Vec<Told> = answer.success()?.json()?;
            if told.len() != decoders.len() {
                return Err(Error::undecodable("not every operation is answered"));
            }
            let each = told.into_iter().zip(decoders);
            let answers = each.map(|(told, decode)| Some(told.answer().and_then(decode)));
            Ok(answers.collect())
        });
        if let Some(key) = self.key {
            call = call.idempotency_key(key);
        }
        let done = call.detailed().await?;
        Ok(Done {
            answers: done.value,
            stamp_lost: done.stamp_lost,
            replayed: done.replayed,
        })
    }
}

impl Done {
    /// The answer of the call at a place; once.
    pub fn take<T: 'static>(&mut self, place: Place<T>) -> Result<T> {
        let taken = self.answers.get_mut(place.index).and_then(Option::take);
        let value = taken.ok_or_else(|| Error::usage("the place is another transaction's"))??;
        match value.downcast() {
            Ok(value) => Ok(*value),
            Err(_) => Err(Error::usage("the place is another transaction's")),
        }
    }
}

impl Op {
    fn of(request: Request) -> Result<Op> {
        let mut headers = BTreeMap::new();
        for (name, value) in &request.headers {
            let text = value.to_str().map_err(|error| {
                let message = format!("{name} is not ASCII, as in a transaction it has to be");
                Error::usage(message).because(error)
            })?;
            headers.insert(name.as_str().to_owned(), text.to_owned());
        }
        let takes_body = matches!(request.method, Method::POST | Method::PUT | Method::PATCH);
        let kind = request.headers.get(CONTENT_TYPE);
        if kind.is_none() && takes_body && !request.body.is_empty() {
            // Else it would be read as JSON.
            headers.insert("content-type".to_owned(), OCTETS.to_owned());
        }
        let body = match (&request.body, kind) {
            (body, _) if body.is_empty() => None,
            (body, Some(kind)) if is_json(kind) => Some(raw(body)?),
            (body, _) => {
                let base64 = STANDARD.encode(body);
                let value = serde_json::value::to_raw_value(&Octets { base64 });
                Some(
                    value
                        .map_err(|error| Error::usage("the body cannot be sent").because(error))?,
                )
            }
        };
        Ok(Op {
            method: request.method.to_string(),
            path: request.path,
            headers,
            body,
        })
    }
}

const OCTETS: &str = "application/octet-stream";

impl Told {
    /// As it would have been answered by itself.
    fn answer(self) -> Result<Answer> {
        let wrong = |_| Error::undecodable("an operation's answer is none");
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(()))?;
            headers.insert(name, HeaderValue::from_str(&value).map_err(|_| wrong(()))?);
        }
        let body = match (&self.body, headers.get(CONTENT_TYPE)) {
            (None, _) => Bytes::new(),
            (Some(body), Some(kind)) if is_json(kind) => body.get().to_owned().into(),
            (Some(body), _) => bytes_of(body.get())?,
        };
        Ok(Answer {
            status: StatusCode::from_u16(self.status).map_err(|_| wrong(()))?,
            headers,
            body,
        })
    }
}

/// A body that is not JSON: a string, or `{"base64": …}`.
fn bytes_of(raw: &str) -> Result<Bytes> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Body {
        Text(String),
        Octets(Octets),
        Nothing(()),
    }
    let wrong = || Error::undecodable("an operation's body is neither text nor base64");
    match serde_json::from_str(raw).map_err(|error| wrong().because(error))? {
        Body::Text(text) => Ok(text.into()),
        Body::Octets(Octets { base64 }) => {
            let bytes = STANDARD.decode(base64);
            Ok(bytes.map_err(|error| wrong().because(error))?.into())
        }
        Body::Nothing(()) => Ok(Bytes::new()),
    }
}

fn raw(body: &Bytes) -> Result<Box<RawValue>> {
    serde_json::from_slice(body)
        .map_err(|error| Error::usage("a body that is called JSON is none").because(error))
}

fn is_json(kind: &HeaderValue) -> bool {
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(JSON.to_str().unwrap_or_default())
        || kind.to_ascii_lowercase().ends_with("+json")
}

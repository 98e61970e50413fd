//! Key-value: any bytes under a key, with versions, times to live and counters.

mod batch;

pub use batch::{KvDone, KvOp};

use crate::address;
use crate::answer::{Answer, Etag};
use crate::call::{Call, Request};
use crate::client::Client;
use crate::error::Result;
use crate::page::{self, Page};
use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_TYPE, IF_NONE_MATCH};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A space of keys.
#[derive(Clone, Debug)]
pub struct Kv {
    client: Client,
    space: String,
}

/// A value, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes.
    pub value: Bytes,
    /// What they are.
    pub content_type: String,
    /// Its version.
    pub etag: Etag,
    /// When it runs out, RFC 3339.
    pub expires_at: Option<String>,
}

/// What a read found that already knew a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched<T> {
    /// Another version.
    Changed(T),
    /// The same version.
    Unchanged,
    /// Nothing any more.
    Gone,
}

/// A value that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Nothing was there before.
    pub created: bool,
    /// The new version.
    pub etag: Etag,
}

/// A counter that was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What it is now.
    pub value: i64,
    /// The new version.
    pub etag: Etag,
}

/// A key in a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KeyInfo {
    /// The key.
    pub key: String,
    /// Bytes of its value.
    pub size: u64,
    /// What they are.
    pub content_type: String,
    /// Its version: [`Etag::of_version`].
    pub version: i64,
    /// When it runs out, RFC 3339.
    pub expires_at: Option<String>,
}

/// Keys of a space, in the order of their bytes.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until page or stream is called and awaited"]
pub struct KeyList {
    kv: Kv,
    prefix: String,
    limit: Option<u64>,
    cursor: Option<String>,
}

impl Client {
    /// A space of keys. It comes to be with its first key.
    pub fn kv(&self, space: &str) -> Kv {
        Kv {
            client: self.clone(),
            space: space.to_owned(),
        }
    }
}

impl Kv {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Call<Option<Entry>> {
        let request = Request::get(self.path(key));
        self.call(request, |answer| match answer.found()? {
            Some(answer) => Entry::of(answer).map(Some),
            None => Ok(None),
        })
    }

    /// The value of a key, read as JSON.
    pub fn get_json<T: DeserializeOwned + 'static>(&self, key: &str) -> Call<Option<T>> {
        let request = Request::get(self.path(key));
        self.call(request, |answer| match answer.found()? {
            Some(answer) => answer.json().map(Some),
            None => Ok(None),
        })
    }

    /// The value of a key, unless it still has a version that is known.
    pub fn get_if_changed(&self, key: &str, known: &Etag) -> Call<Fetched<Entry>> {
        let request = Request::get(self.path(key));
        let call = self.call(request, |answer| match answer.status {
            StatusCode::NOT_MODIFIED => Ok(Fetched::Unchanged),
            _ => match answer.found()? {
                Some(answer) => Entry::of(answer).map(Fetched::Changed),
                None => Ok(Fetched::Gone),
            },
        });
        call.header(IF_NONE_MATCH, known.as_str())
    }

    /// Puts any bytes under a key. [`Call::ttl`], [`Call::content_type`], [`Call::if_match`] and
    /// [`Call::if_absent`] say more.
    pub fn put(&self, key: &str, value: impl Into<Bytes>) -> Call<Stored> {
        let mut request = Request::new(Method::PUT, self.path(key));
        request.body = value.into();
        self.call(request, Stored::of)
    }

    /// Puts a value as JSON.
    pub fn put_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Call<Stored> {
        let request = Request::new(Method::PUT, self.path(key));
        self.call(request, Stored::of).json(value)
    }

    /// Deletes a key; whether it was there.
    pub fn delete(&self, key: &str) -> Call<bool> {
        let request = Request::new(Method::DELETE, self.path(key));
        self.call(request, |answer| Ok(answer.found()?.is_some()))
    }

    /// Adds to the counter under a key, which begins at 0.
    pub fn incr(&self, key: &str, by: i64) -> Call<Counted> {
        #[derive(Deserialize)]
        struct Told {
            value: i64,
        }
        let path = address::path("kv", &[&self.space, key, "incr"]);
        let request = Request::new(Method::POST, path).param("by", Some(by));
        self.call(request, |answer| {
            let answer = answer.success()?;
            let Told { value } = answer.json()?;
            let etag = answer.required_etag()?;
            Ok(Counted { value, etag })
        })
    }

    /// The keys.
    pub fn list(&self) -> KeyList {
        KeyList {
            kv: self.clone(),
            prefix: String::new(),
            limit: None,
            cursor: None,
        }
    }

    fn path(&self, key: &str) -> String {
        address::path("kv", &[&self.space, key])
    }

    fn call<T>(
        &self,
        request: Request,
        read: impl FnOnce(Answer) -> Result<T> + Send + 'static,
    ) -> Call<T> {
        Call::new(&self.client, Ok(request), read)
    }
}

impl Call<Stored> {
    /// It runs out after this time.
    pub fn ttl(self, time: Duration) -> Call<Stored> {
        self.param("ttl", address::span(time))
    }

    /// What the bytes are; `application/octet-stream` unless said otherwise.
    pub fn content_type(self, media_type: &str) -> Call<Stored> {
        self.header(CONTENT_TYPE, media_type)
    }
}

impl Call<Counted> {
    /// It runs out after this time.
    pub fn ttl(self, time: Duration) -> Call<Counted> {
        self.param("ttl", address::span(time))
    }
}

impl KeyList {
    /// Only keys that begin like this.
    pub fn prefix(mut self, prefix: impl Into<String>) -> KeyList {
        self.prefix = prefix.into();
        self
    }

    /// So many in a page.
    pub fn limit(mut self, keys: u64) -> KeyList {
        self.limit = Some(keys);
        self
    }

    /// Goes on where a page ended.
    pub fn after(mut self, cursor: impl Into<String>) -> KeyList {
        self.cursor = Some(cursor.into());
        self
    }

    /// One page.
    pub fn page(self) -> Call<Page<KeyInfo>> {
        #[derive(Deserialize)]
        struct List {
            keys: Vec<KeyInfo>,
        }
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.is_empty());
        let request = Request::get(address::path("kv", &[&self.kv.space]))
            .param("prefix", prefix)
            .param("limit", self.limit)
            .param("cursor", self.cursor.as_deref());
        self.kv
            .call(request, |answer| Page::read(answer, |list: List| list.keys))
    }

    /// All of them, page by page.
    pub fn stream(self) -> impl Stream<Item = Result<KeyInfo>> + Send {
        page::stream(move |cursor| match cursor {
            Some(cursor) => self.clone().after(cursor).page(),
            None => self.clone().page(),
        })
    }
}

impl Entry {
    /// The value as text, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.value).ok()
    }

    fn of(answer: Answer) -> Result<Entry> {
        Ok(Entry {
            etag: answer.required_etag()?,
            content_type: answer.header("content-type").unwrap_or_default().to_owned(),
            expires_at: answer.header("pando-expires-at").map(str::to_owned),
            value: answer.body,
        })
    }
}

impl Stored {
    pub(crate) fn of(answer: Answer) -> Result<Stored> {
        let answer = answer.success()?;
        Ok(Stored {
            created: answer.status == StatusCode::CREATED,
            etag: answer.required_etag()?,
        })
    }
}

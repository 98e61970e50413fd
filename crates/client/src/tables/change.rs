//! Inserts, updates and deletions of rows.

use super::filter::{Filter, quoted};
use crate::address::push_param;
use crate::call::{Call, JSON, Request};
use crate::client::Client;
use crate::error::{Error, Result};
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A change of rows that is not sent yet.
#[derive(Debug)]
#[must_use = "nothing changes until rows_changed or returning is called and awaited"]
pub struct Change {
    client: Client,
    request: Result<RequestDraft>,
}

#[derive(Debug)]
struct RequestDraft {
    method: Method,
    path: String,
    body: Option<Bytes>,
    prefer: Vec<String>,
}

impl Change {
    pub(super) fn new(client: &Client, method: Method, path: &str) -> Change {
        Change {
            client: client.clone(),
            request: Ok(RequestDraft {
                method,
                path: path.to_owned(),
                body: None,
                prefer: Vec::new(),
            }),
        }
    }

    pub(super) fn rows<T: Serialize + ?Sized>(self, rows: &T) -> Change {
        self.tried(|draft| {
            let body = serde_json::to_vec(rows)
                .map_err(|error| Error::usage("a row cannot be written as JSON").because(error))?;
            draft.body = Some(body.into());
            Ok(())
        })
    }

    /// Only rows where this holds; several filters must all hold. A change without a filter is
    /// refused, unless [`Change::max_affected`] says how far it may go.
    pub fn filter(self, filter: Filter) -> Change {
        self.changed(|draft| {
            let (name, value) = filter.param();
            push_param(&mut draft.path, &name, &value);
        })
    }

    /// Rows that are there already by these columns, rather than by the primary key, are meant by
    /// an upsert.
    pub fn on_conflict(self, columns: &[&str]) -> Change {
        let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        self.changed(|draft| push_param(&mut draft.path, "on_conflict", &columns.join(",")))
    }

    /// Rows that are there already stay as they are.
    pub fn ignore_duplicates(self) -> Change {
        self.prefer("resolution=ignore-duplicates")
    }

    /// What a row does not name gets the column's default, rather than NULL.
    pub fn missing_default(self) -> Change {
        self.prefer("missing=default")
    }

    /// Refused if more rows than this would change.
    pub fn max_affected(self, rows: u64) -> Change {
        self.prefer("handling=strict")
            .prefer(&format!("max-affected={rows}"))
    }

    /// How many rows have changed.
    pub fn rows_changed(self) -> Call<u64> {
        let client = self.client.clone();
        let change = self.prefer("return=minimal").prefer("count=exact");
        Call::new(&client, change.request(), |answer| {
            answer.success()?.total()
        })
    }

    /// The rows as they are now; of those that were deleted, as they were. `columns` is
    /// `select=`.
    pub fn returning<T: DeserializeOwned + 'static>(self, columns: &str) -> Call<Vec<T>> {
        let client = self.client.clone();
        let change = self.prefer("return=representation");
        let change = change.changed(|draft| push_param(&mut draft.path, "select", columns));
        Call::new(&client, change.request(), |answer| answer.success()?.json())
    }

    pub(super) fn prefer(self, preference: &str) -> Change {
        self.changed(|draft| draft.prefer.push(preference.to_owned()))
    }

    fn request(self) -> Result<Request> {
        let draft = self.request?;
        let mut request = Request::new(draft.method, draft.path);
        if let Some(body) = draft.body {
            request.headers.insert(CONTENT_TYPE, JSON);
            request.body = body;
        }
        let prefer = HeaderValue::from_str(&draft.prefer.join(", "))
            .map_err(|error| Error::usage("a preference cannot be sent").because(error))?;
        request.headers.insert(PREFER, prefer);
        Ok(request)
    }

    fn changed(self, change: impl FnOnce(&mut RequestDraft)) -> Change {
        self.tried(|draft| {
            change(draft);
            Ok(())
        })
    }

    fn tried(mut self, change: impl FnOnce(&mut RequestDraft) -> Result<()>) -> Change {
        self.request = self.request.and_then(|mut draft| {
            change(&mut draft)?;
            Ok(draft)
        });
        self
    }
}

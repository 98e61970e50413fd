//! Into a server over HTTP: rows in the form they came in, an idempotency key on every
//! chunk, and the progress in a file of the data directory.
//!
//! Fields of CSV are sent as CSV: there the server reads a text as the column's type, and
//! `{"a": 1}` is an object for a jsonb column, where in JSON the same text is a string.
//!
//! A chunk whose answer was lost is sent again under the same key, so it is stored
//! once. What breaks a rule inside of a chunk is found by halving it.

use super::super::chunk::{Fault, RawChunk, Records};
use super::super::identity::Identity;
use super::super::plan::{self, Mapping};
use super::kept::Run;
use super::{NotStored, Sink, Tally, no_such_table, too_large};
use crate::data_dir::DataDir;
use http::header::HeaderName;
use http::{Method, StatusCode};
use pando_client::{Client, Error, encoded};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Stores rows in a server.
pub struct Remote {
    client: Client,
    table: String,
    mapping: Mapping,
    /// The table's columns, where the key may see them.
    columns: Option<Vec<String>>,
    run: Run,
}

/// A row as it is sent, and the columns it names.
pub struct Sent {
    columns: Arc<[String]>,
    form: Form,
    text: Vec<u8>,
}

/// A row's form; all rows of a chunk have the same.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Csv,
}

impl Remote {
    /// A sink for one import; with `resume` it goes on under the run that was broken off.
    pub fn new(
        client: Client,
        table: &str,
        mapping: Mapping,
        dir: DataDir,
        identity: Identity,
        resume: bool,
    ) -> anyhow::Result<Remote> {
        Ok(Remote {
            client,
            table: table.to_owned(),
            mapping,
            columns: None,
            run: Run::begin(dir, identity, resume)?,
        })
    }

    /// Looks at the table before anything is read: one that is not there is refused, and
    /// headers can be compared with its columns.
    pub async fn look(&mut self) -> anyhow::Result<()> {
        // CSV begins with the names of the columns, rows or not.
        let path = format!("/rest/v1/{}?limit=0", encoded(&self.table));
        let asked = self.client.request(Method::GET, &path).accept("text/csv");
        match asked.await {
            Ok(answer) => {
                let mut csv = csv::Reader::from_reader(&*answer.body);
                let names = csv.headers()?.iter().map(str::to_owned);
                self.columns = Some(names.collect());
                Ok(())
            }
            Err(error) => match error.status() {
                Some(StatusCode::NOT_FOUND) => Err(no_such_table(&self.table)),
                // A key that may write and not read: the server tells, row by row.
                Some(StatusCode::FORBIDDEN) => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    async fn post(&self, items: &[Sent], tally: Tally) -> Result<(), NotStored> {
        let columns: BTreeSet<&str> = items
            .iter()
            .flat_map(|item| item.columns.iter().map(String::as_str))
            .collect();
        let (content_type, body) = body_of(items);
        let path = format!(
            "/rest/v1/{}?columns={}",
            encoded(&self.table),
            columns
                .iter()
                .map(|name| encoded(&format!("\"{name}\"")))
                .collect::<Vec<_>>()
                .join(",")
        );
        let key = self.run.key(tally, items.len());
        let sent = self
            .client
            .request(Method::POST, &path)
            .header(PREFER, "return=minimal, missing=default")
            .body(content_type, body)
            .idempotency_key(key);
        sent.await.map(drop).map_err(not_stored)
    }
}

/// What an error says of a chunk: that its rows break a rule, or that it cannot be stored now.
fn not_stored(error: Error) -> NotStored {
    match error.status() {
        Some(StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => {
            let reason = match error.details().as_str() {
                Some(details) => format!("{}: {details}", error.message()),
                None => error.message().to_owned(),
            };
            NotStored::Refused {
                at: None,
                fault: Fault::new(error.code(), reason),
            }
        }
        Some(StatusCode::PAYLOAD_TOO_LARGE) => NotStored::TooLarge(too_large()),
        _ => NotStored::Failed(error.into()),
    }
}

impl Sink for Remote {
    type Item = Sent;
    type Layout = Option<Arc<[String]>>;

    fn layout(&self, raw: &RawChunk) -> anyhow::Result<Self::Layout> {
        match &raw.records {
            Records::Csv(header, _) => {
                let known: Option<Vec<&str>> = self
                    .columns
                    .as_ref()
                    .map(|columns| columns.iter().map(String::as_str).collect());
                let columns = self
                    .mapping
                    .columns_of(&raw.file, header, known.as_deref())?;
                Ok(Some(columns.into()))
            }
            Records::Json(_) => Ok(None),
        }
    }

    fn prepare(&self, layout: &Self::Layout, raw: &RawChunk, at: usize) -> Result<Sent, Fault> {
        let not_json = |error: serde_json::Error| {
            Fault::new("22P02", format!("the record is no JSON object: {error}"))
        };
        if let Some(columns) = layout {
            let mut line = Vec::new();
            for (field, column) in plan::fields(raw, at)?.iter().zip(columns.iter()) {
                if std::str::from_utf8(field.text).is_err() {
                    return Err(Fault::new("22021", "the field is not UTF-8").at(column));
                }
                let given = (!self.mapping.is_null(field)).then_some(field.text);
                put_field(given, &mut line);
            }
            return Ok(Sent {
                columns: Arc::clone(columns),
                form: Form::Csv,
                text: line,
            });
        }
        let read: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(plan::text(raw, at)?).map_err(not_json)?;
        let object: BTreeMap<&str, Box<RawValue>> = read
            .iter()
            .map(|(key, value)| (self.mapping.column_of(key), value.clone()))
            .collect();
        Ok(Sent {
            columns: object.keys().map(|name| (*name).to_owned()).collect(),
            form: Form::Json,
            text: serde_json::to_vec(&object).map_err(not_json)?,
        })
    }

    fn arrange(&self, _items: &mut [(usize, Sent)]) {}

    fn check(&self, _item: &Sent) -> Option<Fault> {
        // The server knows the table's rules, and it has just been asked.
        None
    }

    async fn commit(&self, items: Vec<Sent>, tally: Tally) -> Result<(), NotStored> {
        self.run.announce().map_err(NotStored::Failed)?;
        if !items.is_empty() {
            self.post(&items, tally).await?;
        }
        self.run.keep(tally, false).map_err(NotStored::Failed)
    }

    async fn rehearse(&self, _items: Vec<Sent>) -> Option<Result<(), NotStored>> {
        None
    }

    async fn fetch_progress(&self, identity: &Identity) -> anyhow::Result<Option<(Tally, bool)>> {
        Ok(self.run.fetch(identity))
    }

    async fn finish(&self, tally: Tally) -> anyhow::Result<()> {
        self.run.keep(tally, true)
    }
}

/// The body that holds all of the items, and its type.
fn body_of(items: &[Sent]) -> (&'static str, Vec<u8>) {
    let mut body = Vec::with_capacity(items.iter().map(|item| item.text.len() + 1).sum());
    if let Some(Sent {
        form: Form::Csv,
        columns,
        ..
    }) = items.first()
    {
        for column in columns.iter() {
            put_field(Some(column.as_bytes()), &mut body);
        }
        for item in items {
            body.push(b'\n');
            body.extend_from_slice(&item.text);
        }
        return ("text/csv", body);
    }
    for item in items {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(&item.text);
    }
    body.push(b']');
    ("application/json", body)
}

/// Appends a field to a line of CSV. Only a field without quotes can be NULL.
fn put_field(field: Option<&[u8]>, line: &mut Vec<u8>) {
    if !line.is_empty() {
        line.push(b',');
    }
    let Some(field) = field else {
        line.extend_from_slice(b"NULL");
        return;
    };
    line.push(b'"');
    for &byte in field {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests;

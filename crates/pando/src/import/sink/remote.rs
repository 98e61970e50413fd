//! Into a server over HTTP: rows as JSON, an idempotency key on every chunk, and
//! the progress in a file of the data directory.
//!
//! A chunk whose answer was lost is sent again under the same key, so it is stored
//! once. What breaks a rule inside of a chunk is found by halving it.

use super::super::chunk::{Fault, RawChunk, Records};
use super::super::identity::Identity;
use super::super::plan::{self, Mapping};
use super::{NotStored, Sink, Tally};
use crate::client::{Answer, Client, encoded};
use crate::data_dir::DataDir;
use crate::failure::fail;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How often a chunk is sent, waiting twice as long each time.
const ATTEMPTS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Stores rows in a server.
pub struct Remote {
    client: Client,
    table: String,
    mapping: Mapping,
    dir: DataDir,
    identity: Identity,
    /// Names this run: the same file imported again later is another import.
    run: String,
}

/// A row as JSON, and the columns it names.
pub struct Object {
    columns: Arc<[String]>,
    json: Vec<u8>,
}

/// What is kept of an import that a server stores.
#[derive(Serialize, Deserialize)]
struct Kept {
    run: String,
    fingerprint: Vec<u8>,
    records: u64,
    written: u64,
    rejected: u64,
    finished: bool,
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
        let kept: Option<Kept> = dir.read_json("imports", &identity.id);
        let run = match kept {
            Some(kept) if resume && kept.fingerprint == identity.fingerprint => kept.run,
            _ => {
                let random = getrandom::u64().map_err(|error| anyhow::anyhow!("{error}"))?;
                format!("{random:016x}")
            }
        };
        let sink = Remote {
            client,
            table: table.to_owned(),
            mapping,
            dir,
            identity,
            run,
        };
        Ok(sink)
    }

    fn keep(&self, tally: Tally, finished: bool) -> anyhow::Result<()> {
        let kept = Kept {
            run: self.run.clone(),
            fingerprint: self.identity.fingerprint.clone(),
            records: tally.records,
            written: tally.written,
            rejected: tally.rejected,
            finished,
        };
        self.dir.write_json("imports", &self.identity.id, &kept)
    }

    async fn post(&self, items: &[Object], tally: Tally) -> Result<(), NotStored> {
        let mut columns = BTreeSet::new();
        let mut body = Vec::with_capacity(items.iter().map(|item| item.json.len() + 1).sum());
        for item in items {
            columns.extend(item.columns.iter().map(String::as_str));
            body.push(if body.is_empty() { b'[' } else { b',' });
            body.extend_from_slice(&item.json);
        }
        body.push(b']');
        let path = format!(
            "/rest/v1/{}?columns={}",
            encoded(&self.table),
            columns
                .iter()
                .map(|name| encoded(&format!("\"{name}\"")))
                .collect::<Vec<_>>()
                .join(",")
        );
        // Rows, range and run name a chunk: the same one is never stored twice.
        let key = format!("import-{}-{}-{}", self.run, tally.records, items.len());
        let answer = self
            .send(&path, &key, body.into())
            .await
            .map_err(NotStored::Failed)?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
                let error = answer.error();
                let reason = match error.details.as_str() {
                    Some(details) => format!("{}: {details}", error.message),
                    None => error.message,
                };
                Err(NotStored::Refused(Fault::new(&error.code, reason)))
            }
            StatusCode::PAYLOAD_TOO_LARGE => Err(NotStored::Failed(
                fail("a chunk is larger than the server takes")
                    .hint("give a smaller --chunk")
                    .into(),
            )),
            _ => Err(NotStored::Failed(answer.failure())),
        }
    }

    async fn send(&self, path: &str, key: &str, body: Bytes) -> anyhow::Result<Answer> {
        let headers = [
            ("content-type", "application/json"),
            ("prefer", "return=minimal, missing=default"),
            ("idempotency-key", key),
        ];
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            match self
                .client
                .send(Method::POST, path, &headers, body.clone())
                .await
            {
                Ok(answer) if answer.status != StatusCode::SERVICE_UNAVAILABLE => {
                    return Ok(answer);
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "a chunk is sent again"),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        self.client.send(Method::POST, path, &headers, body).await
    }
}

impl Sink for Remote {
    type Item = Object;
    type Layout = Option<Arc<[String]>>;

    fn layout(&self, raw: &RawChunk) -> anyhow::Result<Self::Layout> {
        match &raw.records {
            Records::Csv(header, _) => {
                let columns = self.mapping.columns_of(&raw.file, header, None)?;
                Ok(Some(columns.into()))
            }
            Records::Json(_) => Ok(None),
        }
    }

    fn prepare(&self, layout: &Self::Layout, raw: &RawChunk, at: usize) -> Result<Object, Fault> {
        let not_json = |error: serde_json::Error| {
            Fault::new("22P02", format!("the record is no JSON object: {error}"))
        };
        let mut object: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
        if let Some(columns) = layout {
            for (field, column) in plan::fields(raw, at)?.iter().zip(columns.iter()) {
                let text = std::str::from_utf8(field)
                    .map_err(|_| Fault::new("22021", "the field is not UTF-8").at(column))?;
                let value = (!self.mapping.is_null(field)).then_some(text);
                let raw = serde_json::value::to_raw_value(&value).map_err(not_json)?;
                object.insert(column.clone(), raw);
            }
        } else {
            let read: BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(plan::text(raw, at)?).map_err(not_json)?;
            for (key, value) in read {
                object.insert(self.mapping.column_of(&key).to_owned(), value);
            }
        }
        Ok(Object {
            columns: match layout {
                Some(columns) => Arc::clone(columns),
                None => object.keys().cloned().collect(),
            },
            json: serde_json::to_vec(&object).map_err(not_json)?,
        })
    }

    fn arrange(&self, _items: &mut [(usize, Object)]) {}

    fn check(&self, _item: &Object) -> Option<Fault> {
        // The server knows the table's rules, and it has just been asked.
        None
    }

    async fn commit(&self, items: Vec<Object>, tally: Tally) -> Result<(), NotStored> {
        if !items.is_empty() {
            self.post(&items, tally).await?;
        }
        self.keep(tally, false).map_err(NotStored::Failed)
    }

    async fn rehearse(&self, _items: Vec<Object>) -> Option<Result<(), NotStored>> {
        None
    }

    async fn fetch_progress(&self, identity: &Identity) -> anyhow::Result<Option<(Tally, bool)>> {
        let kept: Option<Kept> = self.dir.read_json("imports", &identity.id);
        Ok(kept
            .filter(|kept| kept.fingerprint == identity.fingerprint)
            .map(|kept| {
                let tally = Tally {
                    records: kept.records,
                    written: kept.written,
                    rejected: kept.rejected,
                };
                (tally, kept.finished)
            }))
    }

    async fn finish(&self, tally: Tally) -> anyhow::Result<()> {
        self.keep(tally, true)
    }
}

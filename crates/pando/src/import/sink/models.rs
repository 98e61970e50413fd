//! Into models besides tables: records become operations, and operations requests, each with
//! an idempotency key and all or none. Requests go to a server, or to the web tier of this
//! process over the store that is open here; both mean the same.
//!
//! The answer to a request that is refused names the operation at fault, and so the record.

use super::super::chunk::{Fault, RawChunk, Records};
use super::super::fields::{Fields, Header};
use super::super::identity::Identity;
use super::super::plan::Mapping;
use super::super::recipe::{self, Operations, Recipe};
use super::kept::Run;
use super::{NotStored, Sink, Tally, too_large};
use crate::surface::{Asked, NotDone, Surface};
use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderName;
use serde_json::Value;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Stores records through the HTTP surface.
pub struct Models {
    surface: Surface,
    recipe: Box<dyn Recipe>,
    mapping: Mapping,
    run: Run,
}

impl Models {
    /// A sink for one import.
    pub fn new(surface: Surface, recipe: Box<dyn Recipe>, mapping: Mapping, run: Run) -> Models {
        Models {
            surface,
            recipe,
            mapping,
            run,
        }
    }

    async fn post(&self, items: &[Operations], tally: Tally) -> Result<(), NotStored> {
        let count: usize = items.iter().map(|item| item.count).sum();
        if count > self.recipe.operations_max() * self.surface.room() {
            return Err(NotStored::TooLarge(too_large()));
        }
        let key = self.run.key(tally, items.len());
        let asked = Asked::post(self.recipe.path(), self.body_of(items))
            .header(PREFER, "return=minimal")
            .key(&key);
        let sent = self.surface.send(asked).await;
        sent.map(drop).map_err(|error| refused(error, items))
    }

    fn body_of(&self, items: &[Operations]) -> Bytes {
        let (before, behind) = self.recipe.frame();
        let bytes: usize = items.iter().map(|item| item.text.len() + 1).sum();
        let mut body = String::with_capacity(bytes + before.len() + behind.len());
        body.push_str(before);
        for item in items.iter().filter(|item| item.count > 0) {
            if body.len() > before.len() {
                body.push(',');
            }
            body.push_str(&item.text);
        }
        body.push_str(behind);
        body.into()
    }
}

/// Why a request was not carried out, and for which of its items.
fn refused(error: NotDone, items: &[Operations]) -> NotStored {
    let (op, details) = match &error.details {
        Value::Object(about) => (
            about.get("op").and_then(Value::as_u64),
            about.get("details"),
        ),
        details => (None, Some(details)),
    };
    let about_records = matches!(
        error.status,
        Some(
            StatusCode::BAD_REQUEST
                | StatusCode::NOT_FOUND
                | StatusCode::CONFLICT
                | StatusCode::PRECONDITION_FAILED
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNPROCESSABLE_ENTITY
        )
    );
    match op.and_then(|op| item_of(items, op)) {
        Some(at) if about_records => {
            let reason = match details.and_then(Value::as_str) {
                Some(details) => format!("{}: {details}", error.message),
                None => error.message,
            };
            NotStored::Refused {
                at: Some(at),
                fault: Fault::new(&error.code, reason),
            }
        }
        None if error.status == Some(StatusCode::PAYLOAD_TOO_LARGE) => {
            NotStored::TooLarge(too_large())
        }
        _ => NotStored::Failed(error.error),
    }
}

/// The item that an operation belongs to.
fn item_of(items: &[Operations], op: u64) -> Option<usize> {
    let mut behind = 0;
    items.iter().position(|item| {
        behind += item.count as u64;
        op < behind
    })
}

impl Sink for Models {
    type Item = Operations;
    type Layout = Header;

    fn layout(&self, raw: &RawChunk) -> anyhow::Result<Header> {
        let header = match &raw.records {
            Records::Csv(header, _) => {
                let columns = self.mapping.columns_of(&raw.file, header, None)?;
                Some(columns.into())
            }
            Records::Json(_) => None,
        };
        recipe::check_header(&*self.recipe, &raw.file, &header)?;
        Ok(header)
    }

    fn prepare(&self, header: &Header, raw: &RawChunk, at: usize) -> Result<Operations, Fault> {
        let record = Fields::of(&self.mapping, header, raw, at)?;
        self.recipe.operations(&record)
    }

    /// Of what is stored twice the last counts, and edges follow their nodes: as they stand.
    fn arrange(&self, _items: &mut [(usize, Operations)]) {}

    fn check(&self, _item: &Operations) -> Option<Fault> {
        // What is wrong with it by itself was found when it was prepared.
        None
    }

    async fn commit(&self, items: Vec<Operations>, tally: Tally) -> Result<(), NotStored> {
        self.run.announce().map_err(NotStored::Failed)?;
        if items.iter().any(|item| item.count > 0) {
            self.post(&items, tally).await?;
        }
        self.run.keep(tally, false).map_err(NotStored::Failed)
    }

    async fn rehearse(&self, _items: Vec<Operations>) -> Option<Result<(), NotStored>> {
        None
    }

    async fn fetch_progress(&self, identity: &Identity) -> anyhow::Result<Option<(Tally, bool)>> {
        Ok(self.run.fetch(identity))
    }

    async fn finish(&self, tally: Tally) -> anyhow::Result<()> {
        self.run.keep(tally, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_belongs_to_the_record_it_was_made_of() {
        let items = [2, 0, 1].map(|count| Operations {
            count,
            text: String::new(),
        });
        for (op, item) in [(0, Some(0)), (1, Some(0)), (2, Some(2)), (3, None)] {
            assert_eq!(item_of(&items, op), item, "{op}");
        }
    }
}

//! Documents: JSON objects under ids, in collections that come to be on first write.
//!
//! A document is kept as canonical text, so that what is equal is stored alike. Every write
//! reads, decides and changes in one transaction: no update is lost, and the postings that
//! [`search`] reads are always those of the documents that are there.

mod collections;
mod document;
mod indexing;
mod list;
mod path;
mod planned;
mod relation;
mod resolve;
pub mod search;
mod searching;
mod upkeep;

pub(crate) use collections::Collections;
pub use collections::{Declared, INDEXES_MAX, SEARCH_PATHS_MAX};
pub(crate) use document::unpatched;
pub use document::{Body, Document, DocumentKey, ID_BYTES_MAX, Patch, VALUES_MAX, check_values};
pub use list::DocumentList;
pub use path::{Path, PathError};
pub(crate) use relation::{DOC, STATS, TERM};

use crate::aside::aside;
use crate::kv::check_name;
use crate::operation::Operation;
use crate::precondition::Precondition;
use crate::refused;
use crate::relation::{rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use indexing::{delete, index};
use pando_model::engine::{Cacheable, Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::Row;
use pando_model::value::Value;
use planned::Planned;
use relation::{BODY, ID, VERSION};
use std::sync::Arc;

/// What a write left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whether nothing was there before.
    pub created: bool,
    /// Its version.
    pub version: i64,
}

/// A read of a collection.
fn cacheable(collection: &str) -> Cacheable {
    Cacheable::new(format!("docs/{collection}"))
}

impl Store {
    /// Reads a document; `None` where there is none.
    pub fn docs_get(&self, key: &DocumentKey) -> Operation<Option<Document>> {
        let get = Operation::reading(key.reach(), vec![read(key)], |mut outcomes| {
            let rows = outcomes.pop().and_then(|read| read.rows);
            Ok(rows.and_then(|mut set| document_of(set.rows.pop()?)))
        });
        get.cached_as(cacheable(key.collection()))
    }

    /// Stores a document under its id, new or in the place of the one that is there.
    pub async fn docs_put(
        &self,
        key: &DocumentKey,
        body: Body,
        precondition: Precondition,
    ) -> Result<Operation<Stored>> {
        let version = self.new_version().await?;
        let collections = Arc::clone(self.collections());
        let own = key.clone();
        let planned = aside(body.text().len(), move || {
            Planned::new(&collections.state(), own, body, version)
        });
        let (planned, collections) = (planned.await?, Arc::clone(self.collections()));
        let decide = Step::decide(move |outcomes| {
            precondition.check(version_of(outcomes))?;
            planned.steps(&collections)
        });
        let steps = vec![read_version(key), decide];
        let put = Operation::writing(key.reach(), steps, move |outcomes| {
            let created = version_of(&outcomes).is_none();
            Ok(Stored { created, version })
        });
        Ok(put.laying_down(&self.docs_get(key)))
    }

    /// Stores a document under an id that Pando makes.
    pub async fn docs_post(
        &self,
        collection: &str,
        body: Body,
    ) -> Result<Operation<(DocumentKey, i64)>> {
        check_name("collection", collection)?;
        let id = self.new_version().await?;
        let key = DocumentKey::new(collection, &id.to_string())?;
        // An id that was just made is a version that nothing had, as good as any.
        let stored = self.docs_put(&key, body, none_there()).await?;
        Ok(stored.map(move |stored| Ok((key.clone(), stored.version))))
    }

    /// Changes a document in part, and answers what is there then. What is no patch is refused
    /// before the precondition is looked at (RFC 9110, section 13.2.1). What comes of it is worked
    /// out here, from the document as it is now; where it is another once the patch is carried
    /// out, again there.
    pub async fn docs_patch(
        &self,
        key: &DocumentKey,
        patch: Patch,
        precondition: Precondition,
    ) -> Result<Operation<Document>> {
        patch.check()?;
        let version = self.new_version().await?;
        let collections = Arc::clone(self.collections());
        let bytes_max = self.config().document_bytes_max;
        let patched = {
            let (own, collections) = (key.clone(), Arc::clone(&collections));
            move |found: &Document| -> std::result::Result<Planned, Refusal> {
                let body = found.patched(&patch, bytes_max)?;
                Ok(Planned::new(
                    &collections.state(),
                    own.clone(),
                    body,
                    version,
                ))
            }
        };
        let patched = Arc::new(patched);
        let (found, _) = self
            .answer(&self.docs_get(key), &Session::default())
            .await?;
        let planned = match found {
            Some(found) => {
                let (bytes, patched) = (found.body.len(), Arc::clone(&patched));
                let work = move || (found.version, patched(&found));
                Some(aside(bytes, work).await?)
            }
            None => None,
        };
        let own = key.clone();
        let decide = Step::decide(move |outcomes| {
            let now = version_of(outcomes);
            precondition.check(now)?;
            let Some(now) = now else {
                return Err(refused::not_found("document", own.id()));
            };
            if let Some((before, planned)) = &planned
                && *before == now
            {
                let planned = planned.as_ref().map_err(Refusal::clone)?;
                return and_read(planned.steps(&collections)?, &own);
            }
            let whole = read(&own);
            let (own, collections) = (own.clone(), Arc::clone(&collections));
            let patched = Arc::clone(&patched);
            let again = Step::decide(move |outcomes| {
                let row = outcomes.get(1).and_then(|read| rows_of(read).first());
                let found = row.cloned().and_then(document_of);
                let found = found.ok_or_else(|| refused::not_found("document", own.id()))?;
                and_read(patched(&found)?.steps(&collections)?, &own)
            });
            Ok(vec![whole, again])
        });
        let steps = vec![read_version(key), decide];
        let own = key.clone();
        let patch = Operation::writing(key.reach(), steps, move |mut outcomes| {
            let rows = outcomes.pop().and_then(|read| read.rows);
            rows.and_then(|mut set| document_of(set.rows.pop()?))
                .ok_or_else(|| refused::not_found("document", own.id()))
        });
        Ok(patch.laying_down(&self.docs_get(key)))
    }

    /// Removes a document; `false` where there was none.
    pub fn docs_delete(&self, key: &DocumentKey, precondition: Precondition) -> Operation<bool> {
        let collections = Arc::clone(self.collections());
        let own = key.clone();
        let decide = Step::decide(move |outcomes| {
            let found = version_of(outcomes);
            precondition.check(found)?;
            if found.is_none() {
                return Ok(Vec::new());
            }
            let mut steps = vec![delete(&DOC, own.filter())];
            steps.extend(index(&collections.state(), &own, None)?);
            Ok(steps)
        });
        let steps = vec![read_version(key), decide];
        let delete = Operation::writing(key.reach(), steps, |outcomes| {
            Ok(version_of(&outcomes).is_some())
        });
        delete.laying_down(&self.docs_get(key))
    }
}

/// Nothing may be there.
fn none_there() -> Precondition {
    Precondition {
        if_match: None,
        if_none_match: Some(crate::precondition::Versions::Any),
    }
}

fn read(key: &DocumentKey) -> Step {
    Step::read(tree(select(&DOC, &[ID, BODY, VERSION], key.filter())))
}

/// Reads what a write that replaces has to know of what is there.
fn read_version(key: &DocumentKey) -> Step {
    Step::read(tree(select(&DOC, &[VERSION], key.filter())))
}

/// The version that the first step has found.
fn version_of(outcomes: &[Outcome]) -> Option<i64> {
    match rows_of(outcomes.first()?).first()?.as_slice() {
        [Value::Int(version)] => Some(*version),
        _ => None,
    }
}

/// The same steps, and then a look at what is there.
fn and_read(mut steps: Vec<Step>, key: &DocumentKey) -> std::result::Result<Vec<Step>, Refusal> {
    steps.push(read(key));
    Ok(steps)
}

fn document_of(row: Row) -> Option<Document> {
    let [id, body, version] = <[Value; 3]>::try_from(row).ok()?;
    let (Value::Text(id), Value::Jsonb(body), Value::Int(version)) = (id, body, version) else {
        return None;
    };
    Some(Document { id, body, version })
}

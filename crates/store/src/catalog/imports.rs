//! How far imports have got, so that a broken one can go on: the row is
//! written in the transaction of each chunk.

use super::{equals, int, put, tables, text};
use crate::error::StoreError;
use crate::session::Result;
use crate::store::Store;
use pando_model::plan::Change;
use pando_model::value::Value;

/// An import and its progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportProgress {
    /// Names the import: a digest of target and source, say.
    pub id: String,
    /// What is imported into (`tables/flights`).
    pub target: String,
    /// What is imported, for people.
    pub source: String,
    /// A digest of the source's content or shape; an import goes on only over the same.
    pub fingerprint: Vec<u8>,
    /// Records of the source dealt with: the next one is where to go on.
    pub records: u64,
    /// Of these, rows written.
    pub written: u64,
    /// Of these, rows rejected.
    pub rejected: u64,
    /// Whether the source's end was reached.
    pub finished: bool,
}

impl Store {
    /// The change that records an import's progress; it belongs into the write of the chunk
    /// that it counts.
    pub fn import_progress(&self, progress: &ImportProgress) -> Change {
        put(
            &tables::IMPORT,
            vec![
                text(&progress.id),
                text(&progress.target),
                text(&progress.source),
                Value::Bytes(progress.fingerprint.clone()),
                int(progress.records),
                int(progress.written),
                int(progress.rejected),
                Value::Bool(progress.finished),
                Value::Timestamp(self.clock().now_us()),
            ],
        )
    }

    /// Where an import stands; `None` if it never committed a chunk.
    pub async fn fetch_import(&self, id: &str) -> Result<Option<ImportProgress>> {
        let wanted = equals(tables::import::ID, text(id));
        let rows = self.catalog().fetch(&tables::IMPORT, wanted).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        match <[Value; 9]>::try_from(row) {
            Ok(
                [
                    Value::Text(id),
                    Value::Text(target),
                    Value::Text(source),
                    Value::Bytes(fingerprint),
                    Value::Int(records),
                    Value::Int(written),
                    Value::Int(rejected),
                    Value::Bool(finished),
                    _,
                ],
            ) => Ok(Some(ImportProgress {
                id,
                target,
                source,
                fingerprint,
                records: records.unsigned_abs(),
                written: written.unsigned_abs(),
                rejected: rejected.unsigned_abs(),
                finished,
            })),
            _ => Err(StoreError::Catalog(
                "a row of _pando_import is not readable".into(),
            )),
        }
    }
}

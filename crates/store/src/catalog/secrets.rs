//! The secrets that sign what callers carry: made here, kept in the catalog.

use super::{Catalog, equals, insert, tables};
use crate::error::StoreError;
use crate::session::Result;
use pando_model::plan::{Change, Delete, Filter};
use pando_model::value::Value;
use std::sync::Arc;

/// A secret and its number, which what it signed carries.
pub(crate) struct Secret {
    pub(crate) number: u8,
    pub(crate) bytes: [u8; 32],
    pub(crate) made_at_us: i64,
}

impl Catalog {
    /// The valid secrets, newest first.
    pub(crate) async fn fetch_secrets(&self) -> Result<Vec<Secret>> {
        let rows = self.fetch(&tables::SECRET, Filter::Const(true)).await?;
        let mut secrets = rows
            .into_iter()
            .map(|row| match <[Value; 3]>::try_from(row) {
                Ok(
                    [
                        Value::Int(number),
                        Value::Bytes(bytes),
                        Value::Timestamp(made_at_us),
                    ],
                ) => Ok(Secret {
                    number: u8::try_from(number).map_err(|_| unreadable())?,
                    bytes: bytes.try_into().map_err(|_| unreadable())?,
                    made_at_us,
                }),
                _ => Err(unreadable()),
            })
            .collect::<Result<Vec<Secret>>>()?;
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.made_at_us));
        Ok(secrets)
    }

    /// Makes a new secret and forgets all but it and the one before. Where another process
    /// has just done so, that one counts.
    pub(crate) async fn rotate_secrets(&self) -> Result<()> {
        let known = self.fetch_secrets().await?;
        let newest = known.first();
        let number = newest.map_or(0, |secret| secret.number.wrapping_add(1));
        // A clock that went back must not make the new secret the older one.
        let after = newest.map_or(i64::MIN, |secret| secret.made_at_us.saturating_add(1));
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| StoreError::Catalog(format!("cannot make a secret: {error}")))?;
        let mut changes: Vec<Change> = known
            .iter()
            .skip(1)
            .map(|old| {
                Change::Delete(Delete {
                    table: Arc::clone(&tables::SECRET),
                    filter: equals(tables::secret::NUMBER, Value::Int(i64::from(old.number))),
                    max_affected: None,
                    returning: None,
                })
            })
            .collect();
        changes.push(insert(
            &tables::SECRET,
            vec![
                Value::Int(i64::from(number)),
                Value::Bytes(bytes.to_vec()),
                Value::Timestamp(self.now_us().max(after)),
            ],
        ));
        match self.write_news(changes).await {
            Err(StoreError::Refused(refusal)) if refusal.code == "23505" => Ok(()),
            other => other.map(drop),
        }
    }
}

fn unreadable() -> StoreError {
    StoreError::Catalog("a row of _pando_secret is not readable".into())
}

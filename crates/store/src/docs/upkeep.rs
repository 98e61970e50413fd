//! Brings what is declared into force: indexes are made and dropped, postings are written anew.
//!
//! An index on a path is one change of the schema, and on SQLite other writes wait while it is
//! made; reads do not. The search index is built in small writes between those of others, and
//! each leaves word of how far it has got: a process that stops is gone on from there by the next.

use super::Declared;
use super::collections::{IndexChange, Recorded, State, behind};
use super::document::DocumentKey;
use super::indexing::index;
use super::relation::{BODY, DOC, ID};
use crate::catalog::{news, schema_record};
use crate::error::StoreError;
use crate::kv::check_name;
use crate::operation::{CarriedOut, Operation, Reach};
use crate::refused;
use crate::relation::{rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::budget;
use pando_model::engine::{Outcome, SchemaChange, Step};
use pando_model::error::{EngineError, Refusal};
use pando_model::schema::{Schema, SchemaStep};
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Documents that one write indexes: so few that those who wait do so for some milliseconds. Large
/// ones are more together than a request may read, and then it is fewer.
const BATCH: u64 = 32;
/// How often a change of the schema is tried again because another came between.
const TRIES_MAX: usize = 16;
/// What a batch is refused with that was planned by declarations which are not recorded any more.
const OVERTAKEN: &str = "PDOVT";

impl Store {
    /// Brings the declarations of indexes on paths into force, one after the other; those that are
    /// not declared any more are dropped. Idempotent, and gone on with after a failure.
    pub async fn declare_indexes(&self, wanted: &BTreeMap<String, Declared>) -> Result<()> {
        check_names(wanted)?;
        loop {
            let _alone = self.migrating.lock().await;
            let changed = self.change_declared(|state| {
                let change = state.recorded.index_changes(wanted).into_iter().next()?;
                let recorded = state.recorded.with_index(&change);
                Some((recorded, Some(change)))
            });
            let Some(Some(change)) = changed.await? else {
                return Ok(());
            };
            let (collection, path) = (&change.collection, &change.path);
            let done = if change.made { "made" } else { "dropped" };
            tracing::info!(collection, path, "{done} an index of documents");
        }
    }

    /// Notes which paths are to be searched. [`Store::tend_documents`] builds what that takes,
    /// and takes away what is not declared any more. It is a change of the schema, so that no
    /// process stores a document by other rules from then on.
    pub async fn declare_search(&self, wanted: &BTreeMap<String, Declared>) -> Result<()> {
        check_names(wanted)?;
        let _alone = self.migrating.lock().await;
        let changed = self.change_declared(|state| {
            let searched = state.recorded.with_search(wanted);
            (searched != state.recorded).then_some((searched, None))
        });
        changed.await.map(drop)
    }

    /// Goes on building search indexes, by one small write; `false` where all are built.
    pub async fn tend_documents(&self) -> Result<bool> {
        let _alone = self.migrating.lock().await;
        let state = self.collections().state();
        let Some((collection, after)) = state.unfinished() else {
            return Ok(false);
        };
        let done = match self.index_batch(&state, collection, after).await {
            // Another process builds too, or other paths are declared: it is gone on from there.
            Err(StoreError::Refused(refusal)) if refusal.code == OVERTAKEN => {
                self.collections().reload(self.catalog()).await?;
                return Ok(true);
            }
            done => done?,
        };
        let after = String::from_utf8(done.answer)
            .ok()
            .filter(|id| !id.is_empty());
        if after.is_none() {
            tracing::info!(collection, "the search index is built");
        }
        self.collections()
            .adopt(state.recorded.built(collection, after), done.stamped.high)?;
        Ok(true)
    }

    /// Indexes the documents behind one, as many as a request may read.
    async fn index_batch(
        &self,
        state: &Arc<State>,
        collection: &str,
        after: Option<&str>,
    ) -> Result<CarriedOut> {
        let none = Session::default();
        let mut size = BATCH;
        loop {
            let operation = batch(state, collection, after, size)?;
            match self.carry_out(&operation, None, &none).await {
                Err(StoreError::Refused(refusal))
                    if refusal.code == budget::EXCEEDED && size > 1 =>
                {
                    size = (size / 8).max(1);
                }
                done => return done,
            }
        }
    }

    /// Changes what is declared, as it follows from what is recorded now; `None` if nothing does.
    async fn change_declared(
        &self,
        change: impl Fn(&State) -> Option<(Recorded, Option<IndexChange>)>,
    ) -> Result<Option<Option<IndexChange>>> {
        let mut tries = 0;
        loop {
            // Another process may have changed it.
            self.collections().reload(self.catalog()).await?;
            let state = self.collections().state();
            let Some((recorded, index)) = change(&state) else {
                return Ok(None);
            };
            tries += 1;
            match self
                .try_change_declared(&state, &recorded, index.as_ref())
                .await
            {
                Err(StoreError::Engine(EngineError::SchemaChanged { .. })) if tries < TRIES_MAX => {
                    self.reload_schema().await?;
                }
                done => return done.map(|()| Some(index)),
            }
        }
    }

    async fn try_change_declared(
        &self,
        before: &State,
        recorded: &Recorded,
        index: Option<&IndexChange>,
    ) -> Result<()> {
        let schema = self.schema();
        let next = Schema {
            version: schema.version + 1,
            ..Schema::clone(&schema)
        };
        let mut steps = Vec::new();
        if let Some(index) = index {
            let name = index.name();
            steps.push(if index.made {
                let table = recorded.table()?;
                SchemaStep::CreateIndex { table, name }
            } else {
                let table = Arc::clone(&before.table);
                SchemaStep::DropIndex { table, name }
            });
        }
        let now = Value::Timestamp(self.clock().now_us());
        let change = SchemaChange {
            from_version: schema.version,
            to_version: next.version,
            steps,
            record: vec![
                schema_record(&next, now)?,
                recorded.change().map_err(unwritable)?,
            ],
        };
        let at = self.engine().apply(change).await?;
        // What is planned for the new version has to go by the new declarations.
        self.collections().adopt(recorded.clone(), at)?;
        self.adopt_schema(Arc::new(next));
        Ok(())
    }
}

fn check_names(wanted: &BTreeMap<String, Declared>) -> std::result::Result<(), Refusal> {
    wanted
        .keys()
        .try_for_each(|collection| check_name("collection", collection))
}

/// Indexes the documents behind one, and answers the last of them; nothing at the end. Refused
/// where something else is recorded than what it was planned by.
fn batch(
    state: &Arc<State>,
    collection: &str,
    after: Option<&str>,
    size: u64,
) -> Result<Operation<Vec<u8>>> {
    let mut page = select(&DOC, &[ID, BODY], behind(collection, after));
    page.limit = Some(size);
    let (state, collection) = (Arc::clone(state), collection.to_owned());
    let news = news()?;
    let decide = Step::decide(move |outcomes| {
        let found = outcomes.get(1).and_then(|read| rows_of(read).first());
        let found = found.and_then(|row| Recorded::of(row).ok());
        if found.as_ref() != Some(&state.recorded) {
            return Err(Refusal::new(OVERTAKEN, "other declarations are recorded"));
        }
        let mut steps = Vec::new();
        for row in outcomes.first().map_or(&[][..], rows_of) {
            if let [Value::Text(id), Value::Jsonb(body)] = row.as_slice() {
                let key = DocumentKey::new(&collection, id)?;
                match index(&state, &key, Some(body)) {
                    Ok(step) => steps.extend(step),
                    // It was stored before it was searched, and stays; without postings.
                    Err(refusal) => {
                        tracing::warn!(collection, id, %refusal, "a document is not searchable");
                        steps.extend(index(&state, &key, None)?);
                    }
                }
            }
        }
        let last = last_id(outcomes, size);
        if last.is_none() {
            steps.push(Step::from(news.clone()));
        }
        let built = state.recorded.built(&collection, last);
        steps.push(Step::from(built.change().map_err(|error| {
            refused::conflict(format!("the setting cannot be written: {error}"))
        })?));
        Ok(steps)
    });
    let steps = vec![Step::read(tree(page)), Recorded::read(), decide];
    Ok(Operation::writing(Reach::Many, steps, move |outcomes| {
        Ok::<_, Refusal>(last_id(&outcomes, size).unwrap_or_default().into_bytes())
    }))
}

/// The last document of a whole batch; a batch that is not full is the last.
fn last_id(outcomes: &[Outcome], size: u64) -> Option<String> {
    let rows = outcomes.first().map_or(&[][..], rows_of);
    match rows.last().filter(|_| rows.len() as u64 == size)?.first() {
        Some(Value::Text(id)) => Some(id.clone()),
        _ => None,
    }
}

fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::Catalog(format!(
        "the setting of documents cannot be written: {error}"
    ))
}

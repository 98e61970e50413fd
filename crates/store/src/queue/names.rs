//! The queues there are, a page at a time; and how they come to be known: who publishes to a queue writes
//! its name down as well, unless this process knows that it was.

use super::relation::{NAME, QUEUE};
use super::{Lane, row};
use crate::operation::{Operation, Reach};
use crate::relation::{rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::plan::{Change, Conflict, Filter, Insert};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// What their list's cursors are told from others by.
const KIND: &str = "queues";
/// Callers name queues, so there may be any number: behind so many another one is forgotten, and written
/// down once more when somebody publishes to it.
const KNOWN_MAX: usize = 10_000;

/// Queues whose names this process has written down.
#[derive(Debug, Default)]
pub(crate) struct KnownQueues(Mutex<HashSet<String>>);

impl KnownQueues {
    fn contains(&self, queue: &str) -> bool {
        self.0.lock().contains(queue)
    }

    /// A write that names it was committed.
    pub(crate) fn add(&self, queue: &str) {
        let mut known = self.0.lock();
        if known.len() >= KNOWN_MAX
            && let Some(another) = known.iter().next().cloned()
        {
            known.remove(&another);
        }
        known.insert(queue.to_owned());
    }

    pub(super) fn forget(&self, queue: &str) {
        self.0.lock().remove(queue);
    }
}

/// Names of queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueNames {
    /// In the order of their bytes.
    pub names: Vec<String>,
    /// Where the next page begins, if there is one.
    pub cursor: Option<String>,
}

impl Store {
    /// The same publish, which also writes the queue's name down where this process has not done so.
    pub(super) fn naming<T: 'static>(&self, lane: &Lane, publish: Operation<T>) -> Operation<T> {
        if self.known_queues().contains(&lane.name) {
            return publish;
        }
        let name = Insert {
            table: Arc::clone(&NAME),
            rows: vec![lane.key()],
            conflict: Some(Conflict {
                target: NAME.primary_key.columns.clone(),
                merge: None,
            }),
            returning: None,
        };
        let mut publish = publish.behind(vec![Step::from(Change::Insert(name))]);
        publish.names.push(lane.name.clone());
        publish
    }

    async fn fetch_published_to(&self) -> Result<Vec<String>> {
        let all = select(&NAME, &[QUEUE], Filter::Const(true));
        let read = Operation::reading(Reach::Many, vec![Step::read(tree(all))], |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            Ok(rows
                .iter()
                .filter_map(|row| row::text(row.first()?))
                .collect())
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }

    /// The queues that are declared, those that somebody has published to or leased from, and those that
    /// were moved; so many at most, behind a cursor.
    pub async fn fetch_queue_page(&self, limit: usize, cursor: Option<&str>) -> Result<QueueNames> {
        let behind = match cursor {
            Some(cursor) => Some(self.open_list_cursor(KIND, "", cursor)?),
            None => None,
        };
        let homes = self.fetch_queue_homes().await?;
        let declared = self.config().queues.declared.keys();
        let mut all: BTreeSet<String> = declared.cloned().chain(homes.into_keys()).collect();
        all.extend(self.fetch_queue_names().await?);
        all.extend(self.fetch_published_to().await?);
        let mut rest = all
            .into_iter()
            .filter(|name| behind.as_ref().is_none_or(|behind| name > behind));
        let names: Vec<String> = rest.by_ref().take(limit).collect();
        let last = names.last().filter(|_| rest.next().is_some());
        let cursor = last.map(|last| self.list_cursors(KIND, "")(last));
        Ok(QueueNames { names, cursor })
    }
}

//! The queues there are, a page at a time.

use crate::session::Result;
use crate::store::Store;
use std::collections::BTreeSet;

/// What their list's cursors are told from others by.
const KIND: &str = "queues";

/// Names of queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueNames {
    /// In the order of their bytes.
    pub names: Vec<String>,
    /// Where the next page begins, if there is one.
    pub cursor: Option<String>,
}

impl Store {
    /// The queues that are declared, those that somebody has leased from, and those that were moved; so
    /// many at most, behind a cursor.
    pub async fn fetch_queue_page(&self, limit: usize, cursor: Option<&str>) -> Result<QueueNames> {
        let behind = match cursor {
            Some(cursor) => Some(self.open_list_cursor(KIND, "", cursor)?),
            None => None,
        };
        let homes = self.fetch_queue_homes().await?;
        let declared = self.config().queues.declared.keys();
        let mut all: BTreeSet<String> = declared.cloned().chain(homes.into_keys()).collect();
        all.extend(self.fetch_queue_names().await?);
        let mut rest = all
            .into_iter()
            .filter(|name| behind.as_ref().is_none_or(|behind| name > behind));
        let names: Vec<String> = rest.by_ref().take(limit).collect();
        let last = names.last().filter(|_| rest.next().is_some());
        let cursor = last.map(|last| self.list_cursors(KIND, "")(last));
        Ok(QueueNames { names, cursor })
    }
}

//! Which listeners were ever told of commits: one that is in no configuration any more is known by
//! its name alone, though nothing waits for it.

use crate::catalog::{delete_settings, put, settings_beginning_with, tables, text};
use crate::session::Result;
use crate::store::Store;
use pando_model::value::Value;
use pando_queue::listeners::QUEUE_PREFIX;
use std::collections::BTreeSet;

/// What stands before a name, as a setting.
const LEAD: &str = "listeners/";

impl Store {
    /// Listeners that were told of commits, by any process, and were not forgotten since.
    pub async fn fetch_listener_names(&self) -> Result<BTreeSet<String>> {
        let mut names = self.fetch_noted_names().await?;
        // Somebody may have worked on a queue before names were noted.
        let queues = self.fetch_queue_names().await?;
        let own = queues
            .iter()
            .filter_map(|queue| queue.strip_prefix(QUEUE_PREFIX));
        names.extend(own.map(str::to_owned));
        Ok(names)
    }

    /// Takes a listener from those that are known.
    pub async fn listener_unnote(&self, name: &str) -> Result<()> {
        let own = crate::relation::equals(tables::setting::NAME, setting_of(name));
        self.catalog().write(vec![delete_settings(own)]).await?;
        Ok(())
    }

    /// Notes listeners that are told of commits from now on.
    pub(super) async fn listeners_note(&self, names: impl Iterator<Item = &str>) -> Result<()> {
        let noted = self.fetch_noted_names().await?;
        let new = names.filter(|name| !noted.contains(*name));
        let note = |name| {
            put(
                &tables::SETTING,
                vec![setting_of(name), text("told of commits")],
            )
        };
        let new: Vec<_> = new.map(note).collect();
        if !new.is_empty() {
            self.catalog().write(new).await?;
        }
        Ok(())
    }

    async fn fetch_noted_names(&self) -> Result<BTreeSet<String>> {
        let own = settings_beginning_with(LEAD);
        let rows = self.catalog().fetch(&tables::SETTING, own).await?;
        let names = rows.iter().filter_map(|row| match row.first() {
            Some(Value::Text(name)) => name.strip_prefix(LEAD).map(str::to_owned),
            _ => None,
        });
        Ok(names.collect())
    }
}

fn setting_of(name: &str) -> Value {
    text(format!("{LEAD}{name}"))
}

//! What is said of caches while they run, to all processes: rules that were changed, and marks
//! that say from when on something is to be had anew.

use super::told::value_of;
use super::{Catalog, equals, news, put, random_name, tables, text};
use crate::relation::compare;
use crate::session::Result;
use crate::store::Store;
use arc_swap::ArcSwap;
use pando_model::plan::{Change, Comparison, Delete, Filter};
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands before the name of a collection whose rule was changed. No collection is named like
/// a mark.
const CACHE: &str = "cache/";
/// So many collections are marked one by one; whoever marks one more marks all.
const MARKS_MAX: usize = 1_000;

/// What is said of caches while they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheSettings {
    /// Rules that were changed, by collection, as they were written.
    pub rules: BTreeMap<String, String>,
    flushed: Marks,
    warmed: Marks,
}

/// The settings as far as this process knows.
#[derive(Default)]
pub(crate) struct KnownSettings {
    known: ArcSwap<CacheSettings>,
    /// Held while they are read anew: who began later has read what is newer, and ends later.
    reading: tokio::sync::Mutex<()>,
}

impl KnownSettings {
    pub(crate) fn new(settings: CacheSettings) -> KnownSettings {
        KnownSettings {
            known: ArcSwap::from_pointee(settings),
            ..KnownSettings::default()
        }
    }
}

/// What is to be had anew from a mark on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMark {
    /// All that is kept: what was kept before is not to be found any more.
    Flush,
    /// What is loaded before it is asked for.
    Warm,
}

/// A mark has a name that no other one ever had: one that came back with an older copy of the
/// catalog is known to be another one, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Marks {
    all: Option<String>,
    each: BTreeMap<String, String>,
}

impl CacheMark {
    fn prefix(self) -> &'static str {
        match self {
            CacheMark::Flush => "cache/!flush/",
            CacheMark::Warm => "cache/!warm/",
        }
    }
}

impl CacheSettings {
    /// The last mark of a collection; nothing before there was one.
    pub fn mark(&self, mark: CacheMark, collection: &str) -> Option<&str> {
        let marks = self.marks(mark);
        let own = marks.each.get(collection).or(marks.all.as_ref());
        own.map(String::as_str)
    }

    fn marks(&self, mark: CacheMark) -> &Marks {
        match mark {
            CacheMark::Flush => &self.flushed,
            CacheMark::Warm => &self.warmed,
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        for mark in [CacheMark::Flush, CacheMark::Warm] {
            let Some(collection) = name.strip_prefix(mark.prefix()) else {
                continue;
            };
            let marks = match mark {
                CacheMark::Flush => &mut self.flushed,
                CacheMark::Warm => &mut self.warmed,
            };
            match collection {
                "" => marks.all = Some(value.to_owned()),
                _ => {
                    marks.each.insert(collection.to_owned(), value.to_owned());
                }
            }
            return;
        }
        if let Some(collection) = name.strip_prefix(CACHE) {
            self.rules.insert(collection.to_owned(), value.to_owned());
        }
    }
}

impl Catalog {
    /// What is said of caches while they run.
    pub(crate) async fn fetch_cache_settings(&self) -> Result<CacheSettings> {
        let rows = self
            .fetch(&tables::SETTING, settings_beginning_with(CACHE))
            .await?;
        let mut settings = CacheSettings::default();
        for row in &rows {
            if let [Value::Text(name), Value::Text(value)] = row.as_slice() {
                settings.take(name, value);
            }
        }
        Ok(settings)
    }
}

impl Store {
    /// What is said of caches while they run.
    pub fn cache_settings(&self) -> Arc<CacheSettings> {
        self.settings_of_caches().known.load_full()
    }

    /// Changes a collection's rule of caching for all processes, if it is still the one that is
    /// known; `false` if it is another one. Whichever it is, it is [known](Self::cache_settings)
    /// afterwards.
    pub async fn change_cache_rule(
        &self,
        collection: &str,
        known: Option<String>,
        rule: String,
    ) -> Result<bool> {
        let name = format!("{CACHE}{collection}");
        let ours = vec![
            put(&tables::SETTING, vec![text(name.as_str()), text(rule)]),
            news()?,
        ];
        let wanted = equals(tables::setting::NAME, text(name));
        let changed = self
            .catalog()
            .decide(&tables::SETTING, wanted, move |rows| {
                let found = rows.first().and_then(value_of);
                (found == known.as_deref()).then(|| ours.clone())
            });
        let is_changed = changed.await?;
        self.reload_cache_settings().await?;
        Ok(is_changed)
    }

    /// Takes back what was changed of a collection's rule of caching, for all processes.
    pub async fn reset_cache_rule(&self, collection: &str) -> Result<()> {
        let change = forget_cache_rule(collection);
        self.catalog().write_news(vec![change]).await?;
        self.reload_cache_settings().await
    }

    /// Marks a collection, or all, for all processes.
    pub async fn mark_caches(&self, mark: CacheMark, collection: Option<&str>) -> Result<()> {
        let known = self.cache_settings();
        let has_room = known.marks(mark).each.len() < MARKS_MAX;
        let collection = collection.filter(|_| has_room);
        let mut changes = Vec::new();
        if collection.is_none() {
            changes.push(delete_settings(settings_beginning_with(mark.prefix())));
        }
        let name = format!("{}{}", mark.prefix(), collection.unwrap_or_default());
        changes.push(put(
            &tables::SETTING,
            vec![text(name), text(random_name()?)],
        ));
        self.catalog().write_news(changes).await?;
        self.reload_cache_settings().await
    }

    /// Reads what is said of caches anew.
    pub(crate) async fn reload_cache_settings(&self) -> Result<()> {
        let kept = self.settings_of_caches();
        let _alone = kept.reading.lock().await;
        let settings = self.catalog().fetch_cache_settings().await?;
        if **kept.known.load() != settings {
            kept.known.store(Arc::new(settings));
        }
        Ok(())
    }
}

/// The change that takes back what was changed of a collection's rule.
pub(crate) fn forget_cache_rule(collection: &str) -> Change {
    let name = format!("{CACHE}{collection}");
    delete_settings(equals(tables::setting::NAME, text(name)))
}

/// Removes settings.
pub(crate) fn delete_settings(filter: Filter) -> Change {
    Change::Delete(Delete {
        table: Arc::clone(&tables::SETTING),
        filter,
        max_affected: None,
        returning: None,
    })
}

/// Settings whose names begin with this, which ends with a slash.
pub(crate) fn settings_beginning_with(prefix: &str) -> Filter {
    // The character behind a slash.
    let end = format!("{}0", prefix.trim_end_matches('/'));
    Filter::And(vec![
        compare(tables::setting::NAME, Comparison::Ge, text(prefix)),
        compare(tables::setting::NAME, Comparison::Lt, text(end)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_collections_own_or_else_that_of_all_and_no_rule() {
        let mut settings = CacheSettings::default();
        for (name, value) in [
            ("cache/rest/a", "{}"),
            ("cache/!flush/rest/a", "1"),
            ("cache/!flush/", "2"),
            ("cache/!warm/kv/b", "3"),
        ] {
            settings.take(name, value);
        }
        let names: Vec<&String> = settings.rules.keys().collect();
        assert_eq!(names, ["rest/a"]);
        for (mark, collection, expected) in [
            (CacheMark::Flush, "rest/a", Some("1")),
            (CacheMark::Flush, "rest/b", Some("2")),
            (CacheMark::Warm, "kv/b", Some("3")),
            (CacheMark::Warm, "rest/a", None),
        ] {
            assert_eq!(settings.mark(mark, collection), expected, "{collection}");
        }
    }
}

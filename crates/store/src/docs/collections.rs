//! What is declared of collections, and how far it is in force.
//!
//! It is one setting of the catalog's, so that an index that a process began is gone on with by
//! the next, and a store that is opened without a configuration keeps what it has.

use super::path::{Path, PathError};
use super::relation::{COLLECTION, DOC};
use super::search::ANALYSIS_VERSION;
use crate::catalog::{Catalog, equals, put, tables, text};
use crate::error::StoreError;
use crate::relation::{select, tree};
use crate::session::Result;
use arc_swap::ArcSwap;
use pando_model::engine::Step;
use pando_model::plan::{Change, Comparison, Filter, Row, Scalar};
use pando_model::schema::{ColumnIx, Index, Table};
use pando_model::stamp::Position;
use pando_model::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The setting's name.
const SETTING: &str = "docs";
/// Indexes of one collection at most: each costs every write of it.
pub const INDEXES_MAX: usize = 32;
/// Paths that are searched in one collection at most.
pub const SEARCH_PATHS_MAX: usize = 32;

/// What a configuration declares of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Paths that filters find documents by.
    pub indexes: Vec<Path>,
    /// Paths whose texts are searched.
    pub search: Vec<Path>,
}

impl Declared {
    /// Reads a declaration, as it is configured.
    pub fn read(indexes: &[String], search: &[String]) -> std::result::Result<Declared, PathError> {
        let paths = |texts: &[String]| {
            texts
                .iter()
                .map(|text| text.parse::<Path>())
                .collect::<std::result::Result<Vec<_>, _>>()
        };
        Ok(Declared {
            indexes: paths(indexes)?,
            search: paths(search)?,
        })
    }
}

/// The declarations in force; they change while requests are under way.
#[derive(Debug)]
pub(crate) struct Collections(ArcSwap<(Position, Arc<State>)>);

/// The declarations at one moment.
#[derive(Debug)]
pub(super) struct State {
    pub recorded: Recorded,
    /// The documents' relation, with its indexes.
    pub table: Arc<Table>,
    /// The collections that are searched.
    pub search: BTreeMap<String, SearchIndex>,
}

/// What is searched of a collection.
#[derive(Clone, Debug)]
pub(super) struct SearchIndex {
    /// None where the index is on its way out.
    pub paths: Vec<Path>,
    /// How far it is.
    pub progress: Progress,
}

/// The setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recorded {
    indexes: BTreeMap<String, BTreeSet<String>>,
    search: BTreeMap<String, RecordedSearch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedSearch {
    paths: Vec<String>,
    analysis: u32,
    progress: Progress,
}

/// How far a search index is. Documents behind `after` may be in it by older rules; those
/// before, and those that were written since, are in it by the rules in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Progress {
    Ready,
    Building { after: Option<String> },
}

/// A change of one index.
pub(super) struct IndexChange {
    pub collection: String,
    pub path: String,
    /// Made, or dropped.
    pub made: bool,
}

impl Collections {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Collections> {
        let (recorded, at) = fetch(catalog).await?;
        let state = Arc::new(State::of(recorded)?);
        Ok(Collections(ArcSwap::from_pointee((at, state))))
    }

    /// Reads the declarations anew: another process may have changed them.
    pub(crate) async fn reload(&self, catalog: &Catalog) -> Result<()> {
        let (recorded, at) = fetch(catalog).await?;
        self.adopt(recorded, at)
    }

    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.0.load().1)
    }

    /// Goes by the declarations that stood at a position, unless later ones are known.
    pub(super) fn adopt(&self, recorded: Recorded, at: Position) -> Result<()> {
        let state = Arc::new(State::of(recorded)?);
        self.0.rcu(|known| {
            if known.0 > at {
                Arc::clone(known)
            } else {
                Arc::new((at, Arc::clone(&state)))
            }
        });
        Ok(())
    }
}

/// The declarations that are recorded, and a position at which they were.
async fn fetch(catalog: &Catalog) -> Result<(Recorded, Position)> {
    let wanted = equals(tables::setting::NAME, text(SETTING));
    let (rows, at) = catalog.fetch_at(&tables::SETTING, wanted).await?;
    let recorded = match rows.first() {
        Some(row) => Recorded::of(row)?,
        None => Recorded::default(),
    };
    Ok((recorded, at))
}

impl State {
    fn of(recorded: Recorded) -> Result<State> {
        let table = recorded.table()?;
        let mut search = BTreeMap::new();
        for (collection, recorded) in &recorded.search {
            let paths = recorded.paths.iter().map(|path| parsed(path));
            let index = SearchIndex {
                paths: paths.collect::<Result<_>>()?,
                progress: recorded.progress.clone(),
            };
            search.insert(collection.clone(), index);
        }
        Ok(State {
            recorded,
            table,
            search,
        })
    }

    /// The collection whose search index is not built to its end.
    pub(super) fn unfinished(&self) -> Option<(&str, Option<&str>)> {
        self.search
            .iter()
            .find_map(|(collection, index)| match &index.progress {
                Progress::Building { after } => Some((collection.as_str(), after.as_deref())),
                Progress::Ready => None,
            })
    }
}

impl Recorded {
    /// Reads the setting's row.
    pub(super) fn of(row: &Row) -> Result<Recorded> {
        match row.as_slice() {
            [_, Value::Text(value)] => {
                serde_json::from_str(value).map_err(|error| unreadable(error.to_string()))
            }
            _ => Err(unreadable("it is no text".to_owned())),
        }
    }

    /// Reads the setting's row, within a transaction.
    pub(super) fn read() -> Step {
        let wanted = equals(tables::setting::NAME, text(SETTING));
        let columns: Vec<ColumnIx> = (0..tables::SETTING.columns.len()).collect();
        Step::read(tree(select(&tables::SETTING, &columns, wanted)))
    }

    /// The documents' relation, with its indexes.
    pub(super) fn table(&self) -> Result<Arc<Table>> {
        let mut table = Table::clone(&DOC);
        for (collection, paths) in &self.indexes {
            for path in paths {
                table.indexes.push(index(collection, &parsed(path)?));
            }
        }
        Ok(Arc::new(table))
    }

    /// The row that says so.
    pub(super) fn change(&self) -> std::result::Result<Change, serde_json::Error> {
        let value = serde_json::to_string(self)?;
        Ok(put(&tables::SETTING, vec![text(SETTING), text(value)]))
    }

    /// The indexes that have to go and to come: those that go first.
    pub(super) fn index_changes(&self, wanted: &BTreeMap<String, Declared>) -> Vec<IndexChange> {
        let has = |collection: &str, path: &str| {
            let paths = self.indexes.get(collection);
            paths.is_some_and(|paths| paths.contains(path))
        };
        let mut changes = Vec::new();
        for (collection, paths) in &self.indexes {
            for path in paths {
                let kept = wanted.get(collection).is_some_and(|declared| {
                    declared
                        .indexes
                        .iter()
                        .any(|wanted| wanted.to_string() == *path)
                });
                if !kept {
                    changes.push(IndexChange::new(collection, path, false));
                }
            }
        }
        for (collection, declared) in wanted {
            let paths: BTreeSet<String> = declared.indexes.iter().map(Path::to_string).collect();
            for path in paths.iter().filter(|path| !has(collection, path)) {
                changes.push(IndexChange::new(collection, path, true));
            }
        }
        changes
    }

    /// The same after a change of one index.
    pub(super) fn with_index(&self, change: &IndexChange) -> Recorded {
        let mut recorded = self.clone();
        let paths = recorded
            .indexes
            .entry(change.collection.clone())
            .or_default();
        if change.made {
            paths.insert(change.path.clone());
        } else {
            paths.remove(&change.path);
        }
        recorded.indexes.retain(|_, paths| !paths.is_empty());
        recorded
    }

    /// The same with what is to be searched: an index by other paths, or by another version of
    /// the analysis, begins from the start, and one that is declared no more begins to go.
    pub(super) fn with_search(&self, wanted: &BTreeMap<String, Declared>) -> Recorded {
        let mut recorded = self.clone();
        let begun = |paths| RecordedSearch {
            paths,
            analysis: ANALYSIS_VERSION,
            progress: Progress::Building { after: None },
        };
        for (collection, index) in &mut recorded.search {
            let declared = wanted.get(collection).map(|declared| &declared.search);
            if declared.is_none_or(Vec::is_empty) && !index.paths.is_empty() {
                *index = begun(Vec::new());
            }
        }
        for (collection, declared) in wanted {
            let paths: Vec<String> = declared.search.iter().map(Path::to_string).collect();
            let same = recorded
                .search
                .get(collection)
                .is_some_and(|index| index.paths == paths && index.analysis == ANALYSIS_VERSION);
            if !paths.is_empty() && !same {
                recorded.search.insert(collection.clone(), begun(paths));
            }
        }
        recorded
    }

    /// The same with a collection's index built up to a document, or to its end.
    pub(super) fn built(&self, collection: &str, after: Option<String>) -> Recorded {
        let mut recorded = self.clone();
        let Some(index) = recorded.search.get_mut(collection) else {
            return recorded;
        };
        match after {
            Some(_) => index.progress = Progress::Building { after },
            None if index.paths.is_empty() => drop(recorded.search.remove(collection)),
            None => index.progress = Progress::Ready,
        }
        recorded
    }
}

impl IndexChange {
    fn new(collection: &str, path: &str, made: bool) -> IndexChange {
        IndexChange {
            collection: collection.to_owned(),
            path: path.to_owned(),
            made,
        }
    }

    /// The index's name.
    pub(super) fn name(&self) -> String {
        index_name(&self.collection, &self.path)
    }
}

fn index(collection: &str, path: &Path) -> Index {
    Index {
        name: index_name(collection, &path.to_string()),
        columns: vec![(COLLECTION, false)],
        paths: vec![path.scalar()],
        only: Some((COLLECTION, collection.to_owned())),
        ..Index::default()
    }
}

/// The length keeps a name that holds a space from being another's.
fn index_name(collection: &str, path: &str) -> String {
    format!("{} {}:{collection} {path}", DOC.name, collection.len())
}

fn parsed(path: &str) -> Result<Path> {
    path.parse()
        .map_err(|error: PathError| unreadable(error.to_string()))
}

fn unreadable(reason: String) -> StoreError {
    StoreError::Catalog(format!("the setting {SETTING:?} is not readable: {reason}"))
}

/// The documents of a collection behind an id.
pub(super) fn behind(collection: &str, after: Option<&str>) -> Filter {
    let mut parts = vec![crate::relation::equals(
        COLLECTION,
        Value::Text(collection.to_owned()),
    )];
    if let Some(after) = after {
        parts.push(Filter::Compare {
            left: Scalar::Column(super::relation::ID),
            op: Comparison::Gt,
            right: Value::Text(after.to_owned()),
        });
    }
    Filter::And(parts)
}

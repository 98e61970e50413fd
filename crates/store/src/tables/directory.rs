//! What planning needs of a schema, worked out once for each version: the
//! relationships, and how a table's own columns are selected and written down.

use super::refusals;
use super::relationships::{Relationship, Relationships, relationships, users_tables};
use super::shape::{End, Leaf, key_of};
use arc_swap::ArcSwapOption;
use pando_model::error::Refusal;
use pando_model::plan::{Output, Scalar};
use pando_model::schema::{Schema, Table};
use std::collections::HashMap;
use std::sync::Arc;

/// A schema as planning sees it.
pub(crate) struct Directory {
    /// The schema's version.
    pub version: u64,
    entries: HashMap<String, Entry>,
}

/// One table in the directory.
pub(crate) struct Entry {
    /// The table.
    pub table: Arc<Table>,
    /// The ways that lead from it.
    pub relationships: Vec<Relationship>,
    /// The outputs of `select=*`.
    pub star_outputs: Vec<Output>,
    /// How `select=*` is written down.
    pub star_leaves: Arc<[Leaf]>,
}

/// The directory of the schema last seen.
#[derive(Default)]
pub(crate) struct DirectoryCache(ArcSwapOption<Directory>);

impl DirectoryCache {
    /// The directory of a schema, built if another one was seen last.
    pub(crate) fn get(&self, schema: &Schema) -> Arc<Directory> {
        if let Some(known) = &*self.0.load()
            && known.version == schema.version
        {
            return Arc::clone(known);
        }
        let built = Arc::new(Directory::new(schema));
        self.0.store(Some(Arc::clone(&built)));
        built
    }
}

impl Directory {
    /// The directory of a schema.
    pub(crate) fn new(schema: &Schema) -> Directory {
        let mut all: Relationships = relationships(schema);
        let entries = users_tables(schema)
            .map(|table| {
                let relationships = all.remove(&table.name).unwrap_or_default();
                (table.name.clone(), Entry::new(table, relationships))
            })
            .collect();
        Directory {
            version: schema.version,
            entries,
        }
    }

    /// A table by the name that a caller gave; refused (`PGRST205`) if there is none.
    pub(crate) fn entry(&self, name: &str) -> Result<&Entry, Refusal> {
        self.entries.get(name).ok_or_else(|| {
            let mut known: Vec<&str> = self.entries.keys().map(String::as_str).collect();
            known.sort_unstable();
            refusals::unknown_table(name, known.into_iter())
        })
    }
}

impl Entry {
    fn new(table: &Arc<Table>, relationships: Vec<Relationship>) -> Entry {
        Entry {
            table: Arc::clone(table),
            relationships,
            star_outputs: (0..table.columns.len())
                .map(|ix| Output::Scalar(Scalar::Column(ix)))
                .collect(),
            star_leaves: table
                .columns
                .iter()
                .enumerate()
                .map(|(ix, column)| Leaf {
                    key: key_of(&column.name),
                    path: Vec::new(),
                    end: End::Value(ix, column.ty.clone()),
                })
                .collect(),
        }
    }
}

//! The whole state of a shard at one position. Cloning it is taking a snapshot.

use crate::feed::Feed;
use crate::receipts::Receipts;
use crate::table::TableState;
use pando_model::engine::Result;
use pando_model::error::EngineError;
use pando_model::schema::{ForeignKey, Table};
use pando_model::stamp::Position;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tables, receipts and feed as they are at `position`.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) position: Position,
    pub(crate) schema_version: u64,
    pub(crate) receipts: Receipts,
    pub(crate) feed: Feed,
    tables: BTreeMap<Arc<str>, Arc<TableState>>,
    /// For each table, the enforced foreign keys that point at it.
    referrers: Arc<BTreeMap<Arc<str>, Vec<Reference>>>,
}

/// An enforced foreign key, seen from its target.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The referring table.
    pub(crate) table: Arc<str>,
    /// Its key.
    pub(crate) key: ForeignKey,
}

impl Database {
    /// A shard without tables.
    pub(crate) fn new(position: Position) -> Database {
        Database {
            position,
            schema_version: 0,
            receipts: Receipts::default(),
            feed: Feed::new(position),
            tables: BTreeMap::new(),
            referrers: Arc::default(),
        }
    }

    /// The position of the write that is being carried out.
    pub(crate) fn next_position(&self) -> Position {
        Position {
            p: self.position.p + 1,
            ..self.position
        }
    }

    /// All tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<TableState>> {
        self.tables.values()
    }

    /// A table by name; plans name only tables of the schema they were made for.
    pub(crate) fn table(&self, name: &str) -> Result<&TableState> {
        self.tables
            .get(name)
            .map(Arc::as_ref)
            .ok_or_else(|| missing(name))
    }

    /// A table, to be changed.
    pub(crate) fn table_mut(&mut self, name: &str) -> Result<&mut TableState> {
        self.tables
            .get_mut(name)
            .map(Arc::make_mut)
            .ok_or_else(|| missing(name))
    }

    /// The enforced foreign keys that point at a table: those that restrict
    /// first, then by referring table and order of declaration.
    pub(crate) fn referrers(&self, name: &str) -> &[Reference] {
        self.referrers.get(name).map_or(&[], Vec::as_slice)
    }

    /// Adds a table, or replaces the one of its name.
    pub(crate) fn put_table(&mut self, table: TableState) {
        let name = Arc::from(table.def().name.as_str());
        self.tables.insert(name, Arc::new(table));
        self.link();
    }

    /// Drops a table.
    pub(crate) fn drop_table(&mut self, name: &str) -> Result<()> {
        self.tables.remove(name).ok_or_else(|| missing(name))?;
        self.link();
        Ok(())
    }

    fn link(&mut self) {
        use pando_model::schema::ReferentialAction::Restrict;
        let mut referrers: BTreeMap<Arc<str>, Vec<Reference>> = BTreeMap::new();
        for (name, state) in &self.tables {
            for key in state.def().foreign_keys.iter().filter(|key| key.enforced) {
                referrers
                    .entry(Arc::from(key.target.as_str()))
                    .or_default()
                    .push(Reference {
                        table: name.clone(),
                        key: key.clone(),
                    });
            }
        }
        for references in referrers.values_mut() {
            references.sort_by_key(|reference| {
                reference.key.on_delete != Restrict && reference.key.on_update != Restrict
            });
        }
        self.referrers = Arc::new(referrers);
    }
}

impl Reference {
    /// The columns of the target that it refers to, in the key's order.
    pub(crate) fn target_columns(&self, target: &Table) -> Result<Vec<usize>> {
        target_columns(&self.key, target)
    }
}

/// The columns of its target that a foreign key refers to, in the key's order.
pub(crate) fn target_columns(key: &ForeignKey, target: &Table) -> Result<Vec<usize>> {
    key.target_columns
        .iter()
        .map(|name| {
            target.column_ix(name).ok_or_else(|| {
                EngineError::internal(
                    format!("resolve the foreign key {}", key.name),
                    format!("{} has no column {name}", target.name),
                )
            })
        })
        .collect()
}

fn missing(name: &str) -> EngineError {
    EngineError::internal("find a table", format!("there is no table {name}"))
}

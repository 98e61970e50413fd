//! What an engine that keeps tables in a database of its own knows of them: who refers to
//! whom, and the ready-made statements of each table, in the engine's own language.

use crate::error::EngineError;
use crate::schema::{ColumnIx, ForeignKey, Table};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All tables.
#[derive(Debug, Default)]
pub struct Layout {
    tables: HashMap<String, Arc<Physical>>,
}

/// A table, its ready-made statements, and who refers to it.
#[derive(Debug)]
pub struct Physical {
    /// Its definition.
    pub table: Arc<Table>,
    /// See [`Texts::insert`].
    pub insert: String,
    /// See [`Texts::delete`].
    pub delete: String,
    /// Enforced foreign keys of this table, unless it was adopted: the database keeps those.
    pub outgoing: Vec<Reference>,
    /// Enforced foreign keys that refer to this table, by table name, then declaration.
    pub incoming: Vec<Reference>,
}

/// An enforced foreign key, seen from either end.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The referring table.
    pub child: Arc<Table>,
    /// The key's place among its foreign keys.
    pub key: usize,
    /// The table that is referred to.
    pub target: Arc<Table>,
    /// The columns that are referred to, in the key's order.
    pub target_columns: Vec<ColumnIx>,
    /// Finds a row of the target by the columns referred to.
    pub find_target: String,
    /// Finds a referring row by the referring columns.
    pub find_child: String,
}

/// An engine's statements.
pub trait Texts {
    /// Stores one whole row: its slot, then its columns.
    fn insert(&self, table: &Table) -> String;
    /// Takes one row out, by its slot and its primary key.
    fn delete(&self, table: &Table) -> String;
    /// Gives a row where one has these values in `columns`.
    fn find(&self, table: &Table, columns: &[ColumnIx]) -> String;
}

impl Reference {
    /// The foreign key itself.
    pub fn foreign_key(&self) -> &ForeignKey {
        &self.child.foreign_keys[self.key]
    }
}

impl Layout {
    /// What follows from the tables' definitions.
    pub fn of(tables: &BTreeMap<String, Arc<Table>>, texts: &dyn Texts) -> Layout {
        let references: Vec<Reference> = tables
            .values()
            .flat_map(|child| references_of(child, tables, texts))
            .collect();
        let physical = |table: &Arc<Table>| Physical {
            insert: texts.insert(table),
            delete: texts.delete(table),
            outgoing: pick(&references, |reference| reference.child.name == table.name),
            incoming: pick(&references, |reference| reference.target.name == table.name),
            table: table.clone(),
        };
        let tables = tables
            .iter()
            .map(|(name, table)| (name.clone(), Arc::new(physical(table))))
            .collect();
        Layout { tables }
    }

    /// A table that a plan names; that it is not there is a fault of the plan's.
    pub fn table(&self, name: &str) -> Result<Arc<Physical>, EngineError> {
        self.tables.get(name).cloned().ok_or_else(|| {
            let missing = format!("the plan names the table {name:?}, which is not there");
            EngineError::internal("look up a table", missing)
        })
    }

    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Physical>> {
        self.tables.values()
    }
}

fn references_of(
    child: &Arc<Table>,
    tables: &BTreeMap<String, Arc<Table>>,
    texts: &dyn Texts,
) -> Vec<Reference> {
    let enforced = child.foreign_keys.iter().enumerate();
    enforced
        .filter(|(_, key)| key.enforced && !child.adopted)
        .filter_map(|(place, key)| {
            let target = tables.get(&key.target)?;
            let target_columns = key
                .target_columns
                .iter()
                .map(|name| target.column_ix(name))
                .collect::<Option<Vec<_>>>()?;
            Some(Reference {
                find_target: texts.find(target, &target_columns),
                find_child: texts.find(child, &key.columns),
                child: child.clone(),
                key: place,
                target: target.clone(),
                target_columns,
            })
        })
        .collect()
}

fn pick(references: &[Reference], of: impl Fn(&Reference) -> bool) -> Vec<Reference> {
    references.iter().filter(|one| of(one)).cloned().collect()
}

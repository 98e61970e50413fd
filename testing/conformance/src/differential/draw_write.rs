//! Changes drawn at random.

use crate::differential::draw::Draw;
use pando_model::plan::{Change, Conflict, Delete, Filter, Insert, Tree, Update};
use pando_model::schema::{ColumnIx, Table};
use std::sync::Arc;

impl Draw<'_> {
    /// A change of some table.
    pub(super) fn change(&mut self) -> Change {
        let table = self.table();
        match self.up_to(10) {
            0..=5 => self.insert(table),
            6 | 7 => self.update(table),
            _ => self.delete(table),
        }
    }

    fn insert(&mut self, table: Arc<Table>) -> Change {
        let columns = 0..table.columns.len();
        let rows = (0..self.up_to(3) + 1)
            .map(|_| columns.clone().map(|ix| self.cell(&table, ix)).collect())
            .collect();
        let conflict = self.chance(0.5).then(|| self.conflict(&table));
        Change::Insert(Insert {
            rows,
            conflict,
            returning: self.returning(&table),
            table,
        })
    }

    fn conflict(&mut self, table: &Table) -> Conflict {
        let mut targets = vec![table.primary_key.columns.clone()];
        targets.extend(table.uniques.iter().map(|unique| unique.columns.clone()));
        let merge = self.chance(0.7).then(|| {
            let keys = self.chance(0.1);
            self.plain_columns(table, keys)
        });
        Conflict {
            target: if self.chance(0.7) {
                targets.swap_remove(0)
            } else {
                self.one(&targets).clone()
            },
            merge,
        }
    }

    fn update(&mut self, table: Arc<Table>) -> Change {
        let keys = self.chance(0.2);
        let set = self
            .plain_columns(&table, keys)
            .into_iter()
            .map(|ix| (ix, self.cell(&table, ix)))
            .collect();
        Change::Update(Update {
            filter: self.narrow(&table),
            set,
            max_affected: self.max_affected(),
            returning: self.returning(&table),
            table,
        })
    }

    fn delete(&mut self, table: Arc<Table>) -> Change {
        Change::Delete(Delete {
            filter: self.narrow(&table),
            max_affected: self.max_affected(),
            returning: self.returning(&table),
            table,
        })
    }

    /// A filter that mostly leaves something over.
    fn narrow(&mut self, table: &Table) -> Filter {
        if self.chance(0.1) {
            return self.filter(table, 2);
        }
        let key = &table.primary_key.columns;
        let keys = (0..self.up_to(2) + 1)
            .map(|_| key.iter().map(|ix| self.known(table, *ix)).collect())
            .collect();
        let by_key = Filter::Keys {
            columns: key.clone(),
            keys,
        };
        if self.chance(0.8) {
            by_key
        } else {
            Filter::And(vec![by_key, self.filter(table, 1)])
        }
    }

    /// Some columns that can be written, those of the key if `keys`.
    fn plain_columns(&mut self, table: &Table, keys: bool) -> Vec<ColumnIx> {
        let mut columns: Vec<ColumnIx> = (0..table.columns.len())
            .filter(|ix| table.columns[*ix].generated.is_none())
            .filter(|ix| keys || !table.is_key(*ix))
            .collect();
        columns.retain(|_| self.chance(0.5));
        columns
    }

    fn max_affected(&mut self) -> Option<u64> {
        self.chance(0.1).then(|| self.up_to(3) as u64)
    }

    fn returning(&mut self, table: &Arc<Table>) -> Option<Tree> {
        if !self.chance(0.5) {
            return None;
        }
        let mut tree = self.tree(table, 1);
        if self.chance(0.8) {
            tree.select.filter = Filter::Const(true);
            tree.select.order = Vec::new();
            tree.select.limit = None;
            tree.select.offset = 0;
        }
        Some(tree)
    }
}

//! Operations drawn from a seed.

use crate::differential::world::World;
use pando_model::engine::Receipt;
use pando_model::plan::{Change, Tree};
use pando_model::schema::{ColumnIx, Table};
use pando_model::slot::Slot;
use pando_model::value::Value;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

/// What is asked of both engines.
#[derive(Clone)]
pub(super) enum Operation {
    /// A read.
    Read { tree: Tree, count: bool },
    /// A write, with an idempotency key now and then.
    Write {
        changes: Vec<Change>,
        receipt: Option<Receipt>,
    },
}

/// Draws operations; the same seed draws the same ones.
pub(super) struct Draw<'w> {
    pub(super) world: &'w World,
    pub(super) rng: StdRng,
    /// The time of the next receipt: it only goes forward.
    now_us: i64,
}

impl<'w> Draw<'w> {
    pub(super) fn new(world: &'w World, seed: u64) -> Draw<'w> {
        Draw {
            world,
            rng: StdRng::seed_from_u64(seed),
            now_us: 0,
        }
    }

    /// The next operation.
    pub(super) fn operation(&mut self) -> Operation {
        self.now_us += 1;
        if self.chance(0.45) {
            let table = self.table();
            return Operation::Read {
                tree: self.tree(&table, 2),
                count: self.chance(0.3),
            };
        }
        let count = if self.chance(0.85) {
            1
        } else {
            self.up_to(3) + 1
        };
        Operation::Write {
            changes: (0..count).map(|_| self.change()).collect(),
            receipt: self.chance(0.1).then(|| self.receipt()),
        }
    }

    /// True so often.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    /// A number below `bound`; 0 for 0.
    pub(super) fn up_to(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound.max(1))
    }

    /// One of them.
    pub(super) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.up_to(of.len())]
    }

    /// A table.
    pub(super) fn table(&mut self) -> Arc<Table> {
        let world = self.world;
        self.one(&world.tables).clone()
    }

    /// A column.
    pub(super) fn column(&mut self, table: &Table) -> ColumnIx {
        self.up_to(table.columns.len())
    }

    /// A column for which `fits` holds, if one does.
    pub(super) fn column_that(
        &mut self,
        table: &Table,
        fits: impl Fn(&pando_model::schema::Column) -> bool,
    ) -> Option<ColumnIx> {
        let fitting: Vec<ColumnIx> = (0..table.columns.len())
            .filter(|ix| fits(&table.columns[*ix]))
            .collect();
        (!fitting.is_empty()).then(|| *self.one(&fitting))
    }

    /// A value that a column may hold, never NULL.
    pub(super) fn known(&mut self, table: &Table, column: ColumnIx) -> Value {
        let world = self.world;
        self.one(world.pool(world.place(table), column)).clone()
    }

    /// A value for a column of a row; NULL now and then, rarely where it must not be.
    pub(super) fn cell(&mut self, table: &Table, column: ColumnIx) -> Value {
        let column_ = &table.columns[column];
        if column_.generated.is_some() {
            return Value::Null;
        }
        let nulls = if column_.nullable { 0.2 } else { 0.01 };
        if self.chance(nulls) {
            return Value::Null;
        }
        self.known(table, column)
    }

    fn receipt(&mut self) -> Receipt {
        let key = self.up_to(40);
        let request = self.up_to(2) as u8;
        Receipt {
            slot: Slot::of_key(&[key as u8]),
            scope: [1; 16],
            key: format!("key-{key}"),
            request: [request; 32],
            now_us: self.now_us,
            expires_at_us: self.now_us + 500,
        }
    }
}

//! Reads that need nothing of each other: they are sent one behind the other, and answered in one
//! round trip.

use crate::fault::Step;
use crate::session::{Asked, Session, borrowed, in_order};
use crate::sql::{self, Statement};
use futures_util::{FutureExt, TryStreamExt, future};
use pando_model::engine::{self, Outcome};
use pando_model::error::EngineError;
use pando_model::plan::{Row, RowSet, Select};
use pando_model::schema::Table;
use pando_model::tree::read_counted;
use std::pin::pin;

impl Session {
    /// Carries reads out, and adds what each has found.
    pub(crate) fn read_run(&self, run: &[engine::Step], found: &mut Vec<Outcome>) -> Step<()> {
        let plain: Option<Vec<&Select>> = run.iter().map(plain).collect();
        match plain {
            Some(selects) if selects.len() > 1 && are_planned_alike(&selects) => {
                let all = self.select_together(&selects)?.into_iter();
                found.extend(all.map(|rows| {
                    Outcome::found(RowSet {
                        rows,
                        ..RowSet::default()
                    })
                }));
            }
            _ => {
                for step in run {
                    found.push(Outcome::found(self.read_one(step)?));
                }
            }
        }
        Ok(())
    }

    fn read_one(&self, step: &engine::Step) -> Step<RowSet> {
        match step {
            engine::Step::Read { tree, count } => read_counted(self, tree, *count),
            _ => Err(EngineError::internal("take a read", "it is none").into()),
        }
    }

    fn select_together(&self, selects: &[&Select]) -> Step<Vec<Vec<Row>>> {
        let mut statements = Vec::with_capacity(selects.len());
        for select in selects {
            let statement = sql::select(select, None);
            let prepared = self.prepare(&statement.sql.text)?;
            statements.push((statement, prepared, &*select.table));
            self.plan_for(&select.table);
        }
        self.handle().block_on(async {
            let front = self.front(self.take_deferred());
            let asked = statements.iter().map(|(statement, prepared, table)| {
                let asked: Asked<'_, _> = self.rows_of(statement, prepared, table).boxed_local();
                asked
            });
            let (front, all) = future::join(front, in_order(asked.collect())).await;
            front?;
            all.into_iter().collect()
        })
    }

    async fn rows_of(
        &self,
        statement: &Statement<'_>,
        prepared: &tokio_postgres::Statement,
        table: &Table,
    ) -> Step<Vec<Row>> {
        let params = borrowed(&statement.sql.params);
        let mut found = pin!(self.wire().client.query_raw(prepared, params).await?);
        let mut rows = Vec::new();
        while let Some(raw) = found.try_next().await? {
            let row = statement.row(&raw, table, 0, &mut |value| {
                Ok(self.budget().take(value)?)
            })?;
            rows.push(row);
        }
        Ok(rows)
    }
}

/// Whether one setting does for all ([`Session::plan_for`]).
fn are_planned_alike(selects: &[&Select]) -> bool {
    let churning = selects.iter().filter(|one| one.table.churns()).count();
    churning == 0 || churning == selects.len()
}

/// The select that is all there is to a read.
fn plain(step: &engine::Step) -> Option<&Select> {
    match step {
        engine::Step::Read { tree, count: false } if tree.children.is_empty() => Some(&tree.select),
        _ => None,
    }
}

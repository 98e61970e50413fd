//! How PostgreSQL is let look for rows.
//!
//! It plans by the rows that it has counted, not by the dead, and keeps the plan of a prepared
//! statement. Where few rows live and many died, as in a queue while somebody holds a snapshot, a
//! bitmap of the key's index and a sort cost it as little as the index that has the order, and take
//! seconds. So what comes and goes is looked for in an order that an index has, and nowhere else.

use crate::session::Session;
use pando_model::schema::Table;

/// What a transaction that writes begins with, as [`Plans::ByIndex`] has it.
macro_rules! by_index {
    () => {
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
         SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off; \
         SET LOCAL jit = off;"
    };
}
pub(crate) use by_index;

/// What the statements that follow are planned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plans {
    /// What PostgreSQL sees fit.
    AsFit,
    /// By an index, in its order, though few rows were counted. Where there is none the cost that
    /// is reckoned would have the statement compiled, so that is off too.
    ByIndex,
}

impl Plans {
    fn sql(self) -> &'static str {
        match self {
            Plans::AsFit => AS_FIT,
            Plans::ByIndex => by_index!(),
        }
    }
}

/// The statements that follow go as PostgreSQL sees fit.
pub(crate) const AS_FIT: &str = "SET LOCAL enable_seqscan TO DEFAULT; \
    SET LOCAL enable_bitmapscan TO DEFAULT; SET LOCAL enable_sort TO DEFAULT; \
    SET LOCAL enable_incremental_sort TO DEFAULT; SET LOCAL jit TO DEFAULT;";

impl Session {
    /// The statements that follow in this transaction are planned so.
    pub(crate) fn plan(&self, plans: Plans) {
        if self.plans_were(Some(plans)) != Some(plans) {
            self.defer(plans.sql(), None);
        }
    }

    /// The same, as it suits a table.
    pub(crate) fn plan_for(&self, table: &Table) {
        self.plan(match table.churns() {
            true => Plans::ByIndex,
            false => Plans::AsFit,
        });
    }

    /// Undoes what was done since a savepoint, and forgets that; both are left out where nothing was
    /// sent since.
    pub(crate) fn undo(&self, savepoint: &str) {
        let undo = format!("ROLLBACK TO {savepoint}; RELEASE {savepoint};");
        self.defer(&undo, Some(&format!("SAVEPOINT {savepoint};")));
        // What was set since is undone too.
        self.plans_were(None);
    }
}

//! A database that somebody else made, as an engine found it: what its tables hold, under which
//! rules, and what keeps the engine from serving them.
//!
//! Expressions are the database's own texts; whether Pando means the same by them is for the
//! store to find out.

use crate::column::ColumnType;
use crate::schema::{Identity, ReferentialAction, Schema};
use serde::Serialize;

/// What was found out, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// What mends it, in SQL or a command, where there is one thing to do.
    pub mend: Option<String>,
}

/// One schema of a database.
#[derive(Clone, Debug, Default)]
pub struct FoundDatabase {
    /// The database's name.
    pub name: String,
    /// The schema's name.
    pub schema: String,
    /// Who looks: what is served later is served as this role.
    pub role: String,
    /// What keeps all of it from being served.
    pub obstacles: Vec<Finding>,
    /// What Pando serves of it already.
    pub served: Schema,
    /// Its tables, by name; none where the database as a whole cannot be served.
    pub tables: Vec<FoundTable>,
    /// What is there and is no table.
    pub others: Vec<Finding>,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct FoundTable {
    /// Its name.
    pub name: String,
    /// Its name as SQL has it, with its schema where that has to be said.
    pub written: String,
    /// Its columns, in their order.
    pub columns: Vec<FoundColumn>,
    /// Its keys, constraints and indexes, as far as they are of a kind that Pando has.
    pub rules: Vec<FoundRule>,
    /// What keeps it from being served.
    pub obstacles: Vec<Finding>,
    /// What is to be known of it.
    pub notes: Vec<Finding>,
}

/// A column.
#[derive(Clone, Debug)]
pub struct FoundColumn {
    /// Its name.
    pub name: String,
    /// Its name as SQL has it.
    pub written: String,
    /// Its type as it was declared.
    pub declared: String,
    /// What Pando holds it as; `None` where it holds no such thing.
    pub ty: Option<ColumnType>,
    /// What its declared type allows besides, as a condition.
    pub limit: Option<String>,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What stands there when nothing is given.
    pub default: Option<String>,
    /// It counts; Pando makes ids for it.
    pub identity: Option<Identity>,
    /// What it is computed from.
    pub generated: Option<String>,
}

/// A key, a constraint or an index.
#[derive(Clone, Debug)]
pub struct FoundRule {
    /// Its name.
    pub name: String,
    /// What it says.
    pub kind: FoundKind,
}

/// What a rule says; columns by name, in order.
#[derive(Clone, Debug)]
pub enum FoundKind {
    /// The primary key.
    PrimaryKey(Vec<String>),
    /// Equal values once only; NULLs are distinct.
    Unique(Vec<String>),
    /// A condition.
    Check(String),
    /// A foreign key within the schema.
    ForeignKey {
        /// The referring columns.
        columns: Vec<String>,
        /// The table that is referred to.
        target: String,
        /// The columns that are referred to.
        target_columns: Vec<String>,
        /// What happens when the target's row goes.
        on_delete: ReferentialAction,
        /// What happens when the target's key changes.
        on_update: ReferentialAction,
    },
    /// An index over columns, with `true` for descending.
    Index(Vec<(String, bool)>),
}

impl Finding {
    /// Something to know.
    pub fn new(what: impl Into<String>) -> Finding {
        Finding {
            what: what.into(),
            mend: None,
        }
    }

    /// The same, with what mends it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Finding {
        self.mend = Some(mend.into());
        self
    }
}

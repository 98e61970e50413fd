//! Plans: what is asked of an engine, free of any engine's language.
//!
//! A read is a [`Tree`]: a root [`Select`] and, below it, the resources that
//! are embedded in its rows, each fetched by one batched look-up of keys
//! (never a query for each row). A write is a list of [`Change`]s that happen
//! together or not at all ([`crate::engine::Write`]).
//!
//! Filters follow SQL's three-valued logic: a row passes when its filter is
//! true; unknown is not. Every list is ordered to the end: an engine appends
//! the primary key, ascending, to every `order` of a select that does not
//! aggregate, and to every other the outputs that it groups by, ascending with
//! NULLs last, so that both engines list alike. What a change returns is
//! ordered only if it asks for an order: else inserted rows come as they were
//! given, others by primary key.

mod scalar;

use crate::aggregate::AggregateFn;
use crate::column::ColumnType;
use crate::pattern::Pattern;
use crate::schema::{ColumnIx, Table};
use crate::text_search::TextQuery;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A row: one value for each output, then one for each key of a keyed select.
pub type Row = Vec<Value>;

/// A read of one table.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Select {
    /// What is read.
    pub table: Arc<Table>,
    /// What each row of the answer holds, in order. With an aggregate among
    /// them, rows are grouped by the outputs that are not aggregates.
    pub output: Vec<Output>,
    /// Which rows.
    pub filter: Filter,
    /// In which order.
    pub order: Vec<Order>,
    /// How many at most; for each key, in a keyed select.
    pub limit: Option<u64>,
    /// How many are passed over first; for each key, in a keyed select.
    pub offset: u64,
}

/// One place of a row.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Output {
    /// A value of the row.
    Scalar(Scalar),
    /// An aggregate over the group; `None` counts rows.
    Aggregate(AggregateFn, Option<Scalar>),
}

/// A value computed from one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scalar {
    /// A column.
    Column(ColumnIx),
    /// A path into a json or jsonb column: `->` steps; with `as_text` the last
    /// one is `->>`.
    Json {
        /// The column.
        column: ColumnIx,
        /// The steps, at least one.
        path: Vec<JsonStep>,
        /// Whether the answer is text rather than JSON.
        as_text: bool,
    },
    /// A value as another type (`::text`); refused where a value cannot be.
    Cast(Box<Scalar>, ColumnType),
}

/// A step of a JSON path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonStep {
    /// A key of an object.
    Key(String),
    /// A place in an array, from its end when negative.
    Index(i64),
}

/// A condition on a row.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Filter {
    /// All rows, or none.
    Const(bool),
    /// All of them.
    And(Vec<Filter>),
    /// At least one.
    Or(Vec<Filter>),
    /// Not (unknown stays unknown).
    Not(Box<Filter>),
    /// `left op right`; unknown when either is NULL. Both have the same type.
    Compare {
        /// The row's value.
        left: Scalar,
        /// How they are compared.
        op: Comparison,
        /// The constant.
        right: Value,
    },
    /// `IS DISTINCT FROM`: NULL is a value like others.
    IsDistinct {
        /// The row's value.
        left: Scalar,
        /// The constant.
        right: Value,
    },
    /// `left IN (values)`.
    In {
        /// The row's value.
        left: Scalar,
        /// The constants.
        values: Vec<Value>,
    },
    /// `IS NULL`, `IS TRUE`, …: never unknown.
    Is {
        /// The row's value.
        left: Scalar,
        /// What it is to be.
        what: Is,
    },
    /// LIKE, ILIKE, `~`, `~*` on text.
    Match {
        /// The row's value.
        left: Scalar,
        /// The pattern, checked when it was built.
        pattern: Pattern,
    },
    /// Full-text search with the configuration `simple`.
    Search {
        /// The row's text.
        left: Scalar,
        /// The query.
        query: TextQuery,
    },
    /// `@>`, `<@`, `&&` on arrays; the first two on jsonb too.
    Containment {
        /// The row's value.
        left: Scalar,
        /// Which.
        op: Containment,
        /// The constant.
        right: Value,
    },
    /// Whether a related row exists that passes `filter`.
    Exists {
        /// How it is related.
        join: Join,
        /// A condition on the related table's row.
        filter: Box<Filter>,
    },
    /// `(columns) IN (keys)`: tuples; no value of a key is NULL.
    Keys {
        /// The columns.
        columns: Vec<ColumnIx>,
        /// The tuples.
        keys: Vec<Vec<Value>>,
    },
    /// `(columns) > (values)` in row order; for paging by key. None is NULL.
    After {
        /// The columns, none of them nullable.
        columns: Vec<ColumnIx>,
        /// The tuple that lies before the first row.
        values: Vec<Value>,
    },
}

/// `=`, `<>`, `<`, `<=`, `>`, `>=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less than.
    Lt,
    /// At most.
    Le,
    /// Greater than.
    Gt,
    /// At least.
    Ge,
}

/// What a value can be asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Is {
    /// NULL.
    Null,
    /// True.
    True,
    /// False.
    False,
    /// A boolean's NULL.
    Unknown,
}

/// How two arrays, or two jsonb values, lie in each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Containment {
    /// `@>`.
    Contains,
    /// `<@`.
    ContainedBy,
    /// `&&`, arrays only.
    Overlaps,
}

/// One term of an order.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Descending.
    pub descending: bool,
    /// NULLs before the others. PostgreSQL's default is `descending`.
    pub nulls_first: bool,
}

/// What an order looks at.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum OrderBy {
    /// A value of the row.
    Scalar(Scalar),
    /// A value of the one row it is related to; NULL where there is none.
    Related(Join, Scalar),
    /// An output, by its place; for selects that aggregate.
    Output(usize),
}

/// How rows of another table are related to a row.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Join {
    /// The other table.
    pub table: Arc<Table>,
    /// A junction table between the two, for many-to-many.
    pub via: Option<Via>,
    /// This row's columns, each equal to a key of the other side.
    pub on: Vec<(ColumnIx, KeySource)>,
}

/// A junction table: `via.left = target.right` for each pair.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Via {
    /// The junction.
    pub table: Arc<Table>,
    /// Pairs of a junction's column and a target's column.
    pub on: Vec<(ColumnIx, ColumnIx)>,
}

/// Where a look-up's key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// In a column of the table that is read.
    Table(ColumnIx),
    /// In a column of the junction.
    Via(ColumnIx),
}

/// A select and what is embedded in its rows.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Tree {
    /// The rows themselves.
    pub select: Select,
    /// What is embedded in them.
    pub children: Vec<Child>,
}

/// A resource embedded in its parent's rows, read by a keyed select: each of
/// its rows is its outputs, then the values of `key`. Filter, aggregation,
/// order, limit and offset apply for each key by itself. A parent's key that
/// holds a NULL has no children. A key without rows has no groups, even where
/// nothing is grouped by: what an empty group holds is for the caller to add.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Child {
    /// Which outputs of the parent make its key.
    pub parent: Vec<usize>,
    /// The junction, for many-to-many.
    pub via: Option<Via>,
    /// The same key on this side, in the same order.
    pub key: Vec<KeySource>,
    /// What is read.
    pub tree: Tree,
}

/// The answer to a tree, in its shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowSet {
    /// The rows of the select; of a child, all parents' children together, in
    /// the order asked for within each key.
    pub rows: Vec<Row>,
    /// One for each child of the tree, in its order.
    pub children: Vec<RowSet>,
    /// How many rows there would be without limit and offset, if it was asked.
    pub total: Option<u64>,
}

/// One change of one table.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// New rows.
    Insert(Insert),
    /// Rows that pass a filter get new values.
    Update(Update),
    /// Rows that pass a filter go.
    Delete(Delete),
}

/// New rows, whole: every column has a value, generated ones excepted (an
/// engine computes them, [`crate::constraint`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// Into which table.
    pub table: Arc<Table>,
    /// The rows, as wide as the table.
    pub rows: Vec<Row>,
    /// What to do where a key exists; `None` refuses.
    pub conflict: Option<Conflict>,
    /// What to answer of each row, in the order given (rows ignored left out).
    pub returning: Option<Tree>,
}

/// `ON CONFLICT (target) DO …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The columns of the primary key or of a unique constraint.
    pub target: Vec<ColumnIx>,
    /// Which columns the new row overwrites; `None` keeps the old row.
    pub merge: Option<Vec<ColumnIx>>,
}

/// New values for the rows that pass a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// In which table.
    pub table: Arc<Table>,
    /// Which rows.
    pub filter: Filter,
    /// The columns and their new values.
    pub set: Vec<(ColumnIx, Value)>,
    /// Refused (`PGRST124`) when more rows than this pass, before one is changed.
    pub max_affected: Option<u64>,
    /// What to answer of each row, as it is when the statement has ended, cascades
    /// into it included (PostgreSQL answers it as it was before them).
    pub returning: Option<Tree>,
}

/// The rows that pass a filter go.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// From which table.
    pub table: Arc<Table>,
    /// Which rows.
    pub filter: Filter,
    /// Refused (`PGRST124`) when more rows than this pass, before one goes.
    pub max_affected: Option<u64>,
    /// What to answer of each row, and of what is embedded in it, as it was before.
    pub returning: Option<Tree>,
}

impl Output {
    /// The type of its values.
    pub fn ty(&self, table: &Table) -> ColumnType {
        match self {
            Output::Scalar(scalar) => scalar.ty(table),
            Output::Aggregate(function, input) => {
                function.result_type(input.as_ref().map(|scalar| scalar.ty(table)).as_ref())
            }
        }
    }
}

impl Select {
    /// Whether its rows are groups.
    pub fn is_aggregate(&self) -> bool {
        self.output
            .iter()
            .any(|output| matches!(output, Output::Aggregate(..)))
    }
}

//! Selects: of a table, and of a table by keys of its parents' rows.

mod listed;

use super::order::{Ends, order_by};
use super::{Alias, Sql};
use crate::cell::Param;
use pando_model::aggregate::AggregateFn;
use pando_model::column::ColumnType;
use pando_model::fixed::{Fixed, fixed_by};
use pando_model::plan::{Filter, KeySource, OrderBy, Output, Scalar, Select};
use pando_model::schema::{ColumnIx, SLOT_COLUMN, Table};
use pando_model::tree::Keyed;

/// A select in SQL, and how its rows are read.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: Sql<'a>,
    pub(crate) decode: Vec<Decode<'a>>,
}

impl Statement<'_> {
    /// The same for a write: rows that it looks at stay as they are until it ends, because an
    /// adopted table has other writers.
    pub(crate) fn held(mut self, table: &Table) -> Self {
        if table.adopted {
            self.sql.push(" FOR UPDATE OF t0");
        }
        self
    }
}

/// How one place of a row is read.
#[derive(Debug)]
pub(crate) enum Decode<'a> {
    /// A column as it lies there.
    Column(&'a ColumnType),
    /// Computed from a column that lies there.
    Scalar(&'a Scalar, &'a ColumnType),
    /// A result of SQL's.
    Result(ColumnType),
}

/// Where the columns of a key lie in a statement.
pub(super) type KeyColumns<'a> = Vec<(Alias, &'a Table, ColumnIx)>;

/// A select; with `keyed`, the key's values follow the outputs in each row.
pub(crate) fn select<'a>(select: &'a Select, keyed: Option<Keyed<'a>>) -> Statement<'a> {
    let mut sql = Sql::new();
    let decode = push_select(&mut sql, select, keyed);
    Statement { sql, decode }
}

/// Adds a select; how its rows are read.
pub(super) fn push_select<'a>(
    sql: &mut Sql<'a>,
    select: &'a Select,
    keyed: Option<Keyed<'a>>,
) -> Vec<Decode<'a>> {
    let fixed = fixed_by(&select.filter);
    let bounded = keyed.is_some() && (select.limit.is_some() || select.offset > 0);
    if bounded {
        sql.push("SELECT * FROM (");
    }
    let root = sql.alias();
    let via_alias = keyed.and_then(|keyed| keyed.via).map(|_| sql.alias());
    let key_columns = keyed.map_or_else(Vec::new, |keyed| {
        key_columns(select, keyed, root, via_alias)
    });

    sql.push("SELECT ");
    let mut decode = outputs(sql, select, root);
    for (alias, table, ix) in &key_columns {
        let column = &table.columns[*ix];
        if !decode.is_empty() {
            sql.push(", ");
        }
        sql.column(*alias, &column.name);
        decode.push(Decode::Column(&column.ty));
    }
    if decode.is_empty() {
        sql.push("1");
    }
    if bounded {
        window(sql, select, root, &key_columns);
    }
    let keys = keyed.map(|keyed| (keyed, &key_columns, via_alias));
    source(sql, select, &fixed, root, keys);
    if select.is_aggregate() {
        group_by(sql, select, key_columns.len());
    }
    if bounded {
        beyond_offset(sql, select, key_columns.len());
    } else {
        let one = keyed.is_none() && fixed.is_one_row(&select.table);
        if !one || select.is_aggregate() {
            order_by(sql, select, root, Ends::Statement(&key_columns));
        }
        if !one || select.offset > 0 || select.limit == Some(0) {
            limit(sql, select);
        }
    }
    decode
}

/// All columns of the rows that pass a filter, in the order of the primary key.
pub(crate) fn whole_rows<'a>(table: &'a Table, filter: &'a Filter) -> Statement<'a> {
    let mut sql = Sql::new();
    let root = sql.alias();
    sql.push("SELECT ")
        .joined(", ", &table.columns, |sql, column| {
            sql.column(root, &column.name);
        });
    let fixed = fixed_by(filter);
    if !listed::source(&mut sql, table, filter, root, &fixed) {
        sql.push(" FROM ").table(&table.name, root).push(" WHERE ");
        passing(&mut sql, table, filter, root, &fixed);
    }
    if !fixed.is_one_row(table) {
        sql.push(" ORDER BY ")
            .joined(", ", &table.primary_key.columns, |sql, ix| {
                sql.column(root, &table.columns[*ix].name);
            });
    }
    let decode = table
        .columns
        .iter()
        .map(|column| Decode::Column(&column.ty))
        .collect();
    Statement { sql, decode }
}

/// How many rows a select would give without limit and offset.
pub(crate) fn count(select: &Select) -> Sql<'_> {
    let mut sql = Sql::new();
    push_count(&mut sql, select);
    sql
}

/// Adds how many rows a select would give without limit and offset.
pub(super) fn push_count<'a>(sql: &mut Sql<'a>, select: &'a Select) {
    let root = sql.alias();
    let fixed = fixed_by(&select.filter);
    if select.is_aggregate() {
        sql.push("SELECT count(*) FROM (SELECT ");
        outputs(sql, select, root);
        source(sql, select, &fixed, root, None);
        group_by(sql, select, 0);
        sql.push(") AS q");
    } else {
        sql.push("SELECT count(*)");
        source(sql, select, &fixed, root, None);
    }
}

fn key_columns<'a>(
    select: &'a Select,
    keyed: Keyed<'a>,
    root: Alias,
    via_alias: Option<Alias>,
) -> KeyColumns<'a> {
    keyed
        .key
        .iter()
        .map(|source| match (source, keyed.via, via_alias) {
            (KeySource::Via(ix), Some(via), Some(alias)) => (alias, &*via.table, *ix),
            (KeySource::Via(ix) | KeySource::Table(ix), ..) => (root, &*select.table, *ix),
        })
        .collect()
}

fn outputs<'a>(sql: &mut Sql<'a>, select: &'a Select, root: Alias) -> Vec<Decode<'a>> {
    let table = &*select.table;
    let aggregates = select.is_aggregate();
    let mut decode = Vec::with_capacity(select.output.len() + 2);
    sql.joined(", ", &select.output, |sql, output| match output {
        Output::Scalar(Scalar::Column(ix)) if !aggregates => {
            sql.column(root, &table.columns[*ix].name);
            decode.push(Decode::Column(&table.columns[*ix].ty));
        }
        Output::Scalar(scalar) if !aggregates => {
            let column = &table.columns[scalar.source()];
            sql.column(root, &column.name);
            decode.push(Decode::Scalar(scalar, &column.ty));
        }
        Output::Scalar(_) | Output::Aggregate(..) => {
            output_sql(sql, output, table, root);
            decode.push(Decode::Result(output.ty(table)));
        }
    });
    decode
}

pub(super) fn output_sql<'a>(sql: &mut Sql<'a>, output: &'a Output, table: &'a Table, root: Alias) {
    match output {
        Output::Scalar(scalar) => {
            sql.compared(scalar, table, root);
        }
        Output::Aggregate(AggregateFn::Count, None) => {
            sql.push("count(*)");
        }
        Output::Aggregate(function, input) => {
            let Some(input) = input else {
                // Only a count has no input; anything else is refused by its plan.
                sql.push("NULL");
                return;
            };
            let is_float = matches!(input.ty(table), ColumnType::Real | ColumnType::Double);
            match function {
                AggregateFn::Sum | AggregateFn::Avg if is_float => {
                    exact(sql, *function, input, table, root);
                }
                function => {
                    sql.push(function.name())
                        .push("(")
                        .scalar(input, table, root)
                        .push(")");
                }
            }
        }
    }
}

/// A sum or mean that is exact whatever the order of its rows, and rounded once.
fn exact<'a>(
    sql: &mut Sql<'a>,
    function: AggregateFn,
    input: &'a Scalar,
    table: &'a Table,
    root: Alias,
) {
    let result = function.result_type(Some(&input.ty(table)));
    sql.push(match result {
        ColumnType::Real => "_pando_real(",
        _ => "_pando_double(",
    });
    let is_mean = function == AggregateFn::Avg;
    if is_mean {
        sql.push("_pando_mean(");
    }
    sql.push("sum(_pando_exact(CAST(")
        .scalar(input, table, root)
        .push(" AS double precision)))");
    if is_mean {
        sql.push(", count(").scalar(input, table, root).push("))");
    }
    sql.push(")");
}

/// Adds ` FROM … WHERE …`; with `keys`, of rows that belong to parents.
fn source<'a>(
    sql: &mut Sql<'a>,
    select: &'a Select,
    fixed: &Fixed<'_>,
    root: Alias,
    keys: Option<(Keyed<'a>, &KeyColumns<'a>, Option<Alias>)>,
) {
    let table = &*select.table;
    if keys.is_none() && listed::source(sql, table, &select.filter, root, fixed) {
        return;
    }
    sql.push(" FROM ").table(&table.name, root);
    if let Some((keyed, _, Some(alias))) = keys
        && let Some(via) = keyed.via
    {
        sql.joined_via(via, alias, table, root);
    }
    sql.push(" WHERE ");
    if let Some((keyed, columns, _)) = keys {
        sql.keys(columns, keyed.keys).push(" AND ");
    }
    if is_ordered_by_sparse_index(select, fixed) {
        sql.push("(").filter(&select.filter, table, root).push(")");
    } else {
        passing(sql, table, &select.filter, root, fixed);
    }
}

/// Whether a sparse index has the rows in the order that is wanted. Then the slot is not named, which
/// the key begins with: where few rows live, the two look alike to the planner, and the key's index
/// has all that died while somebody holds a snapshot.
fn is_ordered_by_sparse_index(select: &Select, fixed: &Fixed<'_>) -> bool {
    let first = select.order.first().map(|order| &order.by);
    let Some(OrderBy::Scalar(Scalar::Column(first))) = first else {
        return false;
    };
    let mut sparse = select.table.indexes.iter().filter(|index| index.sparse);
    sparse.any(|index| {
        let columns = index.columns.iter().map(|(ix, _)| ix);
        let mut behind = columns.skip_while(|ix| fixed.value(**ix).is_some());
        behind.next() == Some(first)
    })
}

/// Adds a filter, and the slot where it follows from it.
fn passing<'a>(
    sql: &mut Sql<'a>,
    table: &'a Table,
    filter: &'a Filter,
    root: Alias,
    fixed: &Fixed<'_>,
) {
    in_slot(sql, table, root, fixed);
    sql.push("(").filter(filter, table, root).push(")");
}

/// Adds the slot as a condition, and ` AND `, where it follows from the filter.
fn in_slot(sql: &mut Sql<'_>, table: &Table, root: Alias, fixed: &Fixed<'_>) {
    if let Some(slot) = fixed.slot(table).filter(|_| !table.adopted) {
        sql.column(root, SLOT_COLUMN)
            .push(" = ")
            .bind_as(Param::int(i64::from(slot.number())), "integer")
            .push(" AND ");
    }
}

/// Groups by the outputs that are no aggregates, and by the key.
fn group_by(sql: &mut Sql<'_>, select: &Select, keys: usize) {
    let scalars = select
        .output
        .iter()
        .enumerate()
        .filter(|(_, output)| matches!(output, Output::Scalar(_)))
        .map(|(place, _)| place);
    let outputs = select.output.len();
    let places: Vec<usize> = scalars.chain(outputs..outputs + keys).collect();
    if !places.is_empty() {
        sql.push(" GROUP BY ").joined(", ", places, |sql, place| {
            sql.number(place + 1);
        });
    }
}

/// Adds the number of each row within its key.
fn window<'a>(sql: &mut Sql<'a>, select: &'a Select, root: Alias, key_columns: &KeyColumns<'a>) {
    sql.push(", row_number() OVER (PARTITION BY ").joined(
        ", ",
        key_columns,
        |sql, (alias, table, ix)| {
            sql.column(*alias, &table.columns[*ix].name);
        },
    );
    order_by(sql, select, root, Ends::Window);
    sql.push(") AS _pando_row");
}

fn beyond_offset(sql: &mut Sql<'_>, select: &Select, keys: usize) {
    let offset = clamped(select.offset);
    sql.push(") AS q WHERE _pando_row > ")
        .bind_as(Param::int(offset), "bigint");
    if let Some(limit) = select.limit {
        let last = offset.saturating_add(clamped(limit));
        sql.push(" AND _pando_row <= ")
            .bind_as(Param::int(last), "bigint");
    }
    sql.push(" ORDER BY ");
    for place in select.output.len()..select.output.len() + keys {
        sql.number(place + 1).push(", ");
    }
    sql.push("_pando_row");
}

fn limit(sql: &mut Sql<'_>, select: &Select) {
    if let Some(limit) = select.limit {
        sql.push(" LIMIT ")
            .bind_as(Param::int(clamped(limit)), "bigint");
    }
    if select.offset > 0 {
        sql.push(" OFFSET ")
            .bind_as(Param::int(clamped(select.offset)), "bigint");
    }
}

fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

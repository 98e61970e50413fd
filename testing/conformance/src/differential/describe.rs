//! Operations in a few words, close to SQL, for the trace of a failing run.

use crate::differential::draw::Operation;
use pando_model::plan::{Change, Filter, Join, OrderBy, Output, Scalar, Select, Tree};
use pando_model::schema::Table;
use pando_model::value::Value;

/// One operation on one line.
pub(super) fn describe(operation: &Operation) -> String {
    match operation {
        Operation::Read { tree, count } => {
            format!("{}{}", tree_(tree), if *count { " COUNT" } else { "" })
        }
        Operation::Write { changes, receipt } => {
            let changes: Vec<String> = changes.iter().map(change).collect();
            let receipt = receipt.as_ref().map_or(String::new(), |receipt| {
                format!(" KEY {} REQUEST {}", receipt.key, receipt.request[0])
            });
            format!("{}{receipt}", changes.join("; "))
        }
    }
}

fn change(change: &Change) -> String {
    let (text, returning) = match change {
        Change::Insert(insert) => {
            let rows: Vec<String> = insert.rows.iter().map(|row| values(row)).collect();
            let conflict = insert.conflict.as_ref().map_or(String::new(), |conflict| {
                let target = columns(&insert.table, &conflict.target);
                match &conflict.merge {
                    Some(merge) => {
                        format!(
                            " ON CONFLICT {target} MERGE {}",
                            columns(&insert.table, merge)
                        )
                    }
                    None => format!(" ON CONFLICT {target} IGNORE"),
                }
            });
            let name = &insert.table.name;
            (
                format!("INSERT {name} {}{conflict}", rows.join(" ")),
                &insert.returning,
            )
        }
        Change::Update(update) => {
            let set: Vec<String> = update
                .set
                .iter()
                .map(|(ix, v)| format!("{}={}", update.table.columns[*ix].name, value(v)))
                .collect();
            let filter = filter_(&update.table, &update.filter);
            let name = &update.table.name;
            let max = max(update.max_affected);
            (
                format!("UPDATE {name} SET {} WHERE {filter}{max}", set.join(", ")),
                &update.returning,
            )
        }
        Change::Delete(delete) => {
            let filter = filter_(&delete.table, &delete.filter);
            let max = max(delete.max_affected);
            (
                format!("DELETE {} WHERE {filter}{max}", delete.table.name),
                &delete.returning,
            )
        }
    };
    match returning {
        Some(tree) => format!("{text} RETURNING {}", tree_(tree)),
        None => text,
    }
}

fn max(max: Option<u64>) -> String {
    max.map_or(String::new(), |max| format!(" AT MOST {max}"))
}

fn tree_(tree: &Tree) -> String {
    let mut text = select_(&tree.select);
    for child in &tree.children {
        let via = child.via.as_ref().map_or(String::new(), |via| {
            format!(" VIA {} ON {:?}", via.table.name, via.on)
        });
        text += &format!(
            " {{ {:?} = {:?}{via}: {} }}",
            child.parent,
            child.key,
            tree_(&child.tree)
        );
    }
    text
}

fn select_(select: &Select) -> String {
    let table = &select.table;
    let outputs: Vec<String> = select
        .output
        .iter()
        .map(|output| match output {
            Output::Scalar(inner) => scalar(table, inner),
            Output::Aggregate(function, Some(inner)) => {
                format!("{function:?}({})", scalar(table, inner))
            }
            Output::Aggregate(function, None) => format!("{function:?}(*)"),
        })
        .collect();
    let mut text = format!("SELECT {} FROM {}", outputs.join(", "), table.name);
    if select.filter != Filter::Const(true) {
        text += &format!(" WHERE {}", filter_(table, &select.filter));
    }
    for order in &select.order {
        let by = match &order.by {
            OrderBy::Scalar(inner) => scalar(table, inner),
            OrderBy::Related(join, inner) => {
                format!("{}.{}", join_(table, join), scalar(&join.table, inner))
            }
            OrderBy::Output(place) => format!("#{place}"),
        };
        let direction = if order.descending { " DESC" } else { "" };
        let nulls = if order.nulls_first { "FIRST" } else { "LAST" };
        text += &format!(" ORDER {by}{direction} NULLS {nulls}");
    }
    if let Some(limit) = select.limit {
        text += &format!(" LIMIT {limit}");
    }
    if select.offset > 0 {
        text += &format!(" OFFSET {}", select.offset);
    }
    text
}

fn filter_(table: &Table, filter: &Filter) -> String {
    let all = |parts: &[Filter], word: &str| {
        let parts: Vec<String> = parts.iter().map(|part| filter_(table, part)).collect();
        format!("({})", parts.join(word))
    };
    match filter {
        Filter::Const(truth) => truth.to_string(),
        Filter::And(parts) => all(parts, " AND "),
        Filter::Or(parts) => all(parts, " OR "),
        Filter::Not(inner) => format!("NOT {}", filter_(table, inner)),
        Filter::Compare { left, op, right } => {
            format!("{} {op:?} {}", scalar(table, left), value(right))
        }
        Filter::IsDistinct { left, right } => {
            format!("{} IS DISTINCT {}", scalar(table, left), value(right))
        }
        Filter::In { left, values: list } => {
            format!("{} IN {}", scalar(table, left), values(list))
        }
        Filter::Is { left, what } => format!("{} IS {what:?}", scalar(table, left)),
        Filter::Match { left, pattern } => {
            let (kind, source) = (pattern.kind(), pattern.source());
            format!("{} {kind:?} {source:?}", scalar(table, left))
        }
        Filter::Search { left, query } => format!("{} @@ {query:?}", scalar(table, left)),
        Filter::Containment { left, op, right } => {
            format!("{} {op:?} {}", scalar(table, left), value(right))
        }
        Filter::Exists { join, filter } => {
            let inner = filter_(&join.table, filter);
            format!("EXISTS {} WHERE {inner}", join_(table, join))
        }
        Filter::Keys { columns: of, keys } => {
            let keys: Vec<String> = keys.iter().map(|key| values(key)).collect();
            format!("{} IN {}", columns(table, of), keys.join(" "))
        }
        Filter::After {
            columns: of,
            values: after,
        } => format!("{} > {}", columns(table, of), values(after)),
    }
}

fn join_(table: &Table, join: &Join) -> String {
    let on: Vec<String> = join
        .on
        .iter()
        .map(|(ix, source)| format!("{}={source:?}", table.columns[*ix].name))
        .collect();
    let via = join
        .via
        .as_ref()
        .map_or(String::new(), |via| format!(" via {}", via.table.name));
    format!("{}{via} ON {}", join.table.name, on.join(","))
}

fn scalar(table: &Table, of: &Scalar) -> String {
    match of {
        Scalar::Column(ix) => table.columns[*ix].name.clone(),
        Scalar::Json {
            column,
            path,
            as_text,
        } => {
            let name = &table.columns[*column].name;
            format!("{name}->{path:?}{}", if *as_text { " as text" } else { "" })
        }
        Scalar::Cast(inner, ty) => format!("{}::{ty}", scalar(table, inner)),
    }
}

fn columns(table: &Table, of: &[usize]) -> String {
    let names: Vec<&str> = of
        .iter()
        .map(|ix| table.columns[*ix].name.as_str())
        .collect();
    format!("({})", names.join(", "))
}

fn values(of: &[Value]) -> String {
    let values: Vec<String> = of.iter().map(value).collect();
    format!("({})", values.join(", "))
}

fn value(of: &Value) -> String {
    match of {
        Value::Null => "NULL".to_owned(),
        other => format!("{other:?}"),
    }
}

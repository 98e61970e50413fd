//! Conditions.

use super::scalar::is_condition;
use super::{Alias, Sql};
use crate::cell::Param;
use crate::functions::{containment_code, form_code, pattern_code, type_text};
use crate::tuple;
use pando_model::pattern::{Pattern, PatternKind};
use pando_model::plan::{Comparison, Containment, Filter, Is, Join, KeySource, Scalar, Via};
use pando_model::schema::{ColumnIx, Table};
use pando_model::text_search::TextQuery;
use pando_model::value::Value;
use std::borrow::Cow;
use std::rc::Rc;

impl<'a> Sql<'a> {
    /// Adds a condition on a row of `table`.
    pub(crate) fn filter(
        &mut self,
        filter: &'a Filter,
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        match filter {
            Filter::Const(value) => self.push(if *value { "1" } else { "0" }),
            Filter::And(parts) => self.connected(parts, " AND ", "1", table, alias),
            Filter::Or(parts) => self.connected(parts, " OR ", "0", table, alias),
            Filter::Not(inner) => self.push("NOT (").filter(inner, table, alias).push(")"),
            Filter::Compare {
                left,
                op: Comparison::Eq,
                right: right @ Value::Text(text),
            } if is_condition(left, right, table) => {
                self.scalar(left, table, alias).push(" = ").literal(text)
            }
            Filter::Compare { left, op, right } => self
                .scalar(left, table, alias)
                .push(comparison_sql(*op))
                .bind(Param::of(right, &left.ty(table))),
            Filter::IsDistinct { left, right } => self
                .scalar(left, table, alias)
                .push(" IS NOT ")
                .bind(Param::of(right, &left.ty(table))),
            Filter::In { left, values } => {
                let list = list_of(values, left, table);
                self.scalar(left, table, alias)
                    .push(" IN rarray(")
                    .bind(list)
                    .push(")")
            }
            Filter::Is { left, what } => self.scalar(left, table, alias).push(match what {
                Is::Null | Is::Unknown => " IS NULL",
                Is::True => " IS 1",
                Is::False => " IS 0",
            }),
            Filter::Match { left, pattern } => self.matches(left, pattern, table, alias),
            Filter::Search { left, query } => self.searches(left, query, table, alias),
            Filter::Containment { left, op, right } => {
                self.contains(left, *op, right, table, alias)
            }
            Filter::Exists { join, filter } => {
                self.push("EXISTS (SELECT 1");
                let other = self.related(join, table, alias);
                self.push(" AND ")
                    .filter(filter, &join.table, other)
                    .push(")")
            }
            Filter::Keys { columns, keys } => {
                let columns: Vec<_> = columns.iter().map(|ix| (alias, table, *ix)).collect();
                self.keys(&columns, keys)
            }
            Filter::After { columns, values } => self.after(columns, values, table, alias),
        }
    }

    fn connected(
        &mut self,
        parts: &'a [Filter],
        separator: &str,
        empty: &str,
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        match parts {
            [] => self.push(empty),
            [only] => self.filter(only, table, alias),
            many => {
                // Halves of halves: to SQLite a chain is as deep as it is long, and it bounds
                // how deep an expression may be.
                let (left, right) = many.split_at(many.len() / 2);
                self.push("((")
                    .connected(left, separator, empty, table, alias)
                    .push(")")
                    .push(separator)
                    .push("(")
                    .connected(right, separator, empty, table, alias)
                    .push("))")
            }
        }
    }

    /// Adds ` FROM … WHERE …` of the rows that `join` relates to a row of `table`, and gives
    /// the alias of the other table.
    pub(crate) fn related(&mut self, join: &'a Join, table: &'a Table, alias: Alias) -> Alias {
        let other = self.alias();
        self.push(" FROM ").table(&join.table.name, other);
        let via = join.via.as_ref().map(|via| {
            let alias = self.alias();
            self.joined_via(via, alias, &join.table, other);
            (&*via.table, alias)
        });
        self.push(" WHERE ")
            .joined(" AND ", &join.on, |sql, (own, key)| {
                match (key, via) {
                    (KeySource::Via(ix), Some((via, alias))) => {
                        sql.column(alias, &via.columns[*ix].name)
                    }
                    (KeySource::Via(ix) | KeySource::Table(ix), _) => {
                        sql.column(other, &join.table.columns[*ix].name)
                    }
                };
                sql.push(" = ").column(alias, &table.columns[*own].name);
            });
        other
    }

    /// Adds ` JOIN via ON …`.
    pub(crate) fn joined_via(
        &mut self,
        via: &'a Via,
        alias: Alias,
        target: &'a Table,
        target_alias: Alias,
    ) -> &mut Self {
        self.push(" JOIN ")
            .table(&via.table.name, alias)
            .push(" ON ");
        self.joined(" AND ", &via.on, |sql, (left, right)| {
            sql.column(alias, &via.table.columns[*left].name)
                .push(" = ")
                .column(target_alias, &target.columns[*right].name);
        })
    }

    fn matches(
        &mut self,
        left: &'a Scalar,
        pattern: &'a Pattern,
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        let prefix = match (pattern.kind(), left) {
            (PatternKind::Like, Scalar::Column(_)) => pattern.literal_prefix(),
            _ => "",
        };
        self.push("(");
        if !prefix.is_empty() {
            self.scalar(left, table, alias)
                .push(" >= ")
                .bind(Param::Text(Cow::Owned(prefix.to_owned())))
                .push(" AND ");
            if let Some(end) = behind_prefix(prefix) {
                self.scalar(left, table, alias)
                    .push(" < ")
                    .bind(Param::Text(Cow::Owned(end)))
                    .push(" AND ");
            }
        }
        self.push("pando_match(")
            .number(pattern_code(pattern.kind()))
            .push(", ")
            .bind(Param::Text(Cow::Borrowed(pattern.source())))
            .push(", ");
        self.scalar(left, table, alias).push("))")
    }

    fn searches(
        &mut self,
        left: &'a Scalar,
        query: &'a TextQuery,
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        self.push("pando_search(")
            .number(form_code(query.form()))
            .push(", ")
            .bind(Param::Text(Cow::Borrowed(query.source())))
            .push(", ");
        self.scalar(left, table, alias).push(")")
    }

    fn contains(
        &mut self,
        left: &'a Scalar,
        op: Containment,
        right: &'a Value,
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        let ty = left.ty(table);
        self.push("pando_contains(")
            .number(containment_code(op))
            .push(", ")
            .literal(&type_text(&ty))
            .push(", ");
        self.scalar(left, table, alias)
            .push(", ")
            .bind(Param::of(right, &ty))
            .push(")")
    }

    /// Adds `(columns) IN (keys)`.
    pub(crate) fn keys(
        &mut self,
        columns: &[(Alias, &'a Table, ColumnIx)],
        keys: &'a [Vec<Value>],
    ) -> &mut Self {
        if keys.is_empty() {
            return self.push("0");
        }
        if let [key] = keys {
            let pairs = columns.iter().zip(key);
            return self.joined(" AND ", pairs, |sql, ((alias, table, ix), value)| {
                let column = &table.columns[*ix];
                sql.column(*alias, &column.name)
                    .push(" = ")
                    .bind(Param::of(value, &column.ty));
            });
        }
        if let [(alias, table, ix)] = columns {
            let column = &table.columns[*ix];
            let list = keys
                .iter()
                .map(|key| Param::of(&key[0], &column.ty).into_owned())
                .collect();
            return self
                .column(*alias, &column.name)
                .push(" IN rarray(")
                .bind(Param::List(Rc::new(list)))
                .push(")");
        }
        self.push("(")
            .joined(", ", columns, |sql, (alias, table, ix)| {
                sql.column(*alias, &table.columns[*ix].name);
            })
            .push(") IN (SELECT ")
            .joined(", ", 0..columns.len(), |sql, place| {
                sql.push("pando_part(k.value, ")
                    .number(place as i64)
                    .push(")");
            });
        let tuple = |key: &'a Vec<Value>| {
            let cells = columns.iter().zip(key);
            tuple::pack(
                cells.map(|((_, table, ix), value)| Param::of(value, &table.columns[*ix].ty)),
            )
        };
        let list = keys.iter().map(tuple).collect();
        self.push(" FROM rarray(")
            .bind(Param::List(Rc::new(list)))
            .push(") AS k)")
    }

    fn after(
        &mut self,
        columns: &'a [ColumnIx],
        values: &'a [Value],
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        self.push("(")
            .joined(", ", columns, |sql, ix| {
                sql.column(alias, &table.columns[*ix].name);
            })
            .push(") > (")
            .joined(", ", columns.iter().zip(values), |sql, (ix, value)| {
                sql.bind(Param::of(value, &table.columns[*ix].ty));
            })
            .push(")")
    }
}

fn comparison_sql(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => " = ",
        Comparison::Ne => " <> ",
        Comparison::Lt => " < ",
        Comparison::Le => " <= ",
        Comparison::Gt => " > ",
        Comparison::Ge => " >= ",
    }
}

fn list_of<'a>(values: &'a [Value], left: &Scalar, table: &Table) -> Param<'a> {
    let ty = left.ty(table);
    let list = values
        .iter()
        .map(|value| Param::of(value, &ty).into_owned())
        .collect();
    Param::List(Rc::new(list))
}

/// The least text behind all that begin with `prefix`; `None` when there is none.
fn behind_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_lies_behind_everything_that_begins_with_it() {
        for (prefix, end) in [
            ("ab", Some("ac")),
            ("a\u{D7FF}", Some("a\u{E000}")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{10FFFF}", None),
            ("", None),
        ] {
            assert_eq!(behind_prefix(prefix).as_deref(), end, "{prefix:?}");
            if let Some(end) = end {
                assert!(format!("{prefix}\u{10FFFF}\u{10FFFF}").as_str() < end);
            }
        }
    }
}

//! Conditions.

use super::scalar::COLLATION;
use super::scalar::is_condition;
use super::{Alias, Sql, literal, sent_as};
use crate::cell::Param;
use pando_model::column::ColumnType;
use pando_model::pattern::{Pattern, PatternKind};
use pando_model::plan::{Comparison, Containment, Filter, Is, Join, KeySource, Scalar, Via};
use pando_model::schema::{ColumnIx, Table};
use pando_model::text_search::TextQuery;
use pando_model::value::Value;
use std::borrow::Cow;

impl<'a> Sql<'a> {
    /// Adds a condition on a row of `table`.
    pub(crate) fn filter(
        &mut self,
        filter: &'a Filter,
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        match filter {
            Filter::Const(value) => self.push(if *value { "TRUE" } else { "FALSE" }),
            Filter::And(parts) => self.connected(parts, " AND ", "TRUE", table, alias),
            Filter::Or(parts) => self.connected(parts, " OR ", "FALSE", table, alias),
            Filter::Not(inner) => self.push("NOT (").filter(inner, table, alias).push(")"),
            Filter::Compare {
                left,
                op: Comparison::Eq,
                right: right @ Value::Text(text),
            } if is_condition(left, right, table) => self
                .scalar(left, table, alias)
                .push(" = ")
                .push(&literal(text)),
            Filter::Compare { left, op, right } => self
                .compared(left, table, alias)
                .push(comparison_sql(*op))
                .bind(right, &left.ty(table)),
            Filter::IsDistinct { left, right } => self
                .compared(left, table, alias)
                .push(" IS DISTINCT FROM ")
                .bind(right, &left.ty(table)),
            Filter::In { left, values } => self.listed(left, values, table, alias),
            Filter::Is { left, what } => self.scalar(left, table, alias).push(match what {
                Is::Null | Is::Unknown => " IS NULL",
                Is::True => " IS TRUE",
                Is::False => " IS FALSE",
            }),
            Filter::Match { left, pattern } => self.matches(left, pattern, table, alias),
            Filter::Search { left, query } => self.searches(left, query, table, alias),
            Filter::Containment { left, op, right } => self
                .scalar(left, table, alias)
                .push(match op {
                    Containment::Contains => " @> ",
                    Containment::ContainedBy => " <@ ",
                    Containment::Overlaps => " && ",
                })
                .bind(right, &left.ty(table)),
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
            many => self
                .push("(")
                .joined(separator, many, |sql, part| {
                    sql.push("(").filter(part, table, alias).push(")");
                })
                .push(")"),
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

    fn listed(
        &mut self,
        left: &'a Scalar,
        values: &'a [Value],
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        let ty = left.ty(table);
        if !is_array(&ty) {
            let list = Param::list(values.to_vec());
            return self
                .compared(left, table, alias)
                .push(" = ANY(")
                .bind_as(list, &format!("{}[]", sent_as(&ty)))
                .push(")");
        }
        // An array of arrays would be one of two dimensions.
        if values.is_empty() {
            return self.push("FALSE");
        }
        self.scalar(left, table, alias)
            .push(" IN (")
            .joined(", ", values, |sql, value| {
                sql.bind(value, &ty);
            })
            .push(")")
    }

    fn matches(
        &mut self,
        left: &'a Scalar,
        pattern: &'a Pattern,
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        // Case is ASCII's, and letters are: the column of an adopted table may know more of them.
        self.push("(")
            .scalar(left, table, alias)
            .push(")")
            .push(COLLATION)
            .push(match pattern.kind() {
                PatternKind::Like => " LIKE ",
                PatternKind::ILike => " ILIKE ",
                PatternKind::Regex => " ~ ",
                PatternKind::RegexInsensitive => " ~* ",
            })
            .bind_as(Param::text(pattern.source()), "text")
    }

    /// What is no letter or digit goes first: PostgreSQL's parser knows more kinds of words.
    fn searches(
        &mut self,
        left: &'a Scalar,
        query: &'a TextQuery,
        table: &'a Table,
        alias: Alias,
    ) -> &mut Self {
        self.push("to_tsvector('simple', regexp_replace(")
            .scalar(left, table, alias)
            .push(" COLLATE pg_catalog.\"default\", '[^[:alnum:]]+', ' ', 'g')) @@ ")
            .bind_as(Param::text(query.to_tsquery()), "text")
            .push("::tsquery")
    }

    /// Adds `(columns) IN (keys)`.
    pub(crate) fn keys(
        &mut self,
        columns: &[(Alias, &'a Table, ColumnIx)],
        keys: &'a [Vec<Value>],
    ) -> &mut Self {
        let type_of = |place: usize| {
            let (_, table, ix) = columns[place];
            &table.columns[ix].ty
        };
        let has_arrays = (0..columns.len()).any(|place| is_array(type_of(place)));
        match keys {
            [] => self.push("FALSE"),
            many if many.len() > 1 && !has_arrays => self.unnested(columns, keys),
            few => {
                self.push("(").joined(" OR ", few, |sql, key| {
                    sql.push("(");
                    let pairs = columns.iter().zip(key);
                    sql.joined(" AND ", pairs, |sql, ((alias, table, ix), value)| {
                        let column = &table.columns[*ix];
                        sql.column(*alias, &column.name)
                            .push(" = ")
                            .bind(value, &column.ty);
                    });
                    sql.push(")");
                });
                self.push(")")
            }
        }
    }

    fn unnested(
        &mut self,
        columns: &[(Alias, &'a Table, ColumnIx)],
        keys: &'a [Vec<Value>],
    ) -> &mut Self {
        self.push("(")
            .joined(", ", columns, |sql, (alias, table, ix)| {
                sql.column(*alias, &table.columns[*ix].name);
            })
            .push(") IN (SELECT * FROM ");
        let types = columns.iter().map(|(_, table, ix)| &table.columns[*ix].ty);
        self.unnest(types, keys).push(")")
    }

    /// Adds keys as rows, from a list for each of their columns.
    pub(super) fn unnest(
        &mut self,
        types: impl Iterator<Item = &'a ColumnType>,
        keys: &[Vec<Value>],
    ) -> &mut Self {
        self.push("unnest(");
        self.joined(", ", types.enumerate(), |sql, (place, ty)| {
            let list = keys.iter().map(|key| key[place].clone()).collect();
            let ty = format!("{}[]", sent_as(ty));
            sql.bind_as(Param(Cow::Owned(Value::Array(list))), &ty);
        });
        self.push(")")
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
                sql.bind(value, &table.columns[*ix].ty);
            })
            .push(")")
    }
}

pub(super) fn is_array(ty: &ColumnType) -> bool {
    matches!(ty, ColumnType::Array(_))
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

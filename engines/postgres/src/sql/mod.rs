//! Plans to SQL: a statement's text and its parameters.
//!
//! The text depends on the shape of a plan only, so that a statement is prepared
//! once for each shape: values are parameters, each with its type, and a list is one parameter.

mod filter;
mod order;
mod row;
mod scalar;
mod select;
mod short;

pub(crate) use scalar::indexed_sql;
pub(crate) use select::{Statement, count, select, whole_rows};
pub(crate) use short::{FIRST, FOUND, NUMBER, TOTAL, select_together, select_with_shard};

use crate::cell::Param;
use pando_model::column::ColumnType;
use pando_model::value::Value;

/// A statement being written.
#[derive(Debug, Default)]
pub(crate) struct Sql<'a> {
    pub(crate) text: String,
    pub(crate) params: Vec<Param<'a>>,
    tables: usize,
    /// Where values are columns of `k` and not parameters: the types of the parameters.
    together: Option<Vec<String>>,
}

/// A table's name within a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alias(usize);

impl<'a> Sql<'a> {
    /// A statement without a word yet.
    pub(crate) fn new() -> Sql<'a> {
        Sql {
            text: String::with_capacity(512),
            params: Vec::with_capacity(4),
            tables: 0,
            together: None,
        }
    }

    /// One whose values are columns of `k`, `c1` and so on.
    fn together() -> Sql<'a> {
        Sql {
            together: Some(Vec::new()),
            ..Sql::new()
        }
    }

    /// Adds text.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a quoted name.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        push_name(&mut self.text, name);
        self
    }

    /// Adds a parameter as a type of PostgreSQL's.
    pub(crate) fn bind_as(&mut self, param: Param<'a>, ty: &str) -> &mut Self {
        self.params.push(param);
        self.place(self.params.len(), ty)
    }

    /// Adds a value of a type.
    pub(crate) fn bind(&mut self, value: &'a Value, ty: &ColumnType) -> &mut Self {
        self.bind_as(Param::of(value), &sent_as(ty))
    }

    /// Adds a parameter that may stand in several places of a statement, which then are the same.
    pub(crate) fn bind_once(&mut self, param: Param<'a>, ty: &str) -> &mut Self {
        match self.params.iter().position(|known| *known == param) {
            Some(place) => self.place(place + 1, ty),
            None => self.bind_as(param, ty),
        }
    }

    fn place(&mut self, number: usize, ty: &str) -> &mut Self {
        if let Some(types) = &mut self.together {
            if types.len() < number {
                types.push(ty.to_owned());
            }
            return self.push("k.c").number(number);
        }
        self.push("$").number(number).push("::").push(ty)
    }

    /// Adds a number that belongs to the shape.
    pub(crate) fn number(&mut self, number: usize) -> &mut Self {
        self.text.push_str(&number.to_string());
        self
    }

    /// A new alias; the caller writes it behind the table's name.
    pub(crate) fn alias(&mut self) -> Alias {
        self.tables += 1;
        Alias(self.tables - 1)
    }

    /// Adds a table under an alias.
    pub(crate) fn table(&mut self, name: &str, alias: Alias) -> &mut Self {
        self.name(name).push(" ").aliased(alias)
    }

    /// Adds an alias, behind what it is one of.
    pub(crate) fn aliased(&mut self, alias: Alias) -> &mut Self {
        self.push("AS t").number(alias.0)
    }

    /// Adds a column of an aliased table.
    pub(crate) fn column(&mut self, alias: Alias, name: &str) -> &mut Self {
        self.push("t").number(alias.0).push(".").name(name)
    }

    /// Adds parts with a separator between them.
    pub(crate) fn joined<T>(
        &mut self,
        separator: &str,
        parts: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (place, part) in parts.into_iter().enumerate() {
            if place > 0 {
                self.push(separator);
            }
            write(self, part);
        }
        self
    }
}

/// The type as which a value is sent to be compared: a declared precision would round it, and a
/// number may be none of an integer's; json, which PostgreSQL does not compare, is compared as
/// its text.
pub(crate) fn sent_as(ty: &ColumnType) -> String {
    match ty {
        ColumnType::Numeric { .. } => "numeric".to_owned(),
        ColumnType::Integer => "bigint".to_owned(),
        ColumnType::Json => "text".to_owned(),
        ColumnType::Array(inner) => match **inner {
            ColumnType::Numeric { .. } => "numeric[]".to_owned(),
            _ => ty.to_string(),
        },
        _ => ty.to_string(),
    }
}

fn push_name(text: &mut String, name: &str) {
    text.push('"');
    text.push_str(&name.replace('"', "\"\""));
    text.push('"');
}

/// A text in single quotes.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    push_name(&mut text, name);
    text
}

//! Plans to SQL: a statement's text and its parameters.
//!
//! The text depends on the shape of a plan only, so that a statement is prepared
//! once for each shape: values are parameters, and a list is one parameter (`rarray`).

mod filter;
mod fixed;
mod order;
#[cfg(test)]
mod plans;
mod scalar;
mod select;

pub(crate) use scalar::indexed_sql;
pub(crate) use select::{Decode, Statement, count, select, whole_rows};

use crate::cell::Param;

/// A statement being written.
#[derive(Debug, Default)]
pub(crate) struct Sql<'a> {
    pub(crate) text: String,
    pub(crate) params: Vec<Param<'a>>,
    tables: usize,
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

    /// Adds a part of a quoted name.
    pub(crate) fn push_quoted(&mut self, part: &str) -> &mut Self {
        push_escaped(&mut self.text, part);
        self
    }

    /// Adds a parameter.
    pub(crate) fn bind(&mut self, param: Param<'a>) -> &mut Self {
        self.params.push(param);
        self.push("?")
    }

    /// Adds a number that belongs to the shape.
    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        if let Ok(digit @ 0..=9) = u8::try_from(number) {
            // Nearly all of them, and formatting is slow.
            self.text.push(char::from(b'0' + digit));
        } else {
            self.text.push_str(&number.to_string());
        }
        self
    }

    /// Adds a text that belongs to the shape.
    pub(crate) fn literal(&mut self, text: &str) -> &mut Self {
        self.push(&literal(text))
    }

    /// A new alias; the caller writes it behind the table's name.
    pub(crate) fn alias(&mut self) -> Alias {
        self.tables += 1;
        Alias(self.tables - 1)
    }

    /// Adds a table under an alias.
    pub(crate) fn table(&mut self, name: &str, alias: Alias) -> &mut Self {
        self.name(name).push(" AS t").number(alias.0 as i64)
    }

    /// Adds a column of an aliased table.
    pub(crate) fn column(&mut self, alias: Alias, name: &str) -> &mut Self {
        self.push("t").number(alias.0 as i64).push(".").name(name)
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

/// Adds a name in double quotes.
pub(crate) fn push_name(text: &mut String, name: &str) {
    text.push('"');
    push_escaped(text, name);
    text.push('"');
}

fn push_escaped(text: &mut String, name: &str) {
    if name.contains('"') {
        text.push_str(&name.replace('"', "\"\""));
    } else {
        text.push_str(name);
    }
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

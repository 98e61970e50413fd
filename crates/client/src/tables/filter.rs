//! Filters of rows and documents, written so that nothing in a value is taken for grammar.

use std::fmt::Write as _;

/// A column, or a path into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column(String);

/// A condition on rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Node);

/// How a list is ordered by one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordering(String);

/// A value that a column is compared with, as text; the server reads it as the column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal(String);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Test {
        field: String,
        operator: &'static str,
        operand: Operand,
    },
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operand {
    Text(String),
    /// A word of the grammar: `null`.
    Word(&'static str),
    List(Vec<String>),
}

/// A column by its name, whatever is in it.
pub fn column(name: &str) -> Column {
    Column(quoted(name))
}

/// Rows for which all of the filters hold.
pub fn all(filters: impl IntoIterator<Item = Filter>) -> Filter {
    Filter(Node::All(filters.into_iter().collect()))
}

/// Rows for which one of the filters holds.
pub fn any(filters: impl IntoIterator<Item = Filter>) -> Filter {
    Filter(Node::Any(filters.into_iter().collect()))
}

/// A name as the grammar takes it: in quotation marks, unless it is plain.
pub fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.is_empty() && name.bytes().all(plain) && !is_parameter(name) {
        return name.to_owned();
    }
    in_quotes(name)
}

impl Column {
    /// The column of an embedded resource: `column("stars").of("reviews")`.
    #[must_use]
    pub fn of(self, resource: &str) -> Column {
        Column(format!("{}.{}", quoted(resource), self.0))
    }

    /// A member of the JSON in it, as JSON: `->`.
    #[must_use]
    pub fn member(self, key: &str) -> Column {
        Column(format!("{}->{}", self.0, in_quotes(key)))
    }

    /// A member of the JSON in it, as text: `->>`.
    #[must_use]
    pub fn member_text(self, key: &str) -> Column {
        Column(format!("{}->>{}", self.0, in_quotes(key)))
    }

    /// An item of the array in it, as JSON.
    #[must_use]
    pub fn item(self, index: i32) -> Column {
        Column(format!("{}->{index}", self.0))
    }

    /// It equals a value. Nothing equals NULL: [`Column::is_null`].
    pub fn eq(self, value: impl Into<Literal>) -> Filter {
        self.test("eq", value)
    }

    /// It differs from a value.
    pub fn neq(self, value: impl Into<Literal>) -> Filter {
        self.test("neq", value)
    }

    /// It is greater.
    pub fn gt(self, value: impl Into<Literal>) -> Filter {
        self.test("gt", value)
    }

    /// It is greater or equal.
    pub fn gte(self, value: impl Into<Literal>) -> Filter {
        self.test("gte", value)
    }

    /// It is less.
    pub fn lt(self, value: impl Into<Literal>) -> Filter {
        self.test("lt", value)
    }

    /// It is less or equal.
    pub fn lte(self, value: impl Into<Literal>) -> Filter {
        self.test("lte", value)
    }

    /// It is like a pattern: `%` or `*` is any text, `_` any character.
    pub fn like(self, pattern: impl Into<Literal>) -> Filter {
        self.test("like", pattern)
    }

    /// The same, with ASCII letters in any case.
    pub fn ilike(self, pattern: impl Into<Literal>) -> Filter {
        self.test("ilike", pattern)
    }

    /// A regular expression matches it.
    pub fn matches(self, expression: impl Into<Literal>) -> Filter {
        self.test("match", expression)
    }

    /// It is one of these.
    pub fn is_in<L: Into<Literal>>(self, values: impl IntoIterator<Item = L>) -> Filter {
        let values = values.into_iter().map(|value| value.into().0).collect();
        self.with("in", Operand::List(values))
    }

    /// It is NULL.
    pub fn is_null(self) -> Filter {
        self.with("is", Operand::Word("null"))
    }

    /// It is true.
    pub fn is_true(self) -> Filter {
        self.with("is", Operand::Word("true"))
    }

    /// It is false.
    pub fn is_false(self) -> Filter {
        self.with("is", Operand::Word("false"))
    }

    /// It contains an array, `{a,b}`, or JSON.
    pub fn contains(self, value: impl Into<Literal>) -> Filter {
        self.test("cs", value)
    }

    /// It is contained in an array or JSON.
    pub fn contained_in(self, value: impl Into<Literal>) -> Filter {
        self.test("cd", value)
    }

    /// It has something in common with an array.
    pub fn overlaps(self, value: impl Into<Literal>) -> Filter {
        self.test("ov", value)
    }

    /// Its words are found by a search as people type it (`wfts`).
    pub fn search(self, words: impl Into<Literal>) -> Filter {
        self.test("wfts", words)
    }

    /// The least first, NULLs last.
    pub fn ascending(self) -> Ordering {
        Ordering(format!("{}.asc", self.0))
    }

    /// The greatest first, NULLs first.
    pub fn descending(self) -> Ordering {
        Ordering(format!("{}.desc", self.0))
    }

    fn test(self, operator: &'static str, value: impl Into<Literal>) -> Filter {
        self.with(operator, Operand::Text(value.into().0))
    }

    fn with(self, operator: &'static str, operand: Operand) -> Filter {
        Filter(Node::Test {
            field: self.0,
            operator,
            operand,
        })
    }
}

impl Ordering {
    /// NULLs come first.
    #[must_use]
    pub fn nulls_first(self) -> Ordering {
        Ordering(self.0 + ".nullsfirst")
    }

    /// NULLs come last.
    #[must_use]
    pub fn nulls_last(self) -> Ordering {
        Ordering(self.0 + ".nullslast")
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl Filter {
    /// As a parameter of a query: name and value, not encoded yet.
    pub(crate) fn param(&self) -> (String, String) {
        match &self.0 {
            Node::Test {
                field,
                operator,
                operand,
            } => (field.clone(), format!("{operator}.{}", operand.alone())),
            Node::All(filters) => ("and".to_owned(), group(filters)),
            Node::Any(filters) => ("or".to_owned(), group(filters)),
            Node::Not(inner) => match &inner.0 {
                Node::Test { .. } => {
                    let (field, test) = inner.param();
                    (field, format!("not.{test}"))
                }
                Node::Not(twice) => twice.param(),
                Node::All(_) | Node::Any(_) => {
                    let (word, filters) = inner.param();
                    (format!("not.{word}"), filters)
                }
            },
        }
    }

    /// As an item of `and=(…)`.
    fn within(&self, negated: bool, out: &mut String) {
        let not = if negated { "not." } else { "" };
        // Writing to a String cannot fail.
        let _ = match &self.0 {
            Node::Test {
                field,
                operator,
                operand,
            } => write!(out, "{field}.{not}{operator}.{}", operand.in_logic()),
            Node::All(filters) => write!(out, "{not}and{}", group(filters)),
            Node::Any(filters) => write!(out, "{not}or{}", group(filters)),
            Node::Not(inner) => {
                inner.within(!negated, out);
                Ok(())
            }
        };
    }
}

/// Rows for which the filter does not hold.
impl std::ops::Not for Filter {
    type Output = Filter;

    fn not(self) -> Filter {
        Filter(Node::Not(Box::new(self)))
    }
}

impl Operand {
    /// As all of a parameter's value: nothing in a text is special there.
    fn alone(&self) -> String {
        match self {
            Operand::Text(text) => text.clone(),
            Operand::Word(word) => (*word).to_owned(),
            Operand::List(values) => {
                let values: Vec<String> = values.iter().map(|value| in_quotes(value)).collect();
                format!("({})", values.join(","))
            }
        }
    }

    fn in_logic(&self) -> String {
        match self {
            Operand::Text(text) => in_quotes(text),
            other => other.alone(),
        }
    }
}

macro_rules! literal {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Literal {
            fn from(value: $kind) -> Literal {
                Literal(value.to_string())
            }
        }
    )*};
}

literal!(
    &str,
    &String,
    bool,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    f32,
    f64,
    uuid::Uuid
);

impl From<String> for Literal {
    fn from(value: String) -> Literal {
        Literal(value)
    }
}

fn group(filters: &[Filter]) -> String {
    let mut out = "(".to_owned();
    for (place, filter) in filters.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        filter.within(false, &mut out);
    }
    out.push(')');
    out
}

fn in_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Whether a parameter of this name means something else than a column.
fn is_parameter(name: &str) -> bool {
    const PARAMETERS: [&str; 11] = [
        "select",
        "order",
        "limit",
        "offset",
        "and",
        "or",
        "not",
        "columns",
        "on_conflict",
        "cursor",
        "search",
    ];
    PARAMETERS.contains(&name)
}

#[cfg(test)]
mod tests;

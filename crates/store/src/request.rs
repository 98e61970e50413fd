//! What a caller may ask of tables: PostgREST's grammar, parsed but not yet
//! resolved against a schema. The parser is in the web tier.

use bytes::Bytes;
use pando_model::aggregate::AggregateFn;
use pando_model::json;
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Containment, Is, JsonStep};
use pando_model::text_search::QueryForm;

/// The names from the root to an embedded resource, by alias where it has one; empty is the root.
pub type EmbedPath = Vec<String>;

/// The part of a request that selects rows and shapes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// `select=`; empty means `*`.
    pub select: Vec<SelectItem>,
    /// Conditions, each on the resource at its path; all must hold.
    pub filters: Vec<(EmbedPath, Condition)>,
    /// `order=`, at most one for each path.
    pub order: Vec<(EmbedPath, Vec<OrderTerm>)>,
    /// `limit=` and `offset=`, at most one for each path.
    pub ranges: Vec<(EmbedPath, RowRange)>,
    /// `cursor=`: go on behind the page that gave it.
    pub cursor: Option<String>,
}

/// How many rows, after how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowRange {
    /// At most so many.
    pub limit: Option<u64>,
    /// After so many.
    pub offset: u64,
}

/// One item of `select=`.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectItem {
    /// `*`.
    Star,
    /// `alias:field::cast.aggregate()::cast`; `count()` has no field.
    Field {
        /// The name in the answer, where it is not the field's own.
        alias: Option<String>,
        /// What is read; `None` for a bare `count()`.
        field: Option<Field>,
        /// The cast before the aggregate.
        cast: Option<String>,
        /// The aggregate.
        aggregate: Option<AggregateFn>,
        /// The cast after the aggregate.
        aggregate_cast: Option<String>,
    },
    /// `alias:target!hint!inner(items)`, or spread: `...target(items)`.
    Embed(Embed),
}

/// An embedded resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Embed {
    /// The name in the answer, where it is not the target's.
    pub alias: Option<String>,
    /// A table, a foreign key's name, or a foreign key's column.
    pub target: String,
    /// `!hint`: a foreign key's name, its column, or a junction table.
    pub hint: Option<String>,
    /// `!inner`: rows without it are left out.
    pub inner: bool,
    /// `...`: its fields are its parent's.
    pub spread: bool,
    /// What is read of it; empty means nothing (it only filters).
    pub items: Vec<SelectItem>,
}

/// A column, or a path into a JSON column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The column.
    pub name: String,
    /// `->` steps.
    pub path: Vec<JsonStep>,
    /// Whether the last step is `->>`.
    pub as_text: bool,
}

/// A condition as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `field=not.op.value`.
    Test {
        /// A column; or the name of an embedded resource, for `is.null`.
        field: Field,
        /// `not.`.
        negated: bool,
        /// The test.
        test: Test,
    },
    /// `and=(…)`, `not.and=(…)`.
    And(bool, Vec<Condition>),
    /// `or=(…)`, `not.or=(…)`; `true` is negated.
    Or(bool, Vec<Condition>),
}

/// An operator and its operand, still text.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `eq neq gt gte lt lte`, `eq(any).{1,2}`.
    Compare(Comparison, Operand),
    /// `isdistinct`.
    IsDistinct(String),
    /// `in.(a,b)`.
    In(Vec<String>),
    /// `is.null|not_null|true|false|unknown`; `not_null` is a negated `Null`.
    Is(Is, bool),
    /// `like ilike match imatch`; in the first two `*` has become `%`.
    Match(PatternKind, Operand),
    /// `fts plfts phfts wfts`, with the configuration where one is given.
    Search(QueryForm, Option<String>, String),
    /// `cs cd ov`.
    Containment(Containment, String),
}

impl Test {
    /// The same, of a value in JSON: an operand that is not JSON is a string.
    pub(crate) fn in_json(&self) -> Test {
        let each = |texts: &[String]| texts.iter().map(|text| as_json(text)).collect();
        match self {
            Test::Compare(op, operand) => Test::Compare(
                *op,
                match operand {
                    Operand::One(text) => Operand::One(as_json(text)),
                    Operand::Any(texts) => Operand::Any(each(texts)),
                    Operand::All(texts) => Operand::All(each(texts)),
                },
            ),
            Test::IsDistinct(text) => Test::IsDistinct(as_json(text)),
            Test::In(texts) => Test::In(each(texts)),
            Test::Containment(op, text) => Test::Containment(*op, as_json(text)),
            other => other.clone(),
        }
    }
}

/// One value, or several under `(any)` or `(all)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// One.
    One(String),
    /// `(any).{…}`: true for at least one.
    Any(Vec<String>),
    /// `(all).{…}`: true for each.
    All(Vec<String>),
}

/// One term of `order=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderTerm {
    /// `relation(field)`: the to-one embedded resource it is in.
    pub relation: Option<String>,
    /// The field.
    pub field: Field,
    /// `.desc`.
    pub descending: bool,
    /// `.nullsfirst` is true, `.nullslast` false.
    pub nulls_first: Option<bool>,
}

/// How rows are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// A JSON array.
    #[default]
    Array,
    /// One JSON object: exactly one row, else PGRST116.
    Object,
    /// CSV with a header line.
    Csv,
}

/// `Prefer: count=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// All rows counted.
    Exact,
    /// The planner's guess; here as exact.
    Planned,
    /// Exact up to `max_rows`; here as exact.
    Estimated,
}

/// A read of one table and what is embedded in it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRead {
    /// The table.
    pub table: String,
    /// Which rows, and what of them.
    pub query: Query,
    /// Whether and how they are counted.
    pub count: Option<Count>,
    /// How they are written down.
    pub shape: Shape,
}

/// What is done to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `POST`.
    Insert,
    /// `PUT` of one row by its primary key.
    Put,
    /// `PATCH`.
    Update,
    /// `DELETE`.
    Delete,
}

/// A body's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadFormat {
    /// An object or an array of objects.
    #[default]
    Json,
    /// CSV with a header line; an unquoted empty field or `NULL` is NULL.
    Csv,
    /// `a=1&b=2`.
    Form,
}

/// `Prefer: resolution=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// `merge-duplicates`.
    Merge,
    /// `ignore-duplicates`.
    Ignore,
}

/// `Prefer: return=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Returning {
    /// Nothing.
    #[default]
    Minimal,
    /// The new row's `Location`.
    HeadersOnly,
    /// The rows.
    Representation,
}

/// A write to one table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableWrite {
    /// What is done.
    pub verb: Verb,
    /// The table.
    pub table: String,
    /// Which rows (`PUT`, `PATCH`, `DELETE`), and what is answered of them.
    pub query: Query,
    /// The body; empty for `DELETE`.
    pub body: Bytes,
    /// The body's form.
    pub format: PayloadFormat,
    /// `columns=`: only these keys of the body are looked at.
    pub columns: Option<Vec<String>>,
    /// `on_conflict=`.
    pub on_conflict: Option<Vec<String>>,
    /// `Prefer: resolution=`.
    pub resolution: Option<Resolution>,
    /// `Prefer: missing=default`: a key that is missing in one row of a bulk takes its default.
    pub missing_default: bool,
    /// `Prefer: return=`.
    pub returning: Returning,
    /// `Prefer: max-affected=`.
    pub max_affected: Option<u64>,
    /// `Prefer: count=`.
    pub count: Option<Count>,
    /// How returned rows are written down.
    pub shape: Shape,
    /// `Idempotency-Key`, where one was sent.
    pub idempotency: Option<Idempotency>,
}

/// An idempotency key and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// A digest of caller, method and path.
    pub scope: [u8; 16],
    /// The key.
    pub key: String,
    /// A digest of the whole request.
    pub request: [u8; 32],
}

/// A text as JSON: itself where it is some, else a string.
fn as_json(text: &str) -> String {
    if json::validate(text).is_ok() {
        return text.to_owned();
    }
    let mut quoted = Vec::with_capacity(text.len() + 2);
    json::write_string(text, &mut quoted);
    // Only UTF-8 is written.
    String::from_utf8(quoted).unwrap_or_default()
}

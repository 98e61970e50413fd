//! What to make of a column whose type Pando does not have: the nearest one, and the line that
//! changes it. Nothing is changed here.

use super::column::{Raw, Type};
use crate::sql::literal;
use pando_model::found::Finding;

/// Why a column's type does not fit, and the ALTER TABLE that would have it fit.
pub(super) fn of_type(table: &str, raw: &Raw, sorts_by_bytes: bool) -> Finding {
    let (column, declared) = (&raw.column.written, &raw.column.declared);
    if !sorts_by_bytes {
        let collation = raw.ty.collation.as_deref().unwrap_or_default();
        let what = format!(
            "{column} sorts by the collation {collation}: Pando answers and compares texts by \
             their bytes"
        );
        let change = format!("ALTER COLUMN {column} TYPE text COLLATE \"C\"");
        return Finding::new(what).mend(format!("ALTER TABLE {table} {change};"));
    }
    let what = format!("{column} is {declared}, which Pando does not have");
    let (to, using, check) = nearest(&raw.ty, column);
    if to.is_empty() {
        return Finding::new(what).mend(format!("ALTER TABLE {table} DROP COLUMN {column};"));
    }
    let mut mend = format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {to} USING {using}");
    if let Some(check) = check {
        mend.push_str(&format!(", ADD CHECK ({check})"));
    }
    Finding::new(what).mend(mend + ";")
}

/// The nearest type, how values get there, and what they are to keep; no type where there is
/// nothing to keep.
fn nearest(ty: &Type, column: &str) -> (String, String, Option<String>) {
    let plain = |to: &str| (to.to_owned(), format!("{column}::{to}"), None);
    let through = |to: &str, using: String| (to.to_owned(), using, None);
    match (ty.kind.as_str(), ty.name.as_str()) {
        ("e", _) => {
            let labels = ty.labels.as_deref().unwrap_or_default();
            let check = format!("{column} IN ({labels})");
            ("text".to_owned(), format!("{column}::text"), Some(check))
        }
        ("d", _) => plain(ty.inner.as_deref().unwrap_or("text")),
        ("c", _) => through("jsonb", format!("to_jsonb({column})")),
        (_, "bpchar") => {
            let length = ty.modifier - 4;
            let check = format!("char_length({column}) <= {length}");
            let check = (length > 0).then_some(check);
            ("text".to_owned(), format!("rtrim({column})"), check)
        }
        (_, "money") => plain("numeric(19,2)"),
        (_, "numeric") => plain("numeric"),
        (_, "timestamp") => plain("timestamp"),
        (_, "timestamptz") => plain("timestamptz"),
        (_, "time" | "timetz") => {
            let form = literal("HH24:MI:SS.US");
            through("text", format!("to_char({column}::time, {form})"))
        }
        (_, "interval") => through(
            "bigint",
            format!("(extract(epoch FROM {column}) * 1000000)::bigint"),
        ),
        (_, "oid") => plain("bigint"),
        (_, "hstore") => through("jsonb", format!("hstore_to_jsonb({column})")),
        (_, "vector") => plain("real[]"),
        (_, "tsvector" | "tsquery") => (String::new(), String::new(), None),
        (_, "_varchar" | "_bpchar" | "_citext" | "_name") => plain("text[]"),
        (_, "_int2") => plain("integer[]"),
        (_, "_timestamp") => plain("timestamp[]"),
        (_, "_timestamptz") => plain("timestamptz[]"),
        (_, "_numeric") => plain("numeric[]"),
        (_, name) if name.starts_with('_') => through("jsonb", format!("to_jsonb({column})")),
        _ => plain("text"),
    }
}

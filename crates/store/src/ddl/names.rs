//! Names: folded as PostgreSQL folds them, limited, and made up where a
//! constraint has none.

use super::fault::{Fault, Place, Result};
use pando_model::schema::RESERVED_PREFIX;
use sqlparser::ast::{Ident, ObjectName};

/// PostgreSQL's limit, in bytes. It cuts longer names; two of them could become one.
const NAME_MAX: usize = 63;

/// A name as it is kept: unquoted ones in lower case.
pub(super) fn fold(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

/// The name of something new.
pub(super) fn new_name(ident: &Ident, what: &str, near: Place) -> Result<String> {
    let at = Place::of_ident(ident, near);
    let name = fold(ident);
    if name.is_empty() {
        return Err(Fault::new(at, format!("a {what}'s name is not empty")));
    }
    if name.len() > NAME_MAX {
        return Err(Fault::new(
            at,
            format!(
                "the name of a {what} has at most {NAME_MAX} bytes, this one has {}",
                name.len()
            ),
        ));
    }
    if name.to_ascii_lowercase().starts_with(RESERVED_PREFIX) {
        return Err(Fault::new(
            at,
            format!("names that begin with {RESERVED_PREFIX} are Pando's own"),
        ));
    }
    if name.to_ascii_lowercase().starts_with("sqlite_") {
        return Err(Fault::new(
            at,
            "names that begin with sqlite_ are SQLite's own",
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(Fault::new(at, "a name holds no control characters"));
    }
    Ok(name)
}

/// The last part of a name that may say `public.` first.
pub(super) fn unqualified(name: &ObjectName, near: Place) -> Result<&Ident> {
    let at = Place::of_name(name, near);
    let mut parts = name.0.iter().map(|part| part.as_ident());
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    match (first.flatten(), second, third) {
        (Some(only), None, None) => Ok(only),
        (Some(schema), Some(Some(name)), None) if fold(schema) == "public" => Ok(name),
        _ => Err(Fault::new(at, format!("there is no {name}"))
            .hint("there is one schema, public, and its name may be left out")),
    }
}

/// A name for a constraint or index that was given none, as PostgreSQL makes it:
/// `table_columns_label`, cut to fit, numbered until nobody has it.
pub(super) fn made_up(
    table: &str,
    columns: &[&str],
    label: &str,
    taken: impl Fn(&str) -> bool,
) -> String {
    let columns = columns.join("_");
    let mut number = 0u32;
    loop {
        let suffix = match number {
            0 => label.to_owned(),
            _ => format!("{label}{number}"),
        };
        let name = fit(table, &columns, &suffix);
        if !taken(&name) {
            return name;
        }
        number += 1;
    }
}

/// Joins the parts with `_` in [`NAME_MAX`] bytes; the longer of the first two gives way.
fn fit(table: &str, columns: &str, suffix: &str) -> String {
    let separators = if columns.is_empty() { 1 } else { 2 };
    let room = NAME_MAX - suffix.len() - separators;
    let (mut first, mut second) = (table.len(), columns.len());
    while first + second > room {
        if first > second {
            first -= 1;
        } else {
            second -= 1;
        }
    }
    let (table, columns) = (cut(table, first), cut(columns, second));
    if columns.is_empty() {
        format!("{table}_{suffix}")
    } else {
        format!("{table}_{columns}_{suffix}")
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A name as it would be written in SQL: quoted where folding would change it.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.bytes().enumerate().all(|(place, byte)| match byte {
        b'a'..=b'z' | b'_' => true,
        b'0'..=b'9' => place > 0,
        _ => false,
    });
    if plain && !name.is_empty() {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Names as a list in SQL.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(quoted).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_name_is_postgresqls() {
        let long = "a".repeat(60);
        let cases: [(&str, &[&str], &str, &str); 5] = [
            (
                "reviews",
                &["restaurant_id"],
                "fkey",
                "reviews_restaurant_id_fkey",
            ),
            ("t", &["a", "b"], "key", "t_a_b_key"),
            ("t", &[], "pkey", "t_pkey"),
            (
                &long,
                &["b"],
                "idx",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_b_idx",
            ),
            (
                &long,
                &[&long],
                "key",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaa_key",
            ),
        ];
        for (table, columns, label, expected) in cases {
            assert_eq!(made_up(table, columns, label, |_| false), expected);
        }
        let taken = |name: &str| matches!(name, "t_a_idx" | "t_a_idx1");
        assert_eq!(made_up("t", &["a"], "idx", taken), "t_a_idx2");
    }

    #[test]
    fn a_name_is_quoted_only_where_folding_would_change_it() {
        let cases = [
            ("a_1", "a_1"),
            ("A", "\"A\""),
            ("1a", "\"1a\""),
            ("a\"b", "\"a\"\"b\""),
        ];
        for (name, expected) in cases {
            assert_eq!(quoted(name), expected);
        }
    }
}

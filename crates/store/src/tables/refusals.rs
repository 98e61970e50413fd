//! The words in which a table request is refused: PostgREST's and PostgreSQL's.
//!
//! Each function gives one refusal. `details` of `PGRST201` is a JSON array, as
//! in PostgREST; all other details are plain text.

use super::relationships::{Cardinality, Relationship};
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::schema::{ColumnIx, Table};

/// The name of the one schema that tables live in, for messages.
pub(crate) const SCHEMA: &str = "public";
/// Below this likeness no table is suggested (PostgREST's own bound).
const TABLE_LIKENESS_MIN: f64 = 0.75;
/// The bound for relations of a known table.
const RELATION_LIKENESS_MIN: f64 = 0.33;

/// PGRST205.
pub(crate) fn unknown_table<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Refusal {
    let refusal = Refusal::new(
        "PGRST205",
        format!("Could not find the table '{SCHEMA}.{name}' in the schema cache"),
    );
    match most_like(name, known, TABLE_LIKENESS_MIN) {
        Some(like) => refusal.hint(format!("Perhaps you meant the table '{SCHEMA}.{like}'")),
        None => refusal,
    }
}

/// 42703, for a column that a query names.
pub(crate) fn unknown_column(table: &str, column: &str) -> Refusal {
    Refusal::new("42703", format!("column {table}.{column} does not exist"))
}

/// PGRST204, for a column that a payload names.
pub(crate) fn unknown_payload_column(table: &str, column: &str) -> Refusal {
    Refusal::new(
        "PGRST204",
        format!("Could not find the '{column}' column of '{table}' in the schema cache"),
    )
}

/// PGRST200.
pub(crate) fn no_relationship<'a>(
    origin: &str,
    target: &str,
    hint: Option<&str>,
    known: impl Iterator<Item = &'a str>,
) -> Refusal {
    let using = hint.map_or(String::new(), |hint| format!("' using the hint '{hint}"));
    let refusal = Refusal::new(
        "PGRST200",
        format!(
            "Could not find a relationship between '{origin}' and '{target}' in the schema cache"
        ),
    )
    .details(format!(
        "Searched for a foreign key relationship between '{origin}' and '{target}{using}' in \
         the schema '{SCHEMA}', but no matches were found."
    ));
    match most_like(target, known, RELATION_LIKENESS_MIN) {
        Some(like) if like != target => {
            refusal.hint(format!("Perhaps you meant '{like}' instead of '{target}'."))
        }
        _ => refusal,
    }
}

/// PGRST201.
pub(crate) fn ambiguous(origin: &str, target: &str, found: &[&Relationship]) -> Refusal {
    let choices: Vec<serde_json::Value> = found.iter().map(|one| describe(one)).collect();
    let hints: Vec<String> = found
        .iter()
        .map(|one| {
            let by = match &one.junction {
                Some(junction) => &junction.table.name,
                None => &one.constraint,
            };
            format!("'{}!{by}'", one.target.name)
        })
        .collect();
    Refusal::new(
        "PGRST201",
        format!(
            "Could not embed because more than one relationship was found for '{origin}' and \
             '{target}'"
        ),
    )
    .details(serde_json::Value::from(choices).to_string())
    .hint(format!(
        "Try changing '{target}' to one of the following: {}. Find the desired relationship in \
         the 'details' key.",
        hints.join(", ")
    ))
}

/// PGRST108.
pub(crate) fn not_embedded(name: &str) -> Refusal {
    Refusal::new(
        "PGRST108",
        format!("'{name}' is not an embedded resource in this request"),
    )
    .hint(format!(
        "Verify that '{name}' is included in the 'select' query parameter."
    ))
}

/// PGRST116.
pub(crate) fn not_singular(rows: u64) -> Refusal {
    Refusal::new(
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
    )
    .details(format!("The result contains {rows} rows"))
}

/// PGRST118.
pub(crate) fn order_not_to_one(origin: &str, target: &str) -> Refusal {
    Refusal::new(
        "PGRST118",
        format!("A related order on '{target}' is not possible"),
    )
    .details(format!(
        "'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship"
    ))
}

/// PGRST120.
pub(crate) fn bad_embed_filter(name: &str) -> Refusal {
    Refusal::new(
        "PGRST120",
        format!("Bad operator on the '{name}' embedded resource"),
    )
    .details("Only is null or not is null filters are allowed on embedded resources")
}

/// PGRST127.
pub(crate) fn not_implemented(details: &str) -> Refusal {
    Refusal::new("PGRST127", "Feature not implemented").details(details)
}

/// PGRST102, with what is wrong with the body.
pub(crate) fn bad_body(what: &str) -> Refusal {
    Refusal::new("PGRST102", what)
}

/// PGRST103: an offset past the end.
pub(crate) fn out_of_bounds(offset: u64, total: u64) -> Refusal {
    Refusal::new("PGRST103", "Requested range not satisfiable").details(format!(
        "An offset of {offset} was requested, but there are only {total} rows."
    ))
}

/// PGRST105: a PUT that is not addressed by the whole primary key.
pub(crate) fn put_filters() -> Refusal {
    Refusal::new(
        "PGRST105",
        "Filters must include all and only primary key columns with 'eq' operators",
    )
}

/// PGRST114: a PUT with a range.
pub(crate) fn put_range() -> Refusal {
    Refusal::new(
        "PGRST114",
        "limit/offset querystring parameters are not allowed for PUT",
    )
}

/// PGRST115: a PUT whose body has another key than its filters.
pub(crate) fn put_key() -> Refusal {
    Refusal::new(
        "PGRST115",
        "Payload values do not match URL in primary key column(s)",
    )
}

/// 21000: a change of a whole table that was not asked for expressly.
pub(crate) fn where_required(verb: &str) -> Refusal {
    Refusal::new("21000", format!("{verb} requires a WHERE clause"))
        .hint("Add a filter, or say with 'Prefer: max-affected' how many rows may be affected.")
}

/// 42883: an operator that a type does not have.
pub(crate) fn no_operator(ty: &ColumnType, operator: &str, right: &str) -> Refusal {
    Refusal::new(
        "42883",
        format!("operator does not exist: {ty} {operator} {right}"),
    )
    .hint(
        "No operator matches the given name and argument types. You might need to add explicit \
         type casts.",
    )
}

/// 42883: a type without an order.
pub(crate) fn no_order(ty: &ColumnType) -> Refusal {
    Refusal::new(
        "42883",
        format!("could not identify an ordering operator for type {ty}"),
    )
    .hint("Use an explicit ordering operator or modify the query.")
}

/// 42803: an order or output that is neither grouped nor aggregated.
pub(crate) fn not_grouped(table: &str, column: &str) -> Refusal {
    Refusal::new(
        "42803",
        format!(
            "column \"{table}.{column}\" must appear in the GROUP BY clause or be used in an \
             aggregate function"
        ),
    )
}

/// 42804: `IS TRUE` of what is no boolean.
pub(crate) fn not_boolean(what: &str, ty: &ColumnType) -> Refusal {
    Refusal::new(
        "42804",
        format!("argument of IS {what} must be type boolean, not type {ty}"),
    )
}

/// 42704: a type that is not known.
pub(crate) fn unknown_type(name: &str) -> Refusal {
    Refusal::new("42704", format!("type \"{name}\" does not exist"))
}

/// 42704: a text search configuration that is not known.
pub(crate) fn unknown_configuration(name: &str) -> Refusal {
    Refusal::new(
        "42704",
        format!("text search configuration \"{name}\" does not exist"),
    )
    .hint("Text is searched with the configuration 'simple'.")
}

/// 42P10.
pub(crate) fn no_such_conflict_target() -> Refusal {
    Refusal::new(
        "42P10",
        "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    )
}

/// 428C9: a value for a column that is computed.
pub(crate) fn generated_column(column: &str, update: bool) -> Refusal {
    let message = if update {
        format!("column \"{column}\" can only be updated to DEFAULT")
    } else {
        format!("cannot insert a non-DEFAULT value into column \"{column}\"")
    };
    Refusal::new("428C9", message).details(format!("Column \"{column}\" is a generated column."))
}

/// 428C9: a value for an identity column that takes none.
pub(crate) fn identity_column(column: &str, update: bool) -> Refusal {
    let refusal = if update {
        Refusal::new(
            "428C9",
            format!("column \"{column}\" can only be updated to DEFAULT"),
        )
    } else {
        Refusal::new(
            "428C9",
            format!("cannot insert a non-DEFAULT value into column \"{column}\""),
        )
        .hint("Leave the column out, or declare it GENERATED BY DEFAULT.")
    };
    refusal.details(format!(
        "Column \"{column}\" is an identity column defined as GENERATED ALWAYS."
    ))
}

/// 54000: a request that is larger than a limit; `setting` is where it can be raised, if it can.
pub(crate) fn over_limit(what: &str, max: usize, setting: Option<&str>) -> Refusal {
    let hint = match setting {
        Some(name) => format!("Ask for less at once, or raise [limits] {name} in pando.toml."),
        None => "Ask for less at once, in several requests.".to_owned(),
    };
    Refusal::new("54000", format!("the request has more than {max} {what}")).hint(hint)
}

/// 54000: an answer that goes on and on.
pub(crate) fn endless_answer(max: usize) -> Refusal {
    Refusal::new("54000", format!("the answer is longer than {max} bytes"))
        .hint("Ask for fewer rows, or embed less: limit=, RESOURCE.limit=, fewer levels.")
}

/// PGRST100: a cursor that this request did not give.
pub(crate) fn bad_cursor() -> Refusal {
    Refusal::new("PGRST100", "the cursor does not belong to this request")
        .hint("Send the cursor back with the same filters, select and order.")
}

fn describe(found: &Relationship) -> serde_json::Value {
    let (origin, target) = (&found.origin, &found.target);
    let near: Vec<ColumnIx> = found.columns.iter().map(|(near, _)| *near).collect();
    let far: Vec<ColumnIx> = found.columns.iter().map(|(_, far)| *far).collect();
    let (cardinality, relationship) = match (&found.junction, found.cardinality) {
        (Some(junction), _) => {
            let second: Vec<ColumnIx> = junction.columns.iter().map(|(own, _)| *own).collect();
            let relationship = format!(
                "{} using {}{} and {}{}",
                junction.table.name,
                found.constraint,
                names(&junction.table, &far),
                junction.constraint,
                names(&junction.table, &second),
            );
            ("many-to-many", relationship)
        }
        (None, cardinality) => {
            let word = match cardinality {
                Cardinality::ManyToOne => "many-to-one",
                Cardinality::OneToOne { .. } => "one-to-one",
                Cardinality::OneToMany | Cardinality::ManyToMany => "one-to-many",
            };
            let relationship = format!(
                "{} using {}{} and {}{}",
                found.constraint,
                origin.name,
                names(origin, &near),
                target.name,
                names(target, &far),
            );
            (word, relationship)
        }
    };
    serde_json::json!({
        "cardinality": cardinality,
        "embedding": format!("{} with {}", origin.name, target.name),
        "relationship": relationship,
    })
}

fn names(table: &Table, columns: &[ColumnIx]) -> String {
    let names: Vec<&str> = columns
        .iter()
        .map(|ix| table.columns[*ix].name.as_str())
        .collect();
    format!("({})", names.join(", "))
}

fn most_like<'a>(name: &str, known: impl Iterator<Item = &'a str>, least: f64) -> Option<&'a str> {
    let lowered = name.to_lowercase();
    known
        .map(|one| {
            (
                strsim::normalized_levenshtein(&lowered, &one.to_lowercase()),
                one,
            )
        })
        .filter(|(likeness, _)| *likeness >= least)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, one)| one)
}

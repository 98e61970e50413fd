//! Selects.

use super::{NAME, check};

const ITEM_END: &str =
    "expecting letter, digit, \"-\", \"->>\", \"->\", \"::\", \".\", \")\", \",\" or end of input";

#[test]
fn what_is_no_name_is_refused_with_its_place() {
    check(&[
        (
            "select=a,,b",
            "select parameter",
            3,
            &format!("unexpected ',' {NAME}"),
        ),
        (
            "select=a,",
            "select parameter",
            3,
            &format!("unexpected end of input {NAME}"),
        ),
        (
            "select=:a",
            "select parameter",
            1,
            &format!("unexpected ':' {NAME}"),
        ),
        (
            "select=a)",
            "select parameter",
            2,
            &format!("unexpected ')' {ITEM_END}"),
        ),
        (
            "select=a[]",
            "select parameter",
            2,
            &format!("unexpected '[' {ITEM_END}"),
        ),
        (
            "select=id,clients(name[])",
            "select parameter",
            16,
            &format!("unexpected '[' {ITEM_END}"),
        ),
    ]);
}

#[test]
fn an_embedding_that_is_not_whole_is_refused_with_its_place() {
    check(&[
        (
            "select=clients(name",
            "select parameter",
            13,
            "unexpected end of input expecting \",\" or \")\"",
        ),
        (
            "select=name!hint",
            "select parameter",
            10,
            "unexpected end of input expecting \"(\"",
        ),
        (
            "select=*!hint",
            "select parameter",
            2,
            "unexpected '!' expecting \")\", \",\" or end of input",
        ),
    ]);
}

#[test]
fn what_is_no_cast_path_or_aggregate_is_refused_with_its_place() {
    check(&[
        (
            "select=name::",
            "select parameter",
            7,
            "unexpected end of input expecting letter or digit",
        ),
        (
            "select=data->>-78xy",
            "select parameter",
            11,
            "unexpected 'x' expecting digit, \"->\", \"::\", \".\", \",\" or end of input",
        ),
        (
            "select=data->>a->b",
            "select parameter",
            9,
            "unexpected '-' expecting the end of the path: ->> gives text, which has no parts",
        ),
        (
            "select=a.median()",
            "select parameter",
            3,
            "unexpected 'm' expecting \"sum\", \"avg\", \"count\", \"max\" or \"min\"",
        ),
        (
            "select=a.sum",
            "select parameter",
            6,
            "unexpected end of input expecting \"()\"",
        ),
        (
            "select=count(*)",
            "select parameter",
            6,
            "unexpected '(' expecting \"()\"",
        ),
        (
            "select=\"a",
            "select parameter",
            3,
            "unexpected end of input expecting \"\\\"\" that ends the quoted text",
        ),
    ]);
}

#[test]
fn a_spread_or_a_hint_that_stands_wrong_is_refused_with_its_place() {
    check(&[
        (
            "select=...a",
            "select parameter",
            5,
            "unexpected end of input expecting \"(\"",
        ),
        (
            "select=a:...b(c)",
            "select parameter",
            3,
            &format!("unexpected '.' {NAME}"),
        ),
        (
            "select=a!b!c(d)",
            "select parameter",
            5,
            "unexpected 'c' expecting one hint and one of !inner and !left at most",
        ),
    ]);
}

//! What is refused, where it stopped being understood, and why.

mod filters;
mod select;

use crate::rest::grammar::query::parse;

fn check(cases: &[(&str, &str, usize, &str)]) {
    for (input, what, column, details) in cases {
        let Err(refusal) = parse(input) else {
            panic!("{input:?} was understood");
        };
        assert_eq!(refusal.code, "PGRST100", "for {input:?}");
        let start = format!("\"failed to parse {what} (");
        let end = format!(")\" (line 1, column {column})");
        assert!(
            refusal.message.starts_with(&start) && refusal.message.ends_with(&end),
            "for {input:?}: {}",
            refusal.message
        );
        assert_eq!(refusal.details.as_deref(), Some(*details), "for {input:?}");
    }
}

const OPERATOR: &str = "expecting \"not\" or operator (eq, gt, ...)";
const NAME: &str = "expecting field name (* or [a..z0..9_$])";

#[test]
fn what_is_no_condition_is_refused_with_its_place() {
    let condition = "expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)";
    check(&[
        (
            "or=()",
            "logic tree",
            2,
            &format!("unexpected ')' {condition}"),
        ),
        (
            "or=",
            "logic tree",
            1,
            "unexpected end of input expecting \"(\"",
        ),
        (
            "or=(a.eq.1",
            "logic tree",
            8,
            "unexpected end of input expecting \",\" or \")\"",
        ),
        (
            "or=(a.eq.1,)",
            "logic tree",
            9,
            &format!("unexpected ')' {condition}"),
        ),
        (
            "or=(a.eq.1)b",
            "logic tree",
            9,
            "unexpected 'b' expecting end of input after \")\"",
        ),
        (
            "or=(id.in.1,2)",
            "logic tree",
            8,
            "unexpected '1' expecting \"(\"",
        ),
        (
            "or=(a.noop.1)",
            "logic tree",
            4,
            &format!("unexpected 'n' {OPERATOR}"),
        ),
        (
            "or=(a)",
            "logic tree",
            3,
            "unexpected ')' expecting delimiter (.)",
        ),
        (
            "and=(xor(a.eq.1))",
            "logic tree",
            5,
            "unexpected '(' expecting delimiter (.)",
        ),
    ]);
}

#[test]
fn what_is_no_order_is_refused_with_its_place() {
    check(&[
        (
            "order=",
            "order",
            1,
            &format!("unexpected end of input {NAME}"),
        ),
        (
            "order=id.ac",
            "order",
            4,
            "unexpected 'a' expecting \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"",
        ),
        (
            "order=id.asc.smth",
            "order",
            8,
            "unexpected 's' expecting \"nullsfirst\" or \"nullslast\"",
        ),
        (
            "order=id.asc.nullslast.x",
            "order",
            18,
            "unexpected 'x' expecting \",\" or end of input",
        ),
        (
            "order=id;drop",
            "order",
            3,
            "unexpected ';' expecting \",\" or end of input",
        ),
        (
            "order=clients(name,id)",
            "order",
            13,
            "unexpected ',' expecting \"->>\", \"->\" or \")\"",
        ),
    ]);
}

#[test]
fn what_is_no_list_of_names_or_number_of_rows_is_refused_with_its_place() {
    check(&[
        (
            "columns=",
            "columns parameter",
            1,
            &format!("unexpected end of input {NAME}"),
        ),
        (
            "columns=a,,b",
            "columns parameter",
            3,
            &format!("unexpected ',' {NAME}"),
        ),
        (
            "on_conflict=a;b",
            "on_conflict parameter",
            2,
            "unexpected ';' expecting \",\" or end of input",
        ),
        (
            "limit=ten",
            "limit parameter",
            1,
            "limit is a whole number of rows",
        ),
        (
            "limit=",
            "limit parameter",
            1,
            "limit is a whole number of rows",
        ),
        (
            "offset=1.5",
            "offset parameter",
            1,
            "offset is a whole number of rows",
        ),
    ]);
}

#[test]
fn nesting_beyond_the_bound_is_refused() {
    let deep_select = format!("select={}*{}", "a(".repeat(40), ")".repeat(40));
    let deep_logic = format!("or=({}a.eq.1{})", "and(".repeat(40), ")".repeat(40));
    for input in [deep_select, deep_logic] {
        let refusal = parse(&input).expect_err("it is too deep");
        let details = refusal.details.unwrap_or_default();
        assert!(
            details.ends_with("fewer levels of parentheses: 32 are allowed"),
            "{details}"
        );
    }
}

#[test]
fn negative_limits_are_unsatisfiable() {
    for input in ["limit=-1", "actors.limit=-2"] {
        let refusal = parse(input).expect_err("it is negative");
        assert_eq!(refusal.code, "PGRST103", "for {input}");
    }
}

#[test]
fn a_parameter_that_can_have_one_value_is_refused_twice() {
    for input in [
        "select=a&select=b",
        "limit=1&limit=2",
        "a.offset=1&a.offset=2",
        "columns=a&columns=b",
        "cursor=a&cursor=b",
    ] {
        let refusal = parse(input).expect_err("it is ambiguous");
        assert!(refusal.message.ends_with("is given twice"), "for {input}");
    }
}

#[test]
fn a_query_that_is_not_utf8_is_refused() {
    for input in ["a=eq.%FF", "%FF=eq.1", "select=%C3%28"] {
        let refusal = parse(input).expect_err("it is not UTF-8");
        assert_eq!(refusal.message, "the query string is not UTF-8");
    }
}

//! What is refused, where it stopped being understood, and why.

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

const ITEM_END: &str =
    "expecting letter, digit, \"-\", \"->>\", \"->\", \"::\", \".\", \")\", \",\" or end of input";
const OPERATOR: &str = "expecting \"not\" or operator (eq, gt, ...)";
const NAME: &str = "expecting field name (* or [a..z0..9_$])";

#[test]
fn what_is_no_select_is_refused_with_its_place() {
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

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    check(&[
        ("id=val", "filter", 1, &format!("unexpected 'v' {OPERATOR}")),
        ("id=5", "filter", 1, &format!("unexpected '5' {OPERATOR}")),
        (
            "id=",
            "filter",
            1,
            &format!("unexpected end of input {OPERATOR}"),
        ),
        (
            "a.b=noop.0",
            "filter",
            1,
            &format!("unexpected 'n' {OPERATOR}"),
        ),
        (
            "id=not.val",
            "filter",
            5,
            "unexpected 'v' expecting operator (eq, gt, ...)",
        ),
        (
            "id=not.not.eq.1",
            "filter",
            5,
            "unexpected 'n' expecting operator (eq, gt, ...)",
        ),
        (
            "id=eq",
            "filter",
            3,
            "unexpected end of input expecting delimiter (.)",
        ),
        (
            "id=eq().value",
            "filter",
            3,
            "unexpected '(' expecting delimiter (.)",
        ),
        (
            "id=neq(any).{1}",
            "filter",
            4,
            "unexpected '(' expecting delimiter (.)",
        ),
        (
            "id=is().value",
            "filter",
            3,
            "unexpected '(' expecting delimiter (.)",
        ),
        (
            "id=fts().value",
            "filter",
            5,
            "unexpected ')' expecting letter or digit",
        ),
        (
            "id=is.nil",
            "filter",
            4,
            "unexpected 'n' expecting isVal: (null, not_null, true, false, unknown)",
        ),
        (
            "id=is.null1",
            "filter",
            8,
            "unexpected '1' expecting end of input",
        ),
        ("id=in.1,2", "filter", 4, "unexpected '1' expecting \"(\""),
        (
            "id=in.(1,2",
            "filter",
            8,
            "unexpected end of input expecting \",\" or \")\"",
        ),
        (
            "id=in.(1)x",
            "filter",
            7,
            "unexpected 'x' expecting end of input",
        ),
        (
            "id=eq(any).1",
            "filter",
            9,
            "unexpected '1' expecting \"{\": an array, such as {1,2}",
        ),
        (
            "id=eq(any).{1",
            "filter",
            11,
            "unexpected end of input expecting \",\" or \"}\"",
        ),
        (
            "id=eq(any).{1}2",
            "filter",
            12,
            "unexpected '2' expecting end of input after the array",
        ),
        (
            "id=eq(any).{null}",
            "filter",
            10,
            "unexpected 'n' expecting a value (NULL matches nothing under any and all)",
        ),
        (
            "id=sl.(1,2)",
            "filter",
            1,
            "unexpected 's' expecting another operator: there are no range types here",
        ),
        (
            "=eq.1",
            "tree path",
            1,
            &format!("unexpected end of input {NAME}"),
        ),
        (
            "a!=eq.1",
            "tree path",
            2,
            "unexpected '!' expecting \"->>\", \"->\", delimiter (.) or end of input",
        ),
        (
            "a..b=eq.1",
            "tree path",
            3,
            &format!("unexpected '.' {NAME}"),
        ),
        (
            "a->=eq.1",
            "tree path",
            4,
            "unexpected end of input expecting any non reserved character different from: .,>()",
        ),
        (
            "a->>99999999999999999999=eq.1",
            "tree path",
            5,
            "unexpected '9' expecting an index that fits 64 bits",
        ),
    ]);
}

#[test]
fn what_is_no_condition_order_or_list_of_names_is_refused_with_its_place() {
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

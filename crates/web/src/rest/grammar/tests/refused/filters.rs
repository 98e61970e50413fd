//! Filters.

use super::{NAME, OPERATOR, check};

#[test]
fn what_is_no_operator_is_refused_with_its_place() {
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
    ]);
}

#[test]
fn a_value_that_the_operator_cannot_take_is_refused_with_its_place() {
    check(&[
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
    ]);
}

#[test]
fn what_names_no_column_to_filter_by_is_refused_with_its_place() {
    check(&[
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

//! How filters are written.

use super::*;

#[test]
fn nothing_in_a_name_or_a_value_is_taken_for_grammar() {
    let nasty = "a,b)\"\\.(";
    for (filter, name, value) in [
        (column("id").eq(7), "id", "eq.7"),
        (column("a").eq(nasty), "a", "eq.a,b)\"\\.("),
        (column("a b.c").eq("x"), "\"a b.c\"", "eq.x"),
        (column("order").gt(1.5), "\"order\"", "gt.1.5"),
        (!column("a").is_null(), "a", "not.is.null"),
        (!!column("a").is_null(), "a", "is.null"),
        (
            column("a").is_in([nasty, ""]),
            "a",
            r#"in.("a,b)\"\\.(","")"#,
        ),
        (column("stars").of("reviews").eq(5), "reviews.stars", "eq.5"),
        (
            column("doc")
                .member("a\"b")
                .item(0)
                .member_text("c")
                .eq("d"),
            r#"doc->"a\"b"->0->>"c""#,
            "eq.d",
        ),
        (
            any([column("a").eq(nasty), !all([column("b").is_true()])]),
            "or",
            r#"(a.eq."a,b)\"\\.(",not.and(b.is.true))"#,
        ),
        (
            !any([!column("a").is_in([1, 2]), !!column("b").lt(3)]),
            "not.or",
            r#"(a.not.in.("1","2"),b.lt."3")"#,
        ),
    ] {
        assert_eq!(filter.param(), (name.to_owned(), value.to_owned()));
    }
}

#[test]
fn an_order_names_its_column_as_a_filter_does() {
    for (ordering, text) in [
        (column("a").ascending(), "a.asc"),
        (
            column("a b").descending().nulls_last(),
            "\"a b\".desc.nullslast",
        ),
    ] {
        assert_eq!(ordering.text(), text);
    }
}

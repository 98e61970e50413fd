//! `POST`, `PATCH`, `PUT` and `DELETE` of tables.

use crate::world::World;

const FULL: (&str, &str) = ("prefer", "return=representation");

const ROW: &str = r#"{"id":10,"name":"Di"}"#;
const SHOWN: &str = r#"[{"id":10,"name":"Di"}]"#;

/// A write of customers: method, query, headers, body; status, and the body or the code.
type Case<'a> = (
    &'a str,
    &'a str,
    &'a [(&'a str, &'a str)],
    &'a str,
    u16,
    &'a str,
);

/// Checks that writes, one after the other, are answered as PostgREST answers them.
async fn check(cases: &[Case<'_>]) {
    let world = World::new().await;
    let select = "select=id,name";
    for (method, query, headers, body, status, expected) in cases {
        let uri = format!("/rest/v1/customers?{query}{select}");
        let answer = world.ask(method, &uri, headers, body).await;
        assert_eq!(
            answer.status, *status,
            "for {method} {query} {body}: {}",
            answer.body
        );
        assert!(
            answer.header("pando-stamp").is_some(),
            "for {method} {query} {body}"
        );
        if *status < 300 {
            assert_eq!(answer.body, *expected, "for {method} {query} {body}");
        } else {
            assert_eq!(answer.code(), *expected, "for {method} {query} {body}");
        }
    }
}

#[tokio::test]
async fn a_row_is_made_merged_changed_put_and_deleted() {
    let merge = (
        "prefer",
        "resolution=merge-duplicates,return=representation",
    );
    let ignore = (
        "prefer",
        "resolution=ignore-duplicates,return=representation",
    );
    check(&[
        ("POST", "", &[], ROW, 201, ""),
        ("POST", "", &[], ROW, 409, "23505"),
        ("POST", "", &[merge], ROW, 200, SHOWN),
        ("POST", "", &[ignore], r#"{"id":10,"name":"No"}"#, 201, "[]"),
        (
            "PATCH",
            "id=eq.10&",
            &[FULL],
            r#"{"name":"Do"}"#,
            200,
            r#"[{"id":10,"name":"Do"}]"#,
        ),
        ("PATCH", "id=eq.10&", &[], r#"{"name":"Di"}"#, 204, ""),
        ("PATCH", "id=eq.99&", &[FULL], r#"{"name":"Do"}"#, 200, "[]"),
        ("PUT", "id=eq.10&", &[FULL], ROW, 200, SHOWN),
        (
            "PUT",
            "id=eq.11&",
            &[FULL],
            r#"{"id":11,"name":"El"}"#,
            201,
            r#"[{"id":11,"name":"El"}]"#,
        ),
        ("PUT", "id=eq.11&", &[], r#"{"id":11,"name":"El"}"#, 204, ""),
        (
            "DELETE",
            "id=eq.11&",
            &[FULL],
            "",
            200,
            r#"[{"id":11,"name":"El"}]"#,
        ),
        ("DELETE", "id=eq.10&", &[], "", 204, ""),
    ])
    .await;
}

#[tokio::test]
async fn rows_are_read_from_csv_forms_and_the_columns_named() {
    let csv = ("content-type", "text/csv");
    let form = ("content-type", "application/x-www-form-urlencoded");
    check(&[
        (
            "POST",
            "",
            &[csv, FULL],
            "id,name\n20,Fi\n21,Gu",
            201,
            r#"[{"id":20,"name":"Fi"},{"id":21,"name":"Gu"}]"#,
        ),
        (
            "POST",
            "",
            &[form, FULL],
            "id=22&name=Ha+Hi",
            201,
            r#"[{"id":22,"name":"Ha Hi"}]"#,
        ),
        (
            "POST",
            "columns=id,name&",
            &[FULL],
            r#"[{"id":23,"name":"I","x":1}]"#,
            201,
            r#"[{"id":23,"name":"I"}]"#,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_row_that_cannot_be_stored_is_refused() {
    check(&[
        (
            "POST",
            "",
            &[("content-type", "text/plain")],
            ROW,
            415,
            "PGRST102",
        ),
        ("POST", "", &[], "{", 400, "PGRST102"),
        ("POST", "", &[], r#"{"nothing":1}"#, 400, "PGRST204"),
        ("POST", "", &[], r#"{"id":30}"#, 400, "23502"),
        ("POST", "", &[], r#"{"id":"x","name":"y"}"#, 400, "22P02"),
        (
            "POST",
            "",
            &[],
            r#"{"id":31,"name":"J","country":"xx"}"#,
            409,
            "23503",
        ),
        (
            "POST",
            "",
            &[("content-profile", "private")],
            ROW,
            406,
            "PGRST106",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_write_that_says_not_which_rows_or_too_many_is_refused() {
    check(&[
        ("PATCH", "", &[], r#"{"name":"x"}"#, 400, "21000"),
        ("DELETE", "", &[], "", 400, "21000"),
        (
            "DELETE",
            "id=gt.0&",
            &[("prefer", "max-affected=1,handling=strict")],
            "",
            400,
            "PGRST124",
        ),
        ("PUT", "id=eq.1&limit=1&", &[], ROW, 400, "PGRST114"),
        ("PUT", "id=eq.1&", &[], ROW, 400, "PGRST115"),
        ("PUT", "name=eq.x&", &[], ROW, 405, "PGRST105"),
    ])
    .await;
}

#[tokio::test]
async fn headers_tell_what_was_done() {
    let world = World::new().await;
    let headers_only = [("prefer", "return=headers-only, count=exact")];
    let body = r#"{"id":40,"name":"Ka"}"#;
    let made = world
        .ask("POST", "/rest/v1/customers", &headers_only, body)
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.header("location"), Some("/rest/v1/customers?id=eq.40"));
    assert_eq!(made.header("content-range"), Some("*/1"));
    assert_eq!(
        made.header("preference-applied"),
        Some("return=headers-only, count=exact")
    );
    assert_eq!(made.body, "");

    let changed = world
        .ask(
            "PATCH",
            "/rest/v1/customers?id=gte.1",
            &[("prefer", "count=exact")],
            r#"{"country":"kr"}"#,
        )
        .await;
    assert_eq!(changed.status, 204, "{}", changed.body);
    assert_eq!(changed.header("content-range"), Some("0-3/4"));
    assert_eq!(changed.header("content-type"), None);
}

#[tokio::test]
async fn one_bad_row_of_many_leaves_nothing_behind() {
    let world = World::new().await;
    let body = r#"[{"id":50,"amount":1},{"id":51,"amount":-1}]"#;
    let answer = world.ask("POST", "/rest/v1/orders", &[], body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "23514")
    );
    let left = world.get("/rest/v1/orders?id=gte.50").await;
    assert_eq!(left.body, "[]");
}

#[tokio::test]
async fn a_body_that_is_no_row_makes_nothing_and_is_told_so() {
    let world = World::new().await;
    let path = "/rest/v1/customers";
    for (method, query) in [("POST", ""), ("PATCH", "?id=eq.1"), ("PUT", "?id=eq.1")] {
        for body in ["null", "7", "\"text\"", "[null]"] {
            let answer = world
                .ask(method, &format!("{path}{query}"), &[FULL], body)
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (400, "PGRST102".into()),
                "{method} {body}"
            );
        }
    }
}

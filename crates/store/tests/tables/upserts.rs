use crate::ask::*;
use crate::bench::Bench;
use pando_store::request::{Resolution, TableWrite, Verb};

#[tokio::test]
async fn duplicates_are_merged_or_ignored_by_the_primary_key() {
    let bench = Bench::new().await;
    let rows = r#"[{"id":2,"name":"Mic"},{"id":9,"name":"New"}]"#;
    let done = bench
        .written(upsert("users", rows, Resolution::Merge), rows)
        .await;
    assert_eq!(done.head, "2 1 - -");
    let rows = r#"[{"id":2,"name":"Other"},{"id":10,"name":"Ten"}]"#;
    let done = bench
        .written(
            upsert("users", rows, Resolution::Ignore),
            r#"[{"id":10,"name":"Ten"}]"#,
        )
        .await;
    assert_eq!(done.head, "1 1 - -");
    bench
        .check(
            from("users").filter(eq("id", "2")),
            r#"[{"id":2,"name":"Mic"}]"#,
        )
        .await;
}

#[tokio::test]
async fn a_merge_keeps_what_the_body_does_not_name() {
    let bench = Bench::new().await;
    bench
        .written(
            upsert("projects", r#"{"id":1,"name":"W7"}"#, Resolution::Merge),
            r#"[{"id":1,"name":"W7","client_id":1}]"#,
        )
        .await;
}

#[tokio::test]
async fn a_conflict_target_is_a_key_of_the_table() {
    let bench = Bench::new().await;
    let on = |columns: &[&str]| TableWrite {
        on_conflict: Some(columns.iter().map(|name| (*name).to_owned()).collect()),
        ..upsert(
            "capital",
            r#"{"id":7,"name":"Hanyang","country_id":1}"#,
            Resolution::Merge,
        )
    };
    bench.write_refused(on(&["name"]), "42P10").await;
    bench.write_refused(on(&["nme"]), "42703").await;
    bench
        .write_refused(
            TableWrite {
                resolution: None,
                ..on(&["country_id"])
            },
            "23505",
        )
        .await;
    bench
        .write_refused(
            upsert(
                "users",
                r#"[{"id":50,"name":"a"},{"id":50,"name":"b"}]"#,
                Resolution::Merge,
            ),
            "21000",
        )
        .await;
}

#[tokio::test]
async fn a_put_is_of_one_row_by_its_whole_key() {
    let bench = Bench::new().await;
    let put = |table: &str, body: &str| write(Verb::Put, table, body);
    let row = r#"{"id":8,"name":"Put"}"#;
    let done = bench
        .written(
            filtered(put("users", row), eq("id", "8")),
            r#"[{"id":8,"name":"Put"}]"#,
        )
        .await;
    assert_eq!(done.head, "1 1 - -");
    let row = r#"[{"id":8,"name":"Again"}]"#;
    let done = bench
        .written(filtered(put("users", row), eq("id", "8")), row)
        .await;
    assert_eq!(done.head, "1 0 - -");
    bench.write_refused(put("users", row), "PGRST105").await;
    let by_name = filtered(put("users", row), eq("name", "Again"));
    bench.write_refused(by_name, "PGRST105").await;
    let negated = filtered(put("users", row), not(eq("id", "8")));
    bench.write_refused(negated, "PGRST105").await;
    let part = filtered(
        put("users_tasks", r#"{"user_id":1,"task_id":2}"#),
        eq("user_id", "1"),
    );
    bench.write_refused(part, "PGRST105").await;
    let other = filtered(put("users", row), eq("id", "9"));
    bench.write_refused(other, "PGRST115").await;
    let mut ranged = filtered(put("users", row), eq("id", "8"));
    ranged.query.ranges.push((vec![], Default::default()));
    bench.write_refused(ranged, "PGRST114").await;
}

use crate::ask::*;
use crate::bench::Bench;
use pando_store::StoreConfig;
use pando_store::request::{Count, PayloadFormat, Returning, Shape, TableWrite, Verb};

fn insert(table: &str, body: &str) -> TableWrite {
    write(Verb::Insert, table, body)
}

#[tokio::test]
async fn a_new_row_takes_defaults_ids_and_generated_values() {
    let bench = Bench::new().await;
    let done = bench
        .write(insert("items", r#"{"price":2}"#))
        .await
        .unwrap();
    let rows: serde_json::Value = serde_json::from_str(&done.body).unwrap();
    let row = &rows[0];
    assert!(row["id"].as_i64().is_some_and(|id| id > 0 && id < 1 << 53));
    assert_eq!(row["name"], "thing");
    assert!(done.body.contains(r#""price":2.00,"#), "{}", done.body);
    assert!(done.body.contains(r#""twice":4}"#), "{}", done.body);
    bench
        .write_refused(insert("items", r#"{"twice":1}"#), "428C9")
        .await;
    bench
        .write_refused(insert("items", r#"{"name":null}"#), "23502")
        .await;
    bench
        .write_refused(insert("items", r#"{"nme":1}"#), "PGRST204")
        .await;
    let two = bench.write(insert("items", "[{},{}]")).await.unwrap();
    assert_eq!(two.head, "2 2 - -");
}

#[tokio::test]
async fn objects_of_one_body_name_the_same_columns() {
    let bench = Bench::new().await;
    let cases = [
        (
            r#"[{"id":1,"name":"a"},{"id":2}]"#,
            "All object keys must match",
        ),
        (
            r#"[{"id":1},{"id":2,"name":"a"}]"#,
            "All object keys must match",
        ),
        ("", "Empty or invalid json"),
        ("}{", "Empty or invalid json"),
        (r#"{"id":1"#, "Empty or invalid json"),
        (r#"[{"id":1}"#, "Empty or invalid json"),
    ];
    for (body, message) in cases {
        let refusal = bench.write_refused(insert("users", body), "PGRST102").await;
        assert_eq!(refusal.message, message, "{body}");
    }
    bench.written(insert("users", "[]"), "[]").await;
    bench
        .written(
            insert(
                "users",
                r#"[{"id":20,"name":"a"},{"name":"b","id":21,"name":"c"}]"#,
            ),
            r#"[{"id":20,"name":"a"},{"id":21,"name":"c"}]"#,
        )
        .await;
}

#[tokio::test]
async fn a_value_that_is_no_row_is_refused_as_what_it_is() {
    let bench = Bench::new().await;
    for (body, details) in [
        ("null", "The body is null."),
        (" 7", "The body is a number."),
        ("true", "The body is a boolean."),
        ("\"text\"", "The body is a string."),
        (r#"[{"id":1},7]"#, "The item at 1 is a number."),
        ("[null]", "The item at 0 is null."),
        (r#"[[{"id":1}]]"#, "The item at 0 is an array."),
    ] {
        for write in [
            insert("users", body),
            filtered(write(Verb::Update, "users", body), eq("id", "1")),
            filtered(write(Verb::Put, "users", body), eq("id", "1")),
        ] {
            let refusal = bench.write_refused(write, "PGRST102").await;
            assert!(refusal.message.contains("array of objects"), "{refusal:?}");
            assert_eq!(refusal.details.as_deref(), Some(details), "{body}");
        }
    }
}

#[tokio::test]
async fn chosen_columns_are_looked_at_and_no_others() {
    let bench = Bench::new().await;
    let chosen = |body: &str, missing_default: bool| TableWrite {
        columns: Some(vec!["id".into(), "name".into()]),
        missing_default,
        ..insert("items", body)
    };
    let body = r#"[{"id":1,"name":"a","junk":1},{"id":2}]"#;
    bench.write_refused(chosen(body, false), "23502").await;
    let mut request = chosen(body, true);
    request.query.select = cols(&["id", "name"]);
    bench
        .written(request, r#"[{"id":1,"name":"a"},{"id":2,"name":"thing"}]"#)
        .await;
    let unknown = TableWrite {
        columns: Some(vec!["nope".into()]),
        ..insert("items", "{}")
    };
    bench.write_refused(unknown, "PGRST204").await;
}

#[tokio::test]
async fn csv_and_forms_are_bodies_too() {
    let bench = Bench::new().await;
    let csv = TableWrite {
        format: PayloadFormat::Csv,
        ..insert(
            "users",
            "id,name\r\n30,\"a,b\"\r\n31,NULL\r\n32,\"\"\n33,\n",
        )
    };
    bench
        .written(
            csv,
            r#"[{"id":30,"name":"a,b"},{"id":31,"name":null},{"id":32,"name":""},
               {"id":33,"name":null}]"#,
        )
        .await;
    let short = TableWrite {
        format: PayloadFormat::Csv,
        ..insert("users", "id,name\n40")
    };
    bench.write_refused(short, "PGRST102").await;
    let form = TableWrite {
        format: PayloadFormat::Form,
        ..insert("users", "id=41&name=forms+are+fun")
    };
    bench
        .written(form, r#"[{"id":41,"name":"forms are fun"}]"#)
        .await;
}

#[tokio::test]
async fn what_is_answered_is_selected_ordered_and_embedded() {
    let bench = Bench::new().await;
    let mut request = insert(
        "projects",
        r#"[{"id":6,"name":"A","client_id":1},{"id":7,"name":"B","client_id":null}]"#,
    );
    request.query.select = vec![col("name"), embed("clients", [col("name")])];
    request.query.order = from("projects").order(&["id.desc"]).0.query.order;
    bench
        .written(
            request,
            r#"[{"name":"B","clients":null},{"name":"A","clients":{"name":"Microsoft"}}]"#,
        )
        .await;
    let mut request = filtered(write(Verb::Delete, "projects", ""), eq("id", "6"));
    request.query.select = vec![col("id"), embed("clients", [col("id")])];
    request.count = Some(Count::Exact);
    let done = bench
        .written(request, r#"[{"id":6,"clients":{"id":1}}]"#)
        .await;
    assert_eq!(done.head, "1 0 1 -");
}

#[tokio::test]
async fn headers_only_says_where_the_new_row_is() {
    let bench = Bench::new().await;
    let one = TableWrite {
        returning: Returning::HeadersOnly,
        ..insert("users_tasks", r#"{"user_id":3,"task_id":2}"#)
    };
    let done = bench.written(one, "").await;
    assert_eq!(done.head, "1 1 - user_id=eq.3&task_id=eq.2");
    let two = TableWrite {
        returning: Returning::HeadersOnly,
        ..insert("users", r#"[{"id":60},{"id":61}]"#)
    };
    assert_eq!(bench.written(two, "").await.head, "2 2 - -");
}

#[tokio::test]
async fn an_update_changes_the_rows_that_pass_and_nothing_without_a_filter() {
    let bench = Bench::new().await;
    let update = |body: &str| write(Verb::Update, "projects", body);
    bench
        .written(
            filtered(update(r#"{"name":"X"}"#), eq("client_id", "2")),
            r#"[{"id":3,"name":"X","client_id":2},{"id":4,"name":"X","client_id":2}]"#,
        )
        .await;
    let refusal = bench
        .write_refused(update(r#"{"name":"X"}"#), "21000")
        .await;
    assert_eq!(refusal.message, "UPDATE requires a WHERE clause");
    bench.written(update("{}"), "[]").await;
    bench
        .written(filtered(update("{}"), eq("id", "1")), "[]")
        .await;
    let all = TableWrite {
        max_affected: Some(4),
        ..update(r#"{"name":"X"}"#)
    };
    bench.write_refused(all.clone(), "PGRST124").await;
    let all = TableWrite {
        max_affected: Some(5),
        returning: Returning::Minimal,
        ..all
    };
    assert_eq!(bench.written(all, "").await.head, "5 0 - -");
    let unknown = filtered(update(r#"{"nme":"X"}"#), eq("id", "1"));
    bench.write_refused(unknown, "PGRST204").await;
    let generated = filtered(
        write(Verb::Update, "items", r#"{"twice":1}"#),
        eq("id", "1"),
    );
    bench.write_refused(generated, "428C9").await;
}

#[tokio::test]
async fn rows_are_chosen_by_what_is_embedded_as_well() {
    let bench = Bench::new().await;
    let mut request = filtered(
        write(Verb::Update, "projects", r#"{"name":"No client"}"#),
        is_null("clients"),
    );
    request.query.select = vec![col("id"), embed("clients", [])];
    bench.written(request, r#"[{"id":5}]"#).await;
}

#[tokio::test]
async fn a_delete_without_a_filter_is_refused() {
    let bench = Bench::new().await;
    let all = write(Verb::Delete, "users", "");
    bench.write_refused(all.clone(), "21000").await;
    let all = TableWrite {
        max_affected: Some(3),
        ..all
    };
    assert_eq!(bench.write(all).await.unwrap().head, "3 0 - -");
}

#[tokio::test]
async fn an_object_that_is_not_one_row_rolls_the_write_back() {
    let bench = Bench::new().await;
    let request = TableWrite {
        shape: Shape::Object,
        ..insert("users", r#"[{"id":70},{"id":71}]"#)
    };
    bench.write_refused(request, "PGRST116").await;
    bench
        .check(from("users").filter(eq("id", "70")), "[]")
        .await;
    let request = TableWrite {
        shape: Shape::Object,
        ..insert("users", r#"{"id":72}"#)
    };
    bench.written(request, r#"{"id":72,"name":null}"#).await;
}

#[tokio::test]
async fn a_body_of_too_many_rows_is_refused() {
    let bench = Bench::with(StoreConfig {
        max_write_rows: 5,
        ..StoreConfig::default()
    })
    .await;
    let rows = ["{}"; 6].join(",");
    bench
        .write_refused(insert("items", &format!("[{rows}]")), "54000")
        .await;
}

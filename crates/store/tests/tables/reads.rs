use crate::ask::*;
use crate::bench::{Bench, text};
use pando_store::StoreConfig;
use pando_store::request::Shape;

#[tokio::test]
async fn a_row_is_found_by_its_key_and_written_in_the_order_of_its_columns() {
    let bench = Bench::new().await;
    let ask = from("projects").filter(eq("id", "2"));
    bench
        .check(ask, r#"[{"id":2,"name":"Windows 10","client_id":1}]"#)
        .await;
    let ask = from("projects").filter(eq("id", "99"));
    bench.check(ask, "[]").await;
}

#[tokio::test]
async fn fields_are_named_by_alias_or_by_the_last_key_of_their_path() {
    let bench = Bench::new().await;
    let row = r#"{"id":1,"price":"2.5","tags":["a","b c"],"data":{"a":{"b":[10,{"c":"x"}]}}}"#;
    bench
        .write(write(pando_store::request::Verb::Insert, "items", row))
        .await
        .unwrap();
    let items = [
        col("key:id"),
        cast("price", "text"),
        col("data->a->b->0"),
        col("data->a->b->1->>c"),
        col("deep:data->a"),
        col("tags"),
        col("id"),
        col("id"),
    ];
    bench
        .check(
            from("items").select(items),
            r#"[{"key":1,"price":"2.50","b":10,"c":"x","deep":{"b": [10, {"c": "x"}]},
               "tags":["a","b c"],"id":1,"id":1}]"#,
        )
        .await;
}

#[tokio::test]
async fn what_a_schema_does_not_have_is_refused_in_postgrests_words() {
    let bench = Bench::new().await;
    let refusal = bench.refused(from("project"), "PGRST205").await;
    assert_eq!(
        refusal.message,
        "Could not find the table 'public.project' in the schema cache"
    );
    assert_eq!(
        refusal.hint.as_deref(),
        Some("Perhaps you meant the table 'public.projects'")
    );
    let refusal = bench.refused(from("zzz"), "PGRST205").await;
    assert_eq!(refusal.hint, None);
    bench.refused(from("_pando_keys"), "PGRST205").await;
    let refusal = bench
        .refused(from("projects").select([col("nme")]), "42703")
        .await;
    assert_eq!(refusal.message, "column projects.nme does not exist");
    let ask = from("projects").select([cast("id", "money")]);
    bench.refused(ask, "42704").await;
    let ask = from("projects").select([col("name->a")]);
    bench.refused(ask, "42883").await;
    bench
        .refused(from("projects").order(&["nope"]), "42703")
        .await;
    bench.refused(from("items").order(&["raw"]), "42883").await;
}

#[tokio::test]
async fn lists_are_ordered_and_cut_as_asked() {
    let bench = Bench::new().await;
    let names = || from("projects").select(cols(&["id", "client_id"]));
    bench
        .check(
            names().order(&["client_id.desc", "id.desc"]).range(3, 0),
            r#"[{"id":5,"client_id":null},{"id":4,"client_id":2},{"id":3,"client_id":2}]"#,
        )
        .await;
    bench
        .check(
            names().order(&["client_id.desc.nullslast"]).range(2, 1),
            r#"[{"id":4,"client_id":2},{"id":1,"client_id":1}]"#,
        )
        .await;
    bench.check(names().range(0, 0), "[]").await;
}

#[tokio::test]
async fn a_count_is_of_all_rows_and_an_offset_behind_them_is_refused() {
    let bench = Bench::new().await;
    let answer = bench.read(&from("projects").range(2, 1).count()).await;
    assert_eq!((answer.rows, answer.offset, answer.total), (2, 1, Some(5)));
    assert!(!answer.truncated, "the caller's own limit is no cut");
    let refusal = bench
        .refused(from("projects").range(2, 6).count(), "PGRST103")
        .await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("An offset of 6 was requested, but there are only 5 rows.")
    );
    bench.check(from("projects").range(2, 6), "[]").await;
}

#[tokio::test]
async fn a_list_longer_than_max_rows_is_cut_and_says_so_at_every_depth() {
    let bench = Bench::with(StoreConfig {
        max_rows: 2,
        ..StoreConfig::default()
    })
    .await;
    let answer = bench.read(&from("projects")).await;
    assert_eq!((answer.rows, answer.truncated), (2, true));
    let answer = bench.read(&from("country")).await;
    assert_eq!((answer.rows, answer.truncated), (2, false));
    let ask = from("employees")
        .select([col("id"), embed("employees", [col("id")])])
        .range(1, 0);
    assert!(!bench.read(&ask).await.truncated);
    let ask = from("users_tasks").select([col("user_id")]).range(9, 0);
    assert!(bench.read(&ask).await.truncated);
    bench
        .write(write(
            pando_store::request::Verb::Insert,
            "employees",
            r#"{"id":4,"name":"Dan","manager_id":1}"#,
        ))
        .await
        .unwrap();
    let ask = from("employees")
        .select([col("id"), embed("employees", [col("id")])])
        .range(1, 0);
    let answer = bench.read(&ask).await;
    assert_eq!(
        text(&answer),
        r#"[{"id":1,"employees":[{"id":2},{"id":3}]}]"#
    );
    assert!(answer.truncated);
}

#[tokio::test]
async fn an_object_is_one_row_and_nothing_else() {
    let bench = Bench::new().await;
    let one = from("clients").shape(Shape::Object);
    bench
        .check(
            one.clone().filter(eq("id", "1")),
            r#"{"id":1,"name":"Microsoft"}"#,
        )
        .await;
    let refusal = bench.refused(one.clone(), "PGRST116").await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("The result contains 3 rows")
    );
    let refusal = bench.refused(one.filter(eq("id", "9")), "PGRST116").await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("The result contains 0 rows")
    );
}

#[tokio::test]
async fn csv_has_a_header_and_tells_null_from_empty() {
    let bench = Bench::new().await;
    let rows = r#"[{"id":1,"name":"","tags":null},{"id":2,"name":"a,\"b\"","tags":["x"]}]"#;
    bench
        .write(write(pando_store::request::Verb::Insert, "items", rows))
        .await
        .unwrap();
    let ask = from("items")
        .select(cols(&["id", "name", "tags", "ready"]))
        .shape(Shape::Csv);
    assert_eq!(
        text(&bench.read(&ask).await),
        "id,name,tags,ready\n1,\"\",,\n2,\"a,\"\"b\"\"\",{x},"
    );
    let ask = from("tasks")
        .select([col("id"), embed("...projects", [col("project:name")])])
        .filter(eq("id", "5"))
        .shape(Shape::Csv);
    assert_eq!(text(&bench.read(&ask).await), "id,project\n5,IOS");
    let none = from("users").filter(eq("id", "9")).shape(Shape::Csv);
    assert_eq!(text(&bench.read(&none).await), "id,name");
}

#[tokio::test]
async fn a_request_larger_than_the_limits_is_refused() {
    let bench = Bench::with(StoreConfig {
        max_filters: 2,
        max_embed_depth: 1,
        max_embeds: 2,
        max_columns: 4,
        max_list: 2,
        ..StoreConfig::default()
    })
    .await;
    let over = [
        from("users")
            .filter(eq("id", "1"))
            .filter(eq("id", "1"))
            .filter(eq("id", "1")),
        from("users").select([embed("tasks", [embed("projects", [col("id")])])]),
        from("users").select([
            embed("a:tasks", [col("id")]),
            embed("b:tasks", [col("id")]),
            embed("c:tasks", [col("id")]),
        ]),
        from("users").select(cols(&["id", "id", "id", "id", "id"])),
        from("users").filter(test(
            "id",
            pando_store::request::Test::In(vec!["1".into(), "2".into(), "3".into()]),
        )),
        from("users")
            .filter(eq_any("id", &["1", "2"]))
            .filter(eq_any("id", &["1"])),
        from("users").order(&["id"; 65]),
    ];
    for ask in over {
        bench.refused(ask, "54000").await;
    }
}

/// As many values and terms as a request may have, in the forms that take most of an engine.
#[tokio::test]
async fn the_largest_requests_are_answered() {
    let bench = Bench::new().await;
    let names: Vec<String> = (0..10_000).map(|n| format!("{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ids = from("users").select([col("id")]);
    let rows = r#"[{"id":1},{"id":2},{"id":3}]"#;
    bench
        .check(ids.clone().filter(eq_any("id", &names)), rows)
        .await;
    let likes = not(like_any("name", &names[..100]));
    bench.check(ids.clone().filter(likes), rows).await;
    let one_more = ids.filter(like_any("name", &names[..101]));
    bench.refused(one_more, "54000").await;

    let body = r#"[{"id":1,"name":"a","data":{"k":1}},{"id":2,"name":"b","data":{"k":1}}]"#;
    let insert = write(pando_store::request::Verb::Insert, "items", body);
    bench.write(insert).await.unwrap();
    let terms: Vec<String> = (0..64).map(|n| format!("data->a{n}.desc")).collect();
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    let ask = from("items").select([col("id")]).order(&terms).range(1, 0);
    let first = bench.read(&ask).await;
    assert_eq!(text(&first), r#"[{"id":1}]"#);
    let next = ask.cursor(&first.cursor.expect("there is another page"));
    bench.check(next, r#"[{"id":2}]"#).await;
}

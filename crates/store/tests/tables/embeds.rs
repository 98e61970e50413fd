use crate::ask::*;
use crate::bench::Bench;

#[tokio::test]
async fn relationships_are_followed_in_every_direction() {
    let bench = Bench::new().await;
    bench
        .check(
            from("projects")
                .select([col("id"), embed("clients", [col("name")])])
                .order(&["id.desc"])
                .range(2, 0),
            r#"[{"id":5,"clients":null},{"id":4,"clients":{"name":"Apple"}}]"#,
        )
        .await;
    bench
        .check(
            from("clients").select([col("name"), embed("projects", [col("id")])]),
            r#"[{"name":"Microsoft","projects":[{"id":1},{"id":2}]},
               {"name":"Apple","projects":[{"id":3},{"id":4}]},
               {"name":"Idle","projects":[]}]"#,
        )
        .await;
    bench
        .check(
            from("users").select([col("id"), embed("tasks", cols(&["id", "name"]))]),
            r#"[{"id":1,"tasks":[{"id":1,"name":"Design w7"},{"id":3,"name":"Design w10"}]},
               {"id":2,"tasks":[{"id":5,"name":"Design IOS"}]},
               {"id":3,"tasks":[{"id":1,"name":"Design w7"}]}]"#,
        )
        .await;
    bench
        .check(
            from("country").select([col("name"), embed("capital", [col("name")])]),
            r#"[{"name":"Korea","capital":{"name":"Seoul"}},{"name":"Nowhere","capital":null}]"#,
        )
        .await;
    bench
        .check(
            from("capital").select([col("name"), embed("country", [col("name")])]),
            r#"[{"name":"Seoul","country":{"name":"Korea"}}]"#,
        )
        .await;
}

#[tokio::test]
async fn a_table_refers_to_itself_by_its_name_or_its_column() {
    let bench = Bench::new().await;
    bench
        .check(
            from("employees").select([
                col("name"),
                embed("boss:manager_id", [col("name")]),
                embed("team:employees", [col("name")]),
            ]),
            r#"[{"name":"Ann","boss":null,"team":[{"name":"Ben"},{"name":"Cho"}]},
               {"name":"Ben","boss":{"name":"Ann"},"team":[]},
               {"name":"Cho","boss":{"name":"Ann"},"team":[]}]"#,
        )
        .await;
}

#[tokio::test]
async fn embeds_nest_and_have_filters_orders_and_ranges_of_their_own() {
    let bench = Bench::new().await;
    let ask = from("clients")
        .select([
            col("id"),
            embed(
                "work:projects",
                [col("id"), embed("tasks", [col("id"), embed("users", [])])],
            ),
        ])
        .order_at("work", &["id.desc"])
        .range_at("work", 1, 0)
        .filter_at("projects.tasks", not(is_null("name")));
    bench
        .check(
            ask,
            r#"[{"id":1,"work":[{"id":2,"tasks":[{"id":3}]}]},
               {"id":2,"work":[{"id":4,"tasks":[]}]},{"id":3,"work":[]}]"#,
        )
        .await;
    let ask = from("clients").select([col("id"), embed("projects", [col("id")])]);
    bench
        .check(
            ask.range_at("projects", 5, 1),
            r#"[{"id":1,"projects":[{"id":2}]},{"id":2,"projects":[{"id":4}]},
               {"id":3,"projects":[]}]"#,
        )
        .await;
}

#[tokio::test]
async fn inner_leaves_out_rows_without_and_a_null_test_asks_for_them() {
    let bench = Bench::new().await;
    let tasks = |hint: &str| {
        from("users")
            .select([col("name"), embed(hint, [])])
            .filter_at("tasks", eq("id", "1"))
    };
    let with = r#"[{"name":"Angela"},{"name":"Dwight"}]"#;
    bench.check(tasks("tasks!inner"), with).await;
    bench
        .check(tasks("tasks").filter(not(is_null("tasks"))), with)
        .await;
    bench
        .check(
            tasks("tasks").filter(is_null("tasks")),
            r#"[{"name":"Michael"}]"#,
        )
        .await;
    let nested = from("clients").select([
        col("id"),
        embed("projects!inner", [col("id"), embed("tasks!inner", [])]),
    ]);
    bench
        .check(
            nested.filter_at("projects.tasks", eq("id", "5")),
            r#"[{"id":2,"projects":[{"id":3}]}]"#,
        )
        .await;
    let either = from("projects")
        .select([col("id"), embed("tasks", []), embed("invoices", [])])
        .filter(pando_store::request::Condition::Or(
            false,
            vec![not(is_null("tasks")), not(is_null("invoices"))],
        ))
        .filter_at("invoices", eq("total", "1200"))
        .filter_at("tasks", eq("id", "1"));
    let answer = bench.read(&either.clone().count()).await;
    assert_eq!(answer.total, Some(2));
    bench.check(either, r#"[{"id":1},{"id":3}]"#).await;
}

#[tokio::test]
async fn a_to_one_spread_lifts_fields_and_a_to_many_spread_makes_arrays() {
    let bench = Bench::new().await;
    bench
        .check(
            from("tasks")
                .select([
                    col("id"),
                    embed(
                        "...projects",
                        [
                            col("project:name"),
                            embed("...clients", [col("client:name")]),
                        ],
                    ),
                ])
                .range(1, 4),
            r#"[{"id":5,"project":"IOS","client":"Apple"}]"#,
        )
        .await;
    bench
        .check(
            from("clients").select([
                col("id"),
                embed(
                    "...projects",
                    [
                        col("project_ids:id"),
                        embed("...tasks", [col("tasks:name")]),
                        embed("invoices", [col("total")]),
                    ],
                ),
            ]),
            r#"[{"id":1,"project_ids":[1,2],
                "tasks":[["Design w7","Code w7"],["Design w10",null]],
                "invoices":[[{"total":100},{"total":200}],[{"total":500}]]},
               {"id":2,"project_ids":[3,4],"tasks":[["Design IOS"],[]],
                "invoices":[[{"total":1200}],[]]},
               {"id":3,"project_ids":[],"tasks":[],"invoices":[]}]"#,
        )
        .await;
    bench
        .check(
            from("projects")
                .select([col("id"), embed("...clients", [col("client:name")])])
                .filter(is_null("client_id")),
            r#"[{"id":5,"client":null}]"#,
        )
        .await;
    bench
        .check(
            from("clients")
                .select([col("id"), embed("...projects", [])])
                .range(1, 0),
            r#"[{"id":1}]"#,
        )
        .await;
}

#[tokio::test]
async fn rows_are_ordered_by_a_row_they_relate_to() {
    let bench = Bench::new().await;
    let ask = from("projects").select([col("id"), embed("client:clients", [])]);
    bench
        .check(
            ask.clone().order(&["client(name)", "id.desc"]),
            r#"[{"id":4},{"id":3},{"id":2},{"id":1},{"id":5}]"#,
        )
        .await;
    let refusal = bench
        .refused(ask.order(&["clientx(name)"]), "PGRST108")
        .await;
    assert_eq!(
        refusal.hint.as_deref(),
        Some("Verify that 'clientx' is included in the 'select' query parameter.")
    );
    let ask = from("clients").select([col("id"), embed("pros:projects", [col("id")])]);
    let refusal = bench.refused(ask.order(&["pros(id)"]), "PGRST118").await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("'clients' and 'pros' do not form a many-to-one or one-to-one relationship")
    );
}

#[tokio::test]
async fn an_ambiguous_embed_names_its_choices_and_a_hint_chooses() {
    let bench = Bench::new().await;
    let ask = from("orders").select([embed("addresses", [col("street")])]);
    let refusal = bench.refused(ask, "PGRST201").await;
    assert_eq!(
        refusal.hint.as_deref(),
        Some(
            "Try changing 'addresses' to one of the following: 'addresses!orders_billing', \
             'addresses!orders_shipping'. Find the desired relationship in the 'details' key."
        )
    );
    let details: serde_json::Value = serde_json::from_str(&refusal.details.unwrap()).unwrap();
    assert_eq!(
        details[0],
        serde_json::json!({
            "cardinality": "many-to-one",
            "embedding": "orders with addresses",
            "relationship": "orders_billing using orders(billing_id) and addresses(id)",
        })
    );
    let row = r#"{"id":1,"billing_id":1,"shipping_id":2}"#;
    bench
        .write(write(pando_store::request::Verb::Insert, "orders", row))
        .await
        .unwrap();
    for (billing, shipping) in [
        ("b:addresses!billing_id", "s:addresses!orders_shipping"),
        ("b:orders_billing", "s:shipping_id"),
    ] {
        bench
            .check(
                from("orders").select([
                    embed(billing, [col("street")]),
                    embed(shipping, [col("street")]),
                ]),
                r#"[{"b":{"street":"Main"},"s":{"street":"Side"}}]"#,
            )
            .await;
    }
    bench
        .check(
            from("addresses").select([col("id"), embed("orders!billing_id", [col("id")])]),
            r#"[{"id":1,"orders":[{"id":1}]},{"id":2,"orders":[]}]"#,
        )
        .await;
}

#[tokio::test]
async fn what_is_not_related_or_not_embedded_is_refused() {
    let bench = Bench::new().await;
    let ask = from("projects").select([embed("cliens", [col("id")])]);
    let refusal = bench.refused(ask, "PGRST200").await;
    assert_eq!(
        refusal.details.as_deref(),
        Some(
            "Searched for a foreign key relationship between 'projects' and 'cliens' in the \
             schema 'public', but no matches were found."
        )
    );
    assert_eq!(
        refusal.hint.as_deref(),
        Some("Perhaps you meant 'clients' instead of 'cliens'.")
    );
    let ask = from("projects").filter_at("clients", eq("id", "1"));
    let refusal = bench.refused(ask, "PGRST108").await;
    assert_eq!(
        refusal.message,
        "'clients' is not an embedded resource in this request"
    );
    let ask = from("projects")
        .select([embed("clients", [])])
        .filter(eq("clients", "1"));
    bench.refused(ask, "PGRST120").await;
}

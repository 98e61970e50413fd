use crate::ask::*;
use crate::bench::Bench;
use pando_model::aggregate::AggregateFn::{Avg, Max, Min, Sum};

#[tokio::test]
async fn rows_are_grouped_by_what_is_selected_besides_aggregates() {
    let bench = Bench::new().await;
    bench
        .check(from("projects").select([count()]), r#"[{"count":5}]"#)
        .await;
    bench
        .check(
            from("projects")
                .select([col("client:client_id"), count()])
                .order(&["client_id.desc"]),
            r#"[{"client":null,"count":1},{"client":2,"count":2},{"client":1,"count":2}]"#,
        )
        .await;
    let totals = [
        aggregate(Sum, "total"),
        aggregate(Avg, "mean:total"),
        aggregate(Min, "total"),
        aggregate(Max, "total"),
    ];
    bench
        .check(
            from("invoices").select(totals),
            r#"[{"sum":2007,"mean":401.4000000000000000,"min":7,"max":1200}]"#,
        )
        .await;
    bench
        .check(
            from("projects")
                .select([col("client_id"), count()])
                .order(&["count.desc", "client_id"])
                .range(1, 1),
            r#"[{"client_id":2,"count":2}]"#,
        )
        .await;
}

#[tokio::test]
async fn a_result_is_cast_and_count_stands_for_itself() {
    let bench = Bench::new().await;
    let mut total = aggregate(Sum, "total");
    if let pando_store::request::SelectItem::Field { aggregate_cast, .. } = &mut total {
        *aggregate_cast = Some("text".into());
    }
    bench
        .check(from("invoices").select([total]), r#"[{"sum":"2007"}]"#)
        .await;
    bench
        .check(
            from("clients").select([col("name"), embed("projects", [col("count")])]),
            r#"[{"name":"Microsoft","projects":[{"count":2}]},
               {"name":"Apple","projects":[{"count":2}]},
               {"name":"Idle","projects":[{"count":0}]}]"#,
        )
        .await;
}

#[tokio::test]
async fn an_embed_aggregates_for_each_parent_and_over_nothing_too() {
    let bench = Bench::new().await;
    bench
        .check(
            from("projects")
                .select([
                    col("id"),
                    embed("invoices", [aggregate(Sum, "total"), count()]),
                ])
                .order(&["id"])
                .range(2, 3),
            r#"[{"id":4,"invoices":[{"sum":null,"count":0}]},
               {"id":5,"invoices":[{"sum":null,"count":0}]}]"#,
        )
        .await;
    bench
        .check(
            from("clients").select([
                col("id"),
                embed(
                    "projects",
                    [aggregate(Max, "id"), embed("tasks", [count()])],
                ),
            ]),
            r#"[{"id":1,"projects":[{"max":2,"tasks":[{"count":2}]}]},
               {"id":2,"projects":[{"max":3,"tasks":[{"count":1}]},
                                   {"max":4,"tasks":[{"count":0}]}]},
               {"id":3,"projects":[]}]"#,
        )
        .await;
}

#[tokio::test]
async fn rows_are_grouped_by_what_is_embedded_in_them() {
    let bench = Bench::new().await;
    bench
        .check(
            from("projects")
                .select([count(), embed("clients", [col("name")])])
                .order(&["clients(name)"]),
            r#"[{"count":2,"clients":{"name":"Apple"}},
               {"count":2,"clients":{"name":"Microsoft"}},{"count":1,"clients":null}]"#,
        )
        .await;
    bench
        .check(
            from("tasks").select([count(), embed("...projects", [col("client_id")])]),
            r#"[{"count":4,"client_id":1},{"count":1,"client_id":2}]"#,
        )
        .await;
    let answer = bench
        .read(
            &from("tasks")
                .select([count(), embed("...projects", [col("client_id")])])
                .range(1, 1)
                .count(),
        )
        .await;
    assert_eq!((answer.rows, answer.total), (1, Some(2)));
}

#[tokio::test]
async fn a_to_one_spread_hands_its_aggregates_up() {
    let bench = Bench::new().await;
    bench
        .check(
            from("tasks").select([embed(
                "...projects",
                [
                    col("client_id"),
                    aggregate(Max, "last:id"),
                    embed("...clients", [count(), aggregate(Min, "first:name")]),
                ],
            )]),
            r#"[{"client_id":1,"last":2,"count":4,"first":"Microsoft"},
               {"client_id":2,"last":3,"count":1,"first":"Apple"}]"#,
        )
        .await;
    bench
        .check(
            from("projects").select([embed("...clients", [count()])]),
            r#"[{"count":4}]"#,
        )
        .await;
    let ask = from("projects").select([embed("...tasks", [count()])]);
    let refusal = bench.refused(ask, "PGRST127").await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("Aggregates are not implemented for one-to-many or many-to-many spreads.")
    );
}

#[tokio::test]
async fn groups_have_no_other_columns_and_texts_no_sum() {
    let bench = Bench::new().await;
    let ask = from("projects").select([col("client_id"), count()]);
    bench.refused(ask.order(&["name"]), "42803").await;
    let ask = from("projects").select([count(), embed("clients", [col("name")])]);
    bench.refused(ask.order(&["id"]), "42803").await;
    let ask = from("projects").select([aggregate(Sum, "name")]);
    let refusal = bench.refused(ask, "42883").await;
    assert_eq!(refusal.message, "function sum(text) does not exist");
}

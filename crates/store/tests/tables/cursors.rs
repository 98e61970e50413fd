use crate::ask::*;
use crate::bench::Bench;
use pando_store::request::Verb;
use pando_store::tables::Relationship;

/// All ids of a list, page by page.
async fn walk(bench: &Bench, ask: Ask, page: u64) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let ask = ask.clone().range(page, 0);
        let ask = match &next {
            Some(cursor) => ask.cursor(cursor),
            None => ask,
        };
        let answer = bench.read(&ask).await;
        assert_eq!(answer.offset, ids.len() as u64);
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&answer.body).unwrap();
        ids.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
        match answer.cursor {
            Some(cursor) => next = Some(cursor),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn pages_behind_cursors_make_up_the_list_in_every_order() {
    let bench = Bench::new().await;
    let rows: Vec<String> = (1..=23)
        .map(|id| {
            let price = match id % 4 {
                0 => "null".to_owned(),
                digit => digit.to_string(),
            };
            format!(r#"{{"id":{id},"name":"n{}","price":{price}}}"#, id % 3)
        })
        .collect();
    let body = format!("[{}]", rows.join(","));
    bench
        .write(write(Verb::Insert, "items", &body))
        .await
        .unwrap();
    let orders: [&[&str]; 8] = [
        &[],
        &["id.desc"],
        &["name"],
        &["name.desc", "id"],
        &["price"],
        &["price.desc"],
        &["price.nullsfirst", "name.desc"],
        &["price.desc.nullslast", "name"],
    ];
    for order in orders {
        let ask = from("items").select([col("id")]);
        let ask = if order.is_empty() {
            ask
        } else {
            ask.order(order)
        };
        let whole = walk(&bench, ask.clone(), 1_000).await;
        assert_eq!(whole.len(), 23, "{order:?}");
        for page in [1, 4, 22, 23] {
            assert_eq!(walk(&bench, ask.clone(), page).await, whole, "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_page_does_not_move_when_rows_before_it_come_and_go() {
    let bench = Bench::new().await;
    let ask = from("projects").select([col("id")]).range(2, 0);
    let first = bench.read(&ask.clone().count()).await;
    assert_eq!(first.total, Some(5));
    let gone = filtered(write(Verb::Delete, "projects", ""), eq("id", "1"));
    bench.write(gone).await.unwrap();
    let next = ask.cursor(first.cursor.as_deref().unwrap());
    bench.check(next, r#"[{"id":3},{"id":4}]"#).await;
}

#[tokio::test]
async fn a_cursor_of_another_list_or_none_at_all_is_refused() {
    let bench = Bench::new().await;
    let ask = from("projects").range(1, 0);
    let cursor = bench.read(&ask).await.cursor.unwrap();
    let others = [
        from("clients").range(1, 0),
        ask.clone().order(&["name"]),
        ask.clone().filter(eq("client_id", "1")),
        from("projects").select([count()]),
    ];
    for other in others {
        bench.refused(other.cursor(&cursor), "PGRST100").await;
    }
    for forged in ["", "AAAA", &cursor[1..]] {
        bench.refused(ask.clone().cursor(forged), "PGRST100").await;
    }
}

#[tokio::test]
async fn relationships_are_listed_for_whoever_describes_the_schema() {
    let bench = Bench::new().await;
    let all = pando_store::tables::relationships(&bench.store.schema());
    let targets = |table: &str| -> Vec<String> {
        let to = |one: &Relationship| one.target.name.clone();
        all[table].iter().map(to).collect()
    };
    assert_eq!(targets("users"), ["tasks", "users_tasks"]);
    assert_eq!(targets("capital"), ["country"]);
    assert!(all.keys().all(|table| !table.starts_with("_pando")));
}

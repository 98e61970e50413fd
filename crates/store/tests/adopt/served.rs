//! What fits is served: reads, writes and refusals, and the database's own rules with them.

use crate::ask::{col, cols, compare, embed, eq, filtered, from, upsert, write};
use crate::house::{House, SHOP, Shop};
use crate::kept;
use pando_engine_postgres::adopt;
use pando_model::plan::Comparison;
use pando_store::adopt::Wanted;
use pando_store::error::StoreError;
use pando_store::request::{Resolution, Returning, Verb};

/// A dump without the lines whose only meaning is that they are never the same.
async fn dump(house: &House) -> String {
    let dump = house.postgres.dump_schema("shop").await.unwrap();
    let lines = dump.lines().filter(|line| !line.contains("restrict "));
    lines.collect::<Vec<_>>().join("\n")
}

fn without_pandos(dump: &str) -> String {
    // pg_dump says of each part what it is.
    let parts = dump
        .split("\n--\n-- ")
        .filter(|part| !part.contains("_pando_"));
    parts.collect::<Vec<_>>().join("\n--\n-- ")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_read_and_written_by_pando_and_by_psql() {
    let house = House::with(SHOP).await;
    let before = dump(&house).await;
    let shop = house.adopt(&Wanted::default()).await;
    reads(&shop).await;
    writes(&shop).await;
    shop.is_sound().await;
    shop.store.close().await.unwrap();
    let after = dump(&house).await;
    assert!(after.contains("_pando_layout"), "{after}");
    assert_eq!(without_pandos(&after), before);
    // Somebody else's, whatever it is called.
    house.sql("CREATE TABLE _pando_mine (id integer)").await;
    assert!(adopt::forget(&house.config()).await.unwrap().is_empty());
    house.sql("DROP TABLE _pando_mine").await;
    let after = dump(&house).await;
    assert_eq!(after, before);
}

async fn reads(shop: &Shop<'_>) {
    let all = from("products").order(&["price.desc"]).select(cols(&[
        "sku",
        "price",
        "gross",
        "stock",
        "rating",
        "attributes->>colour",
    ]));
    shop.check(
        all,
        r#"[{"sku":"b-2","price":3.25,"gross":3.58,"stock":0,"rating":null,"colour":null},
            {"sku":"a-1","price":1.50,"gross":1.65,"stock":0,"rating":4.5,"colour":"red"}]"#,
    )
    .await;
    shop.check(
        from("products")
            .filter(compare("stock", Comparison::Lt, "1"))
            .filter(eq("sku", "a-1"))
            .select(cols(&["title"])),
        r#"[{"title":"Apple"}]"#,
    )
    .await;
    let nested = from("customers").order(&["id"]).select([
        col("name"),
        embed(
            "orders",
            [
                col("status"),
                embed("order_lines", [col("n"), embed("products", [col("title")])]),
            ],
        ),
    ]);
    shop.check(
        nested,
        r#"[{"name":"Ann","orders":[{"status":"paid","order_lines":[
            {"n":1,"products":{"title":"Apple"}},{"n":2,"products":{"title":"Bread"}}]}]},
            {"name":"Bob","orders":[{"status":"new","order_lines":[
            {"n":1,"products":{"title":"Apple"}}]}]}]"#,
    )
    .await;
    shop.check(from("Plain").select(cols(&["order", "Select"])), "[]")
        .await;
}

async fn writes(shop: &Shop<'_>) {
    let house = shop.house;
    // Pando's rows are psql's.
    let made = shop
        .write(write(
            Verb::Insert,
            "customers",
            r#"[{"email":"cho@example.org","name":"Cho"}]"#,
        ))
        .await;
    let id: i64 = made
        .split("\"id\":")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(id > 2);
    let seen = house
        .sql(
            "SELECT id || ' ' || name || ' ' || vip FROM customers WHERE email = 'cho@example.org'",
        )
        .await;
    assert_eq!(seen, format!("{id} Cho false"));
    // psql's rows are Pando's.
    house
        .sql("INSERT INTO customers (email, name) VALUES ('dan@example.org', 'Dan')")
        .await;
    shop.check(
        from("customers")
            .filter(eq("email", "dan@example.org"))
            .select(cols(&["id", "name"])),
        r#"[{"id":3,"name":"Dan"}]"#,
    )
    .await;
    several_at_once(shop).await;
    changes(shop).await;
    kept::refusals(shop).await;
    kept::what_postgresql_alone_keeps(shop).await;
}

/// Computed and changed by the table itself; the answer is as it is stored.
async fn several_at_once(shop: &Shop<'_>) {
    let house = shop.house;
    let few = write(
        Verb::Insert,
        "products",
        r#"[{"sku":"o-1","title":"O","price":1,"updated":"2024-01-01"}]"#,
    );
    let stored = shop.write(few).await;
    assert!(
        stored.contains(r#""updated":"2020-01-01T00:00:00""#),
        "{stored}"
    );
    let more: Vec<String> = (2..9)
        .map(|n| format!(r#"{{"sku":"o-{n}","title":"O{n}","price":{n}}}"#))
        .collect();
    let stored = shop
        .write(write(
            Verb::Insert,
            "products",
            &format!("[{}]", more.join(",")),
        ))
        .await;
    assert_eq!(
        stored.matches(r#""updated":"2020-01-01T00:00:00""#).count(),
        7,
        "{stored}"
    );
    let many: Vec<String> = (0..300)
        .map(|n| format!(r#"{{"sku":"n-{n}","title":"T{n}","price":{n},"stock":{n}}}"#))
        .collect();
    let mut bulk = write(Verb::Insert, "products", &format!("[{}]", many.join(",")));
    bulk.returning = Returning::Minimal;
    shop.write(bulk).await;
    assert_eq!(house.sql("SELECT count(*), sum(stock), max(gross), max(updated) FROM products WHERE sku LIKE 'n-%'").await, "300|44850|328.90|2020-01-01 00:00:00");
}

/// Changed, merged, taken out.
async fn changes(shop: &Shop<'_>) {
    let house = shop.house;
    let raised = filtered(
        write(Verb::Update, "products", r#"{"price":2}"#),
        eq("sku", "a-1"),
    );
    let raised = shop.write(raised).await;
    assert!(raised.contains(r#""gross":2.20"#), "{raised}");
    assert_eq!(
        house
            .sql("SELECT price, gross FROM products WHERE sku = 'a-1'")
            .await,
        "2.00|2.20"
    );
    let merged = upsert(
        "order_lines",
        r#"[{"order_id":1,"n":1,"sku":"b-2","quantity":9},{"order_id":1,"n":3,"sku":"a-1","quantity":2}]"#,
        Resolution::Merge,
    );
    shop.write(merged).await;
    assert_eq!(house.sql("SELECT string_agg(n || sku || quantity, ' ' ORDER BY n) FROM order_lines WHERE order_id = 1").await, "1b-29 2b-21 3a-12");
    let cursor = shop.store.engine().follow("test").await.unwrap();
    shop.write(filtered(
        write(Verb::Delete, "customers", ""),
        eq("id", "1"),
    ))
    .await;
    assert_eq!(
        house
            .sql("SELECT count(*) FROM order_lines WHERE order_id = 1")
            .await,
        "0"
    );
    let page = shop.store.engine().fetch_feed(cursor, 100).await.unwrap();
    let events: Vec<_> = page
        .events
        .iter()
        .map(|event| format!("{:?} {}", event.kind, event.table))
        .collect();
    assert_eq!(
        events,
        [
            "Delete orders",
            "Delete order_lines",
            "Delete order_lines",
            "Delete order_lines",
            "Delete customers"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_pando_cannot_hold_is_refused_and_no_other_is() {
    let house = House::with(
        "CREATE TABLE t (id bigint PRIMARY KEY, x double precision);
         INSERT INTO t VALUES (1, 'NaN'), (2, 2)",
    )
    .await;
    let shop = house.adopt(&Wanted::default()).await;
    match shop.try_read(&from("t")).await {
        Err(StoreError::Refused(refusal)) => {
            assert_eq!(refusal.code, "22003");
            assert!(refusal.hint.unwrap().contains("--check-rows"));
        }
        other => panic!("{other:?}"),
    }
    shop.check(from("t").filter(eq("id", "2")), r#"[{"id":2,"x":2}]"#)
        .await;
    shop.check(
        from("t").select(cols(&["id"])).order(&["id"]),
        r#"[{"id":1},{"id":2}]"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_another_name_is_served_by_the_search_path() {
    let mut house = House::with(
        "CREATE SCHEMA sales; CREATE TABLE sales.t (id bigint PRIMARY KEY, a text);
         INSERT INTO sales.t VALUES (1, 'one'); CREATE TABLE public.t (id bigint PRIMARY KEY)",
    )
    .await;
    house.schema = "sales";
    let shop = house.adopt(&Wanted::default()).await;
    shop.check(from("t"), r#"[{"id":1,"a":"one"}]"#).await;
    let theirs = house.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE '\\_pando%'").await;
    assert_eq!(theirs, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_changed_since_it_was_looked_at_is_not_taken() {
    let house = House::with("CREATE TABLE t (id bigint PRIMARY KEY, a text)").await;
    let judged = house.judge(&Wanted::default()).await;
    house.sql("ALTER TABLE t DROP COLUMN a").await;
    let store = house.open().await;
    let refused = store.adopt(&judged).await.unwrap_err();
    assert!(
        refused.to_string().contains("\"a\" is another"),
        "{refused}"
    );
    assert!(store.schema().tables.is_empty());
}

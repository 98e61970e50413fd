//! What fits is served: reads, writes and refusals, and the database's own rules with them.

use crate::ask::{col, cols, compare, embed, eq, filtered, from, upsert, write};
use crate::house::{House, SHOP, Shop};
use pando_engine_postgres::adopt;
use pando_model::plan::Comparison;
use pando_store::adopt::Wanted;
use pando_store::error::StoreError;
use pando_store::request::{Resolution, Returning, TableWrite, Verb};

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
    assert!(adopt::forget(&house.config()).await.unwrap().is_empty());
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
    // Several at once, computed and changed by the table itself; the answer is as it is stored.
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
    changes(shop).await;
    refusals(shop).await;
    what_postgresql_alone_keeps(shop).await;
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

fn product(title: &str) -> TableWrite {
    let body = format!(r#"[{{"sku":"x","title":"{title}","price":1}}]"#);
    write(Verb::Insert, "products", &body)
}

/// What Pando knows, in PostgreSQL's words.
async fn refusals(shop: &Shop<'_>) {
    let twice = shop
        .refused(
            write(
                Verb::Insert,
                "products",
                r#"[{"sku":"a-1","title":"z","price":1}]"#,
            ),
            "23505",
        )
        .await;
    assert_eq!(
        twice.message,
        "duplicate key value violates unique constraint \"products_pkey\""
    );
    shop.refused(
        write(
            Verb::Insert,
            "orders",
            r#"[{"customer_id":2,"status":"lost"}]"#,
        ),
        "23514",
    )
    .await;
    shop.refused(
        write(
            Verb::Insert,
            "products",
            r#"[{"sku":"y","title":"y","price":1,"stock":40000}]"#,
        ),
        "23514",
    )
    .await;
}

async fn what_postgresql_alone_keeps(shop: &Shop<'_>) {
    let refusal = shop
        .refused(
            write(Verb::Insert, "orders", r#"[{"customer_id":99}]"#),
            "23503",
        )
        .await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("Key (customer_id)=(99) is not present in table \"customers\".")
    );
    let refusal = shop.refused(product("APPLE"), "23505").await;
    assert_eq!(
        refusal.message,
        "duplicate key value violates unique constraint \"products_title\""
    );
    let refusal = shop.refused(product("forbidden"), "SH001").await;
    assert_eq!(
        (refusal.message.as_str(), refusal.details.as_deref()),
        ("no such title", Some("It is forbidden."))
    );
    shop.refused(product("passed over"), "27000").await;
    let passed_over = filtered(
        write(Verb::Update, "products", r#"{"title":"passed over"}"#),
        eq("sku", "a-1"),
    );
    shop.refused(passed_over, "27000").await;
    shop.refused(
        filtered(write(Verb::Delete, "products", ""), eq("sku", "a-1")),
        "23503",
    )
    .await;
    let booking = |id: u32| {
        write(
            Verb::Insert,
            "bookings",
            &format!(r#"[{{"id":{id},"room":7}}]"#),
        )
    };
    shop.write(booking(1)).await;
    let refusal = shop.refused(booking(2), "23P01").await;
    assert_eq!(
        refusal.message,
        "conflicting key value violates exclusion constraint \"one_room\""
    );
    let many: Vec<String> = (0..9)
        .map(|n| format!(r#"{{"id":{},"room":{}}}"#, n + 10, 1 + n % 7))
        .collect();
    shop.refused(
        write(Verb::Insert, "bookings", &format!("[{}]", many.join(","))),
        "23P01",
    )
    .await;
    // Nothing of them happened, and what comes next does.
    assert_eq!(shop.house.sql("SELECT count(*) FROM bookings").await, "1");
    shop.write(product("allowed")).await;
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
async fn rules_that_wait_for_the_end_are_refused_at_the_end() {
    let house = House::with(
        "CREATE TABLE staff (id bigint PRIMARY KEY, boss bigint NOT NULL,
            CONSTRAINT has_boss FOREIGN KEY (boss) REFERENCES staff DEFERRABLE INITIALLY DEFERRED)",
    )
    .await;
    let shop = house.adopt(&Wanted::default()).await;
    let hire = |rows: &str| write(Verb::Insert, "staff", rows);
    shop.write(hire(r#"[{"id":1,"boss":2},{"id":2,"boss":2}]"#))
        .await;
    let refusal = shop.refused(hire(r#"[{"id":3,"boss":9}]"#), "23503").await;
    assert!(refusal.message.contains("has_boss"), "{refusal:?}");
    shop.write(hire(r#"[{"id":3,"boss":1}]"#)).await;
    assert_eq!(house.sql("SELECT count(*) FROM staff").await, "3");
    let all = filtered(
        write(Verb::Delete, "staff", ""),
        compare("id", Comparison::Gt, "0"),
    );
    shop.write(all).await;
    assert_eq!(house.sql("SELECT count(*) FROM staff").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_meanwhile_is_not_lost() {
    let house = House::with(
        "CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL, theirs bigint NOT NULL);
         INSERT INTO t VALUES (1, 0, 0)",
    )
    .await;
    let shop = house.adopt(&Wanted::default()).await;
    let theirs = async {
        for _ in 0..3 {
            let counts = "DO $$ BEGIN FOR i IN 1..200 LOOP
                UPDATE t SET n = n + 1, theirs = theirs + 1; COMMIT;
                PERFORM pg_sleep(0.002); END LOOP; END $$";
            house.sql(counts).await;
        }
    };
    // A row is changed only if it is still what it was read as.
    let ours = async {
        let mut done = 0;
        for _ in 0..400 {
            let read = shop
                .try_read(&from("t").select(cols(&["n"])))
                .await
                .unwrap();
            let n = read.trim_matches(|c: char| !c.is_ascii_digit());
            let next = n.parse::<u64>().unwrap() + 1;
            let change = write(Verb::Update, "t", &format!(r#"{{"n":{next}}}"#));
            let changed = shop.write(filtered(change, eq("n", n))).await;
            done += u64::from(changed != "[]");
        }
        done
    };
    let ((), done) = tokio::join!(theirs, ours);
    assert!(done > 0);
    let expected = format!("{}|600", done + 600);
    assert_eq!(house.sql("SELECT n, theirs FROM t").await, expected);
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

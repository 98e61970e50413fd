//! Rules that are kept: by Pando, or by PostgreSQL alone, and beside other writers.

use crate::ask::{cols, compare, eq, filtered, from, write};
use crate::house::{House, Shop};
use pando_model::plan::Comparison;
use pando_store::adopt::Wanted;
use pando_store::request::{TableWrite, Verb};

fn product(title: &str) -> TableWrite {
    let body = format!(r#"[{{"sku":"x","title":"{title}","price":1}}]"#);
    write(Verb::Insert, "products", &body)
}

/// What Pando knows, in PostgreSQL's words.
pub async fn refusals(shop: &Shop<'_>) {
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

pub async fn what_postgresql_alone_keeps(shop: &Shop<'_>) {
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

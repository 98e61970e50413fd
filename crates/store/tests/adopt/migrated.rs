//! Migrations of adopted tables: in place, and refused where something would be lost.

use crate::ask::{cols, eq, from, write};
use crate::house::{House, SHOP, Shop};
use pando_store::adopt::Wanted;
use pando_store::request::Verb;

const CHANGES: &str = "
    ALTER TABLE customers ADD COLUMN points integer NOT NULL DEFAULT 7;
    ALTER TABLE customers ADD COLUMN seen timestamptz DEFAULT now();
    ALTER TABLE customers ALTER COLUMN vip DROP DEFAULT, ALTER COLUMN vip DROP NOT NULL;
    ALTER TABLE customers ADD CONSTRAINT named CHECK (length(name) < 50);
    ALTER TABLE customers RENAME CONSTRAINT customers_email_key TO one_email;
    ALTER TABLE customers RENAME COLUMN tags TO labels;
    CREATE INDEX customers_by_name ON customers (name);
    CREATE UNIQUE INDEX one_name ON customers (name) WITH (global = true);
";

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_table_is_changed_in_place() {
    let house = House::with(SHOP).await;
    let shop = house.adopt(&Wanted::default()).await;
    let oid = house.sql("SELECT 'customers'::regclass::oid").await;
    let mut files = vec![CHANGES];
    shop.migrate(&files).await.unwrap();
    assert_eq!(house.sql("SELECT 'customers'::regclass::oid").await, oid);
    house
        .sql("INSERT INTO customers (email, name) VALUES ('eve@example.org', 'Eve')")
        .await;
    shop.check(
        from("customers")
            .filter(eq("name", "Eve"))
            .select(cols(&["id", "points", "vip", "labels"])),
        r#"[{"id":3,"points":7,"vip":null,"labels":[]}]"#,
    )
    .await;
    let refusal = shop
        .refused(
            write(
                Verb::Insert,
                "customers",
                r#"[{"email":"eve@example.org","name":"E"}]"#,
            ),
            "23505",
        )
        .await;
    assert!(refusal.message.contains("one_email"), "{refusal:?}");
    shop.refused(
        write(
            Verb::Insert,
            "customers",
            r#"[{"email":"e@example.org","name":"Eve"}]"#,
        ),
        "23505",
    )
    .await;
    files.push(
        "DROP INDEX customers_by_name; DROP INDEX one_name;
         ALTER TABLE customers DROP CONSTRAINT one_email;
         ALTER TABLE customers DROP COLUMN points;
         ALTER TABLE customers RENAME TO people;
         CREATE TABLE visits (id bigint PRIMARY KEY, person bigint REFERENCES people NOT ENFORCED);",
    );
    shop.migrate(&files).await.unwrap();
    shop.write(write(
        Verb::Insert,
        "people",
        r#"[{"email":"eve@example.org","name":"Eve"}]"#,
    ))
    .await;
    shop.write(write(Verb::Insert, "visits", r#"[{"id":1,"person":2}]"#))
        .await;
    assert_eq!(
        house
            .sql("SELECT count(*) FROM people WHERE name = 'Eve'")
            .await,
        "2"
    );
    shop.is_sound().await;
    what_rows_break_is_refused(&shop, &mut files).await;
    files.push("DROP TABLE visits; DROP TABLE bookings;");
    shop.migrate(&files).await.unwrap();
    shop.is_sound().await;
}

/// Nothing of such a file happens.
async fn what_rows_break_is_refused(shop: &Shop<'_>, files: &mut Vec<&'static str>) {
    let house = shop.house;
    files.push("ALTER TABLE people ADD COLUMN a integer; CREATE UNIQUE INDEX again ON people (email) WITH (global = true);");
    let refused = shop.migrate(files).await.unwrap_err();
    assert!(refused.contains("eve@example.org"), "{refused}");
    assert_eq!(house.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attname = 'a'").await, "0");
    files.pop();
    files.push("ALTER TABLE people ADD CONSTRAINT short CHECK (length(name) < 3);");
    let refused = shop.migrate(files).await.unwrap_err();
    assert!(refused.contains("short"), "{refused}");
    files.pop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pando_does_not_know_is_not_lost_by_a_migration() {
    let house = House::with(SHOP).await;
    let shop = house.adopt(&Wanted::default()).await;
    for (sql, because) in [
        ("ALTER TABLE bookings DROP COLUMN cancelled;", "one_room"),
        ("ALTER TABLE products DROP COLUMN title;", "products_title"),
        (
            "ALTER TABLE products ADD COLUMN twice numeric GENERATED ALWAYS AS (price * 2) STORED;",
            "generated columns of adopted tables",
        ),
    ] {
        let refused = shop.migrate(&[sql]).await.unwrap_err();
        assert!(refused.contains(because), "{sql}: {refused}");
    }
    assert_eq!(
        house
            .sql("SELECT count(*) FROM pg_constraint WHERE conname = 'one_room'")
            .await,
        "1"
    );
    shop.is_sound().await;
}

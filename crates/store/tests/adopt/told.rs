//! What is said of a database, table by table.

use crate::ask::{cols, from, write};
use crate::house::{House, ODD, SHOP};
use pando_engine_postgres::adopt;
use pando_model::found::Finding;
use pando_store::adopt::{Judged, Verdict, Wanted};
use pando_store::request::Verb;
use std::fmt::Write;

/// The report of a database is that of a file; `PANDO_BLESS=1` writes it anew.
fn check(judged: &Judged, file: &str) {
    let mut text = String::new();
    let findings = |text: &mut String, findings: &[Finding]| {
        for finding in findings {
            let _ = writeln!(text, "  - {}", finding.what);
            if let Some(mend) = &finding.mend {
                let _ = writeln!(text, "      {mend}");
            }
        }
    };
    findings(&mut text, &judged.obstacles);
    for table in &judged.tables {
        let _ = writeln!(text, "{}: {:?}", table.name, table.verdict);
        findings(&mut text, &table.obstacles);
        findings(&mut text, &table.notes);
    }
    findings(&mut text, &judged.others);
    let path = format!("{}/tests/adopt/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("PANDO_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{file}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_judged_in_words_and_with_the_line_that_mends_it() {
    let shop = House::with(SHOP).await;
    check(&shop.judge(&Wanted::default()).await, "shop.txt");
    let wanted = Wanted {
        placed_by: [("order_lines".to_owned(), vec!["order_id".to_owned()])].into(),
        ..Wanted::default()
    };
    check(&shop.judge(&wanted).await, "shop_placed.txt");
    let odd = House::with(ODD).await;
    check(&odd.judge(&Wanted::default()).await, "odd.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mends_a_table_mends_it() {
    let house = House::with(ODD).await;
    for _ in 0..3 {
        let judged = house.judge(&Wanted::default()).await;
        for table in judged
            .tables
            .iter()
            .filter(|table| !table.obstacles.is_empty())
        {
            for mend in table.obstacles.iter().filter_map(|one| one.mend.as_deref()) {
                // What is left out is for people to choose.
                if !mend.contains('…') && mend.starts_with("ALTER") {
                    house.sql(mend).await;
                }
            }
        }
    }
    let judged = house.judge(&Wanted::default()).await;
    let left: Vec<_> = judged
        .tables
        .iter()
        .filter(|table| table.verdict == Verdict::DoesNotFit)
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(
        left,
        ["i_parent", "i_parent_child", "j_rules", "l_json_key"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_sort_by_bytes_is_told_how_to() {
    let house = House::with("SELECT 1").await;
    house.postgres.sql("DROP DATABASE shop").await.unwrap();
    house
        .postgres
        .sql("CREATE DATABASE shop TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        .await
        .unwrap();
    let judged = house.judge(&Wanted::default()).await;
    let [obstacle] = judged.obstacles.as_slice() else {
        panic!("{:?}", judged.obstacles);
    };
    assert!(obstacle.what.contains("LATIN1"), "{obstacle:?}");
    let mend = obstacle.mend.as_deref().unwrap();
    assert!(mend.contains("--locale C.UTF-8 shop_c"), "{mend}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_is_told_what_to_grant() {
    let mut house = House::with(
        "CREATE ROLE app LOGIN;
         CREATE TABLE secret (id bigserial PRIMARY KEY, a text);
         CREATE TABLE seen (id bigserial PRIMARY KEY);
         CREATE TABLE hidden (id bigint PRIMARY KEY);
         ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
         GRANT SELECT ON seen, hidden TO app;
         GRANT INSERT, UPDATE, DELETE ON hidden TO app",
    )
    .await;
    house.role = "app";
    let judged = house.judge(&Wanted::default()).await;
    let mends = |findings: &[Finding]| -> Vec<String> {
        let mends = findings.iter().filter_map(|finding| finding.mend.clone());
        mends.collect()
    };
    let mut all = mends(&judged.obstacles);
    for table in &judged.tables {
        all.extend(mends(&table.obstacles));
    }
    assert_eq!(
        all,
        [
            "GRANT CREATE ON SCHEMA \"public\" TO \"app\";",
            "ALTER ROLE \"app\" BYPASSRLS;",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON secret TO \"app\";",
            "GRANT INSERT, UPDATE, DELETE ON seen TO \"app\";",
        ]
    );
    for mend in all {
        house.sql(&mend).await;
    }
    let shop = house.adopt(&Wanted::default()).await;
    shop.write(write(Verb::Insert, "secret", r#"[{"a":"x"}]"#))
        .await;
    shop.check(from("secret").select(cols(&["a"])), r#"[{"a":"x"}]"#)
        .await;
    shop.check(from("hidden"), "[]").await;
    let refused = shop
        .migrate(&["ALTER TABLE secret ADD COLUMN b text;"])
        .await;
    assert!(refused.unwrap_err().contains("must be owner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_values_that_pando_lacks_are_counted() {
    let house = House::with(
        "CREATE TABLE t (id bigint PRIMARY KEY, a double precision, b numeric, c date,
            d timestamptz, e jsonb, f integer[], g real, h text);
         INSERT INTO t VALUES
            (1, 'NaN', 'Infinity', 'infinity', '-infinity', (repeat('[', 200) || repeat(']', 200))::jsonb, '{{1},{2}}', 'NaN', 'x'),
            (2, '-0', 1.50, '0044-03-15 BC', '294276-12-31', '{\"a\": 1}', '{1}', 1, 'y'),
            (3, 1, 2, '2020-01-01', '2020-01-01', '[]', '{}', 2, 'z')",
    )
    .await;
    let found = house.inspect().await;
    let findings = adopt::check_rows(&house.config(), &found.tables[0], |_| {})
        .await
        .unwrap();
    let told: Vec<_> = findings
        .iter()
        .map(|finding| finding.what.split(" of type").next().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "a: 1 of 3 rows hold a value",
            "b: 1 of 3 rows hold a value",
            "c: 2 of 3 rows hold a value",
            "d: 2 of 3 rows hold a value",
            "e: 1 of 3 rows hold a value",
            "f: 1 of 3 rows hold a value",
            "g: 1 of 3 rows hold a value",
        ]
    );
    for finding in findings
        .iter()
        .filter_map(|finding| finding.mend.as_deref())
    {
        let rows = house.sql(finding).await;
        assert!((1..=2).contains(&rows.lines().count()), "{finding}: {rows}");
    }
}

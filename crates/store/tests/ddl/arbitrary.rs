//! No text, however odd, makes the reader panic or run out of stack.

use super::{MOMENT, fixture};
use pando_model::schema::Schema;
use pando_store::ddl;
use proptest::prelude::*;

/// Words that lead deep into the grammar.
const WORDS: [&str; 72] = [
    "CREATE",
    "TABLE",
    "INDEX",
    "UNIQUE",
    "ALTER",
    "DROP",
    "ADD",
    "COLUMN",
    "CONSTRAINT",
    "RENAME",
    "TO",
    "SET",
    "DEFAULT",
    "NOT",
    "NULL",
    "PRIMARY",
    "KEY",
    "FOREIGN",
    "REFERENCES",
    "CHECK",
    "ENFORCED",
    "GENERATED",
    "ALWAYS",
    "AS",
    "IDENTITY",
    "STORED",
    "BY",
    "PARTITION",
    "HASH",
    "WITH",
    "ON",
    "DELETE",
    "CASCADE",
    "IF",
    "EXISTS",
    "INSERT",
    "INTO",
    "VALUES",
    "t",
    "a",
    "b",
    "\"T\"",
    "public",
    ".",
    "(",
    ")",
    ",",
    ";",
    "=",
    "<",
    ">",
    "::",
    "[",
    "]",
    "bigint",
    "text",
    "numeric",
    "jsonb",
    "timestamptz",
    "ARRAY",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "BETWEEN",
    "AND",
    "IN",
    "-",
    "1",
    "1.5e3",
    "'x'",
    "now()",
];

fn read(text: &str) {
    let _ = ddl::plan(&Schema::default(), text, MOMENT);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        read(&text);
    }

    #[test]
    fn no_sequence_of_words_panics(words in prop::collection::vec(0..WORDS.len(), 0..40)) {
        let words: Vec<&str> = words.iter().map(|word| WORDS[*word]).collect();
        read(&words.join(" "));
        read(&format!("CREATE TABLE t (a bigint PRIMARY KEY, b text {}", words.join(" ")));
        read(&format!("CREATE TABLE t (a bigint PRIMARY KEY CHECK ({}))", words.join(" ")));
        read(&format!(
            "CREATE TABLE t (a bigint PRIMARY KEY, b text); ALTER TABLE t {}",
            words.join(" ")
        ));
    }

    #[test]
    fn no_statement_with_a_piece_missing_or_doubled_panics(
        case in 0usize..10_000,
        at in 0.0f64..1.0,
        length in 0usize..30,
        doubled: bool,
    ) {
        let statements = statements();
        let text: Vec<char> = statements[case % statements.len()].chars().collect();
        let start = (at * text.len() as f64) as usize;
        let end = (start + length).min(text.len());
        let mut odd: String = text[..if doubled { end } else { start }].iter().collect();
        odd.extend(&text[if doubled { start } else { end }..]);
        read(&odd);
    }
}

fn statements() -> Vec<String> {
    let all = std::sync::Mutex::new(Vec::new());
    fixture::each("accepted.txt", |migrations| {
        all.lock().unwrap().push(migrations.join("\n"));
    });
    all.into_inner().unwrap()
}

#[test]
fn what_is_nested_without_end_is_refused() {
    let deep = [
        ("(", "1", ")"),
        ("NOT ", "true", ""),
        ("- ", "1", ""),
        ("CASE WHEN true THEN ", "1", " END"),
        ("lower(", "'x'", ")"),
        ("ARRAY[", "1", "]"),
        ("CAST(", "1", " AS bigint)"),
        ("", "1", " + 1"),
        ("", "true", " AND true"),
        ("", "1", "::bigint"),
        ("", "a", " IS NULL"),
        ("", "a", "[1]"),
        ("1 BETWEEN ", "1", " AND 1"),
        ("", "'x'", " || 'x'"),
        ("", "'x'", " COLLATE \"C\""),
    ];
    for (before, middle, after) in deep {
        for depth in [30, 100, 1_000, 50_000] {
            let expr = format!("{}{middle}{}", before.repeat(depth), after.repeat(depth));
            read(&format!(
                "CREATE TABLE t (a bigint PRIMARY KEY, CHECK ({expr}))"
            ));
            read(&format!(
                "CREATE TABLE t (a bigint PRIMARY KEY DEFAULT {expr})"
            ));
            read(&format!("INSERT INTO t VALUES ({expr})"));
        }
    }
    for nested in [
        "ARRAY<",
        "STRUCT<a ",
        "MAP(",
        "Nullable(",
        "Array(",
        "text[",
        "ROW(",
    ] {
        for depth in [30, 1_000, 50_000] {
            let ty = nested.repeat(depth);
            read(&format!(
                "CREATE TABLE t (a bigint PRIMARY KEY, b {ty}text)"
            ));
            read(&format!(
                "CREATE TABLE t (a bigint PRIMARY KEY, b text DEFAULT 1::{ty}text)"
            ));
        }
    }
    for repeated in [
        "(SELECT ",
        "WITH a AS (",
        "SELECT (",
        "INSERT INTO t (",
        "EXPLAIN ",
    ] {
        read(&repeated.repeat(10_000));
        read(&format!("CREATE TABLE t AS {}", repeated.repeat(10_000)));
    }
}

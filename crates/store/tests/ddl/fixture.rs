//! Fixture files: blocks of SQL, `----`, and the expected text, divided by
//! `====`; migrations within a block are divided by `~~~~`.

use std::fmt::Write as _;
use std::path::PathBuf;

/// Compares each block's text with what `describe` makes of its SQL; how many there are.
pub fn check(file: &str, describe: impl Fn(&[&str]) -> String) -> usize {
    let path = path(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut renewed = String::new();
    let mut wrong = String::new();
    let mut cases = 0;
    for block in text.split("====\n") {
        let (sql, expected) = block.split_once("----\n").unwrap_or((block, ""));
        let found = describe(&migrations(sql));
        if found.trim_end() != expected.trim_end() {
            writeln!(wrong, "{sql}expected:\n{expected}found:\n{found}").unwrap();
        }
        if cases > 0 {
            renewed.push_str("====\n");
        }
        write!(renewed, "{sql}----\n{found}").unwrap();
        cases += 1;
    }
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, renewed).unwrap();
    } else {
        assert!(wrong.is_empty(), "{file} differs:\n{wrong}");
    }
    cases
}

/// Shows each block's SQL to `look`.
pub fn each(file: &str, look: impl Fn(&[&str])) {
    let text = std::fs::read_to_string(path(file)).unwrap();
    for block in text.split("====\n") {
        let (sql, _) = block.split_once("----\n").unwrap_or((block, ""));
        look(&migrations(sql));
    }
}

fn migrations(sql: &str) -> Vec<&str> {
    sql.split("~~~~\n").collect()
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/ddl")
        .join(file)
}

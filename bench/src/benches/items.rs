//! The table that reads are measured on, in Pando and, by hand, in SQLite.

use crate::process;
use anyhow::Result;
use rusqlite::Connection;
use std::io::{BufWriter, Write};
use std::path::Path;

/// How many categories the rows fall into.
pub const CATEGORIES: u64 = 500;

const MIGRATION: &str = "\
CREATE TABLE items (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  price double precision NOT NULL,
  stock integer NOT NULL,
  category text NOT NULL
);
CREATE INDEX items_category_price ON items (category, price);
";

/// A data directory with `rows` items in it.
pub fn fill_pando(data_dir: &Path, rows: u64) -> Result<()> {
    let migrations = data_dir.join("migrations");
    std::fs::create_dir_all(&migrations)?;
    std::fs::write(migrations.join("0001_items.sql"), MIGRATION)?;
    let csv = data_dir.join("items.csv");
    let mut out = BufWriter::new(std::fs::File::create(&csv)?);
    writeln!(out, "id,name,price,stock,category")?;
    for id in 0..rows {
        let item = Item::of(id);
        writeln!(
            out,
            "{id},{},{},{},{}",
            item.name, item.price, item.stock, item.category
        )?;
    }
    out.into_inner()?.sync_all()?;
    process::pando(
        data_dir,
        &["migrate", "--dir", &migrations.to_string_lossy()],
    )?;
    process::pando(
        data_dir,
        &["import", "tables/items", &csv.to_string_lossy()],
    )?;
    Ok(std::fs::remove_file(csv)?)
}

/// The same rows in a table as a person would write it.
pub fn fill_sqlite(path: &Path, rows: u64) -> Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL;
         CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL NOT NULL,
                             stock INTEGER NOT NULL, category TEXT NOT NULL);
         CREATE INDEX items_category_price ON items (category, price, id);",
    )?;
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare("INSERT INTO items VALUES (?1,?2,?3,?4,?5)")?;
        for id in 0..rows {
            let item = Item::of(id);
            insert.execute((
                id as i64,
                &item.name,
                item.price,
                item.stock,
                &item.category,
            ))?;
        }
    }
    Ok(transaction.commit()?)
}

struct Item {
    name: String,
    price: f64,
    stock: i64,
    category: String,
}

impl Item {
    fn of(id: u64) -> Item {
        Item {
            name: format!("item number {id}"),
            price: (id * 7919 % 100_000) as f64 / 100.0,
            stock: (id % 1_000) as i64,
            category: category(id),
        }
    }
}

/// The category of row `n`, and of request `n`.
pub fn category(n: u64) -> String {
    format!("c{}", n % CATEGORIES)
}

/// Spreads request numbers over rows.
pub fn scatter(n: u64, rows: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % rows
}

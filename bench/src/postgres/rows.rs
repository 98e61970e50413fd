//! The rows of both sides.

use crate::raw::BODY;
use bytes::Bytes;
use std::fmt::Write;

/// Pando's tables, and by hand the same.
pub const TABLES: &str = "\
CREATE TABLE items (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  price double precision NOT NULL,
  stock bigint NOT NULL,
  category text NOT NULL
);
CREATE TABLE notes (
  id uuid PRIMARY KEY,
  author bigint NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL
);
";

/// Rows of one request of an import.
const CHUNK: u64 = 20_000;

/// A key that looks drawn at random.
pub fn scatter(n: u64, rows: u64) -> i64 {
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20).wrapping_rem(rows) as i64
}

/// Items as CSV with a header, in chunks.
pub fn items_csv(rows: u64) -> Vec<Bytes> {
    chunks(rows, "id,name,price,stock,category\n", |n, out| {
        let (price, stock, category) = (n % 10_000, n % 777, n % 500);
        let _ = writeln!(out, "{n},item {n},{price}.25,{stock},category-{category}");
    })
}

/// Notes, each with a key that there was never before.
pub fn notes_csv(rows: u64) -> Vec<Bytes> {
    chunks(rows, "id,author,body,created_at\n", |n, out| {
        let id = uuid::Uuid::now_v7();
        let _ = writeln!(out, "{id},{n},\"{BODY}\",2024-05-01T12:00:00Z");
    })
}

fn chunks(rows: u64, header: &str, line: impl Fn(u64, &mut String)) -> Vec<Bytes> {
    let first = (0..rows).step_by(CHUNK as usize);
    first
        .map(|from| {
            let mut out = header.to_owned();
            (from..rows.min(from + CHUNK)).for_each(|n| line(n, &mut out));
            Bytes::from(out)
        })
        .collect()
}

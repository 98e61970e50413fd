//! What reads of the models besides tables are measured on, in Pando and, by hand, in SQLite.

use crate::process;
use anyhow::Result;
use rusqlite::{Connection, Transaction};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Key-values and documents.
pub const MANY: u64 = 100_000;
/// Rows of the wide-column table, each in one of so many partitions, with so many cells.
pub const WIDE_ROWS: u64 = 20_000;
const PARTITIONS: u64 = 100;
const CELLS: u64 = 10;
/// Nodes, each with so many edges.
pub const NODES: u64 = 2_000;
const EDGES: u64 = 50;

/// The key of value `n`, and of document `n`.
pub fn key(n: u64) -> String {
    format!("key-{n:07}")
}

fn value(n: u64) -> String {
    format!("the value of key number {n}, some words long")
}

fn document(n: u64) -> String {
    format!(
        "{{\"name\": \"document number {n}\", \"price\": {}.25, \"tags\": [\"a\", \"b{}\"], \
         \"address\": {{\"city\": \"c{}\", \"zip\": \"{:05}\"}}}}",
        n % 997,
        n % 13,
        n % 500,
        n % 99_999,
    )
}

/// The partition and the row of wide row `n`.
pub fn place(n: u64) -> (String, String) {
    let (partition, row) = (n % PARTITIONS, n / PARTITIONS);
    (format!("p{partition:03}"), format!("r{row:06}"))
}

fn cell(n: u64, qualifier: u64) -> String {
    format!("{}.5", n * 31 + qualifier)
}

/// The other node and the time of edge `e` of node `n`.
fn edge(n: u64, e: u64) -> (u64, String) {
    let other = (n * 131 + e * 17 + 1) % NODES;
    (other, format!("2024-01-01T{:02}:{:02}:00Z", e / 60, e % 60))
}

/// The id of node `n`.
pub fn node(n: u64) -> String {
    format!("n{n:05}")
}

/// A data directory with all of it.
pub fn fill_pando(data_dir: &Path) -> Result<()> {
    let write = |name: &str, line: &dyn Fn(&mut dyn Write) -> std::io::Result<()>| {
        let path = data_dir.join(name);
        let mut out = BufWriter::new(std::fs::File::create(&path)?);
        line(&mut out)?;
        out.flush()?;
        anyhow::Ok(path.to_string_lossy().into_owned())
    };
    let values = write("values.ndjson", &|out| {
        (0..MANY)
            .try_for_each(|n| writeln!(out, "{{\"key\":\"{}\",\"text\":\"{}\"}}", key(n), value(n)))
    })?;
    process::pando(data_dir, &["import", "kv/bench", &values])?;
    let documents = write("documents.ndjson", &|out| {
        (0..MANY).try_for_each(|n| {
            let document = document(n);
            writeln!(out, "{{\"_id\":\"{}\",{}", key(n), &document[1..])
        })
    })?;
    process::pando(data_dir, &["import", "docs/bench", &documents])?;
    let rows = write("rows.ndjson", &|out| {
        (0..WIDE_ROWS).try_for_each(|n| {
            let (partition, row) = place(n);
            let cells: Vec<String> = (0..CELLS)
                .map(|q| format!("\"q{q}\":{}", cell(n, q)))
                .collect();
            let cells = cells.join(",");
            writeln!(
                out,
                "{{\"partition\":\"{partition}\",\"row\":\"{row}\",{cells}}}"
            )
        })
    })?;
    let columns: Vec<String> = (0..CELLS).map(|q| format!("obs:q{q}=q{q}")).collect();
    import_wide(data_dir, &rows, &columns)?;
    fill_graph(data_dir, "bench", NODES, EDGES, &edge)
}

/// Imports wide rows with these columns.
pub fn import_wide(data_dir: &Path, file: &str, columns: &[String]) -> Result<()> {
    let mut arguments = vec![
        "import",
        "wide/bench",
        file,
        "--partition",
        "partition",
        "--row",
        "row",
    ];
    for column in columns {
        arguments.extend(["--column", column]);
    }
    process::pando(data_dir, &arguments)
}

/// Imports a graph of `nodes` nodes with `edges` edges each: `edge(n, e)` leads there, then.
pub fn fill_graph(
    data_dir: &Path,
    graph: &str,
    nodes: u64,
    edges: u64,
    edge: &dyn Fn(u64, u64) -> (u64, String),
) -> Result<()> {
    let target = format!("graph/{graph}");
    let (node_file, edge_file) = (data_dir.join("nodes.csv"), data_dir.join("edges.csv"));
    let mut out = BufWriter::new(std::fs::File::create(&node_file)?);
    writeln!(out, "id")?;
    for n in 0..nodes {
        writeln!(out, "{}", node(n))?;
    }
    out.flush()?;
    let file = node_file.to_string_lossy();
    let arguments = ["import", &target, &file, "--key", "id", "--kind", "thing"];
    process::pando(data_dir, &arguments)?;
    let mut out = BufWriter::new(std::fs::File::create(&edge_file)?);
    writeln!(out, "from,to,at,weight")?;
    for n in 0..nodes {
        for e in 0..edges {
            let (other, at) = edge(n, e);
            writeln!(out, "{},{},{at},{e}", node(n), node(other))?;
        }
    }
    out.flush()?;
    let file = edge_file.to_string_lossy();
    let ends = ["--from", "from", "--to", "to", "--kind", "likes"];
    let arguments = [["import", &target, &file].as_slice(), &ends].concat();
    process::pando(data_dir, &arguments)
}

/// The same in tables as a person would write them.
pub fn fill_sqlite(path: &Path) -> Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL;
         CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB NOT NULL, content_type TEXT NOT NULL)
             WITHOUT ROWID;
         CREATE TABLE docs (id TEXT PRIMARY KEY, body TEXT NOT NULL);
         CREATE TABLE cells (partition TEXT, row TEXT, family TEXT, qualifier TEXT,
                             value TEXT NOT NULL, at INTEGER NOT NULL,
                             PRIMARY KEY (partition, row, family, qualifier)) WITHOUT ROWID;
         CREATE TABLE edges (src TEXT, kind TEXT, dst TEXT, at TEXT NOT NULL, body TEXT NOT NULL,
                             PRIMARY KEY (src, kind, dst)) WITHOUT ROWID;
         CREATE INDEX edges_by_time ON edges (src, kind, at DESC, dst);",
    )?;
    let transaction = connection.transaction()?;
    fill_tables(&transaction)?;
    Ok(transaction.commit()?)
}

fn fill_tables(transaction: &Transaction<'_>) -> Result<()> {
    let mut kv = transaction.prepare("INSERT INTO kv VALUES (?1,?2,'text/plain')")?;
    let mut docs = transaction.prepare("INSERT INTO docs VALUES (?1,?2)")?;
    for n in 0..MANY {
        kv.execute((key(n), value(n).into_bytes()))?;
        docs.execute((key(n), document(n)))?;
    }
    let mut cells = transaction.prepare("INSERT INTO cells VALUES (?1,?2,'obs',?3,?4,0)")?;
    for n in 0..WIDE_ROWS {
        let (partition, row) = place(n);
        for q in 0..CELLS {
            cells.execute((&partition, &row, format!("q{q}"), cell(n, q)))?;
        }
    }
    let mut edges = transaction.prepare("INSERT INTO edges VALUES (?1,'likes',?2,?3,?4)")?;
    for n in 0..NODES {
        for e in 0..EDGES {
            let (other, at) = edge(n, e);
            edges.execute((node(n), node(other), at, format!("{{\"weight\": {e}}}")))?;
        }
    }
    Ok(())
}

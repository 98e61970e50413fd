//! The graph in tables and statements as a person would write them: an edge once, with an
//! index for each direction, and a table of counts.

use super::LIST_LIMIT;
use super::workload::{Graph, Link, Op, at_us, link_body, node_body};
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub struct ByHand {
    connection: Connection,
}

pub fn fill(path: &Path, graph: &Graph) -> Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL;
         CREATE TABLE nodes (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
         CREATE TABLE links (id1 INTEGER, kind INTEGER, id2 INTEGER, at INTEGER NOT NULL,
                             body TEXT NOT NULL, PRIMARY KEY (id1, kind, id2)) WITHOUT ROWID;
         CREATE TABLE counts (id INTEGER, kind INTEGER, n INTEGER NOT NULL,
                              PRIMARY KEY (id, kind)) WITHOUT ROWID;",
    )?;
    let transaction = connection.transaction()?;
    {
        let mut nodes = transaction.prepare("INSERT INTO nodes VALUES (?1,'user',?2)")?;
        let mut links = transaction.prepare("INSERT INTO links VALUES (?1,?2,?3,?4,?5)")?;
        for n in 0..graph.nodes() {
            nodes.execute((n, node_body(n as u64)))?;
            for link in graph.links(n) {
                links.execute((
                    link.from,
                    link.kind,
                    link.to,
                    at_us(&link),
                    link_body(link.to as u64),
                ))?;
            }
        }
    }
    transaction.execute_batch(
        "CREATE INDEX links_out ON links (id1, kind, at DESC, id2);
         CREATE INDEX links_in ON links (id2, kind, at DESC, id1);
         INSERT INTO counts SELECT id1, kind, count(*) FROM links GROUP BY id1, kind;",
    )?;
    Ok(transaction.commit()?)
}

impl ByHand {
    pub fn open(path: &Path) -> Result<ByHand> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(60))?;
        // As much cache as each of Pando's readers has.
        connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA cache_size=-4096;")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(ByHand { connection })
    }

    pub fn carry_out(&mut self, op: Op) -> Result<()> {
        match op {
            Op::CountLinks(id, kind) => {
                self.connection
                    .prepare_cached("SELECT n FROM counts WHERE id = ?1 AND kind = ?2")?
                    .query_row((id, kind), |row| row.get::<_, i64>(0))
                    .optional()?;
            }
            Op::GetLinks(links) => {
                let mut select = self.connection.prepare_cached(
                    "SELECT at, body FROM links WHERE id1 = ?1 AND kind = ?2 AND id2 = ?3",
                )?;
                for link in links {
                    select
                        .query_row((link.from, link.kind, link.to), |row| {
                            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
                        })
                        .optional()?;
                }
            }
            Op::ListLinks(id, kind) => {
                self.connection
                    .prepare_cached(
                        "SELECT id2, at, body FROM links WHERE id1 = ?1 AND kind = ?2
                         ORDER BY at DESC, id2 LIMIT ?3",
                    )?
                    .query_map((id, kind, LIST_LIMIT), |row| {
                        Ok((
                            row.get::<_, i64>(0)?,
                            row.get::<_, i64>(1)?,
                            row.get::<_, String>(2)?,
                        ))
                    })?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
            }
            Op::GetNode(id) => {
                self.connection
                    .prepare_cached("SELECT kind, body FROM nodes WHERE id = ?1")?
                    .query_row([id], |row| {
                        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                    })
                    .optional()?;
            }
            write => {
                let transaction = self
                    .connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)?;
                apply(&transaction, write)?;
                transaction.commit()?;
            }
        }
        Ok(())
    }
}

fn apply(transaction: &Transaction<'_>, op: Op) -> rusqlite::Result<()> {
    match op {
        Op::AddLink(link, body) | Op::UpdateLink(link, body) => put(transaction, &link, &body),
        Op::DeleteLink(link) => {
            let gone = transaction
                .prepare_cached("DELETE FROM links WHERE id1 = ?1 AND kind = ?2 AND id2 = ?3")?
                .execute((link.from, link.kind, link.to))?;
            if gone > 0 {
                transaction
                    .prepare_cached("UPDATE counts SET n = n - 1 WHERE id = ?1 AND kind = ?2")?
                    .execute((link.from, link.kind))?;
            }
            Ok(())
        }
        Op::AddNode(id, body) | Op::UpdateNode(id, body) => transaction
            .prepare_cached(
                "INSERT INTO nodes VALUES (?1,'user',?2)
                 ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            )?
            .execute((id, body))
            .map(drop),
        Op::DeleteNode(id) => delete_node(transaction, id),
        _ => Ok(()),
    }
}

fn put(transaction: &Transaction<'_>, link: &Link, body: &str) -> rusqlite::Result<()> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64);
    let name = (link.from, link.kind, link.to);
    let changed = transaction
        .prepare_cached(
            "UPDATE links SET at = ?4, body = ?5 WHERE id1 = ?1 AND kind = ?2 AND id2 = ?3",
        )?
        .execute((name.0, name.1, name.2, now, body))?;
    if changed > 0 {
        return Ok(());
    }
    // An edge leads from a node that is there to one that is.
    let both = transaction
        .prepare_cached("SELECT count(*) FROM nodes WHERE id IN (?1, ?2)")?
        .query_row((link.from, link.to), |row| row.get::<_, i64>(0))?;
    if both < 2 && link.from != link.to {
        return Ok(());
    }
    transaction
        .prepare_cached("INSERT INTO links VALUES (?1,?2,?3,?4,?5)")?
        .execute((name.0, name.1, name.2, now, body))?;
    transaction
        .prepare_cached(
            "INSERT INTO counts VALUES (?1,?2,1) ON CONFLICT (id, kind) DO UPDATE SET n = n + 1",
        )?
        .execute((link.from, link.kind))
        .map(drop)
}

fn delete_node(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    let statements = [
        "UPDATE counts SET n = n - 1 WHERE EXISTS (SELECT 1 FROM links WHERE id2 = ?1
             AND id1 = counts.id AND kind = counts.kind)
             AND id IN (SELECT id1 FROM links WHERE id2 = ?1)",
        "DELETE FROM links WHERE id1 = ?1",
        "DELETE FROM links WHERE id2 = ?1",
        "DELETE FROM counts WHERE id = ?1",
        "DELETE FROM nodes WHERE id = ?1",
    ];
    for statement in statements {
        transaction.prepare_cached(statement)?.execute([id])?;
    }
    Ok(())
}

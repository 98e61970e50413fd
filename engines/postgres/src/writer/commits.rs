//! The commits: each is a row, numbered one by one, that holds the position it has come to and the
//! mark of who made it. Rows are inserted and deleted, and never updated; what is looked for is
//! the newest, at the end of the index, or one by its number. So nothing that died is walked over,
//! whatever snapshot is held.

use super::Mark;
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::session::{Call, Session};
use pando_model::error::EngineError;

/// So many commits are kept for those who have to ask what became of one. They ask for 30 s, and a
/// disk that syncs 4,000 times a second commits 120,000 times in these. A row takes 77 bytes, and
/// 23 in the index.
const KEPT: i64 = 1 << 17;
/// They go by so many at once. As all are numbered, and each has its turn once, nothing is looked
/// for that has gone already.
const AT_ONCE: i64 = 256;

/// Writes a commit down, which is the next, and takes those away that nobody asks for any more.
pub(super) fn push(calls: &mut Vec<Call<'_>>, mark: &Mark, position: u64) {
    if mark.commit % AT_ONCE == 0 {
        let below = mark.commit - KEPT;
        calls.push(Call {
            sql: "DELETE FROM _pando_commit WHERE n >= $1 AND n < $2".to_owned(),
            params: vec![Param::int(below - AT_ONCE), Param::int(below)],
        });
    }
    calls.push(Call {
        sql: "INSERT INTO _pando_commit (n, p, writer, number) VALUES ($1, $2, $3, $4)".to_owned(),
        params: vec![
            Param::int(mark.commit),
            Param::int(position as i64),
            Param::bytes(&mark.writer),
            Param::int(mark.number),
        ],
    });
}

/// Whether the transaction with a mark was committed, where so many commits are known and no more
/// can be.
pub(super) fn has(session: &Session, mark: &Mark, commits: i64) -> Step<bool> {
    if commits < mark.commit {
        return Ok(false);
    }
    let mut found = None;
    session.select_while(
        "SELECT writer, number FROM _pando_commit WHERE n = $1",
        &[Param::int(mark.commit)],
        |row| {
            let (writer, number): (&[u8], i64) = (row.try_get(0)?, row.try_get(1)?);
            found = Some(writer == mark.writer && number == mark.number);
            Ok(false)
        },
    )?;
    found.ok_or_else(|| {
        let why = "so many have come since that it is not known any more";
        Fault::Engine(EngineError::internal("look for a commit", why))
    })
}

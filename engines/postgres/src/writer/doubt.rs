//! COMMITs that nobody has answered for: the mark that each transaction leaves tells, on whichever
//! server goes on, whether it happened.

use super::Mark;
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::session::Session;
use crate::shard::{BEGIN_WRITE, LOCK, Locked};

/// A process that was not heard of for so long has nothing in doubt any more.
const FORGOTTEN_AFTER: &str = "1 day";

/// Whether the transaction with a mark was committed. The lock waits for what the lost connection
/// may still be doing; the commit of the answer itself, that all before it is where it has to be.
pub(crate) fn was_committed(session: &Session, mark: &Mark) -> Step<bool> {
    let done = look(session, mark);
    if done.is_err() {
        session.rollback();
    }
    done
}

fn look(session: &Session, mark: &Mark) -> Step<bool> {
    let locked = Locked::of(session.begin(BEGIN_WRITE, LOCK)?.as_ref())?;
    locked.write_reign(session)?;
    let writer = Param::bytes(&mark.writer);
    let number = session.first_int("SELECT number FROM _pando_writer WHERE id = $1", &[writer])?;
    let happened = number.is_some_and(|number| number >= mark.number);
    session.take_warning();
    session.execute(
        "INSERT INTO _pando_writer (id, number, seen_at) VALUES ($1, $2, now()) \
         ON CONFLICT (id) DO UPDATE SET seen_at = now()",
        &[
            Param::bytes(&mark.writer),
            Param::int(number.unwrap_or(mark.number - 1)),
        ],
    )?;
    session.end("COMMIT")?;
    match session.take_warning() {
        None => Ok(happened),
        Some(warning) => Err(Fault::Lost(warning)),
    }
}

/// Forgets writers that are gone.
pub(crate) fn sweep(session: &Session) -> Step<u64> {
    session.execute(
        &format!("DELETE FROM _pando_writer WHERE seen_at < now() - interval '{FORGOTTEN_AFTER}'"),
        &[],
    )
}

//! Taking office: a server that was promoted, or restored, begins a timeline of its own before
//! it takes writes, so that what the last primary had beyond it is known to be lost.

use crate::fault::{Fault, Step};
use crate::session::Session;
use crate::shard::{Locked, REIGN, ShardRow};

/// Makes the server that a session is connected to the one whose history goes on. It waits for
/// whoever writes, and for the standby that has to hold what is written down.
pub(crate) fn begin(session: &Session) -> Step<ShardRow> {
    let done = carry_out(session);
    if done.is_err() {
        session.rollback();
    }
    done
}

fn carry_out(session: &Session) -> Step<ShardRow> {
    // Mostly it reigns already, and nobody has to be waited for.
    let mut known = None;
    session.select_while(REIGN, &[], |row| {
        known = Some(Locked::of(Some(row))?);
        Ok(false)
    })?;
    if let Some(known) = known
        && known.new_reign.is_none()
    {
        return Ok(known.shard);
    }
    let locked = Locked::begin(session)?;
    if locked.new_reign.is_none() {
        session.end("ROLLBACK")?;
        return Ok(locked.shard);
    }
    session.take_warning();
    locked.write_reign(session)?;
    session.end("COMMIT")?;
    match session.take_warning() {
        None => Ok(locked.shard),
        Some(warning) => Err(Fault::Lost(warning)),
    }
}

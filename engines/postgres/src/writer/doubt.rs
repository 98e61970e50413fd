//! COMMITs that nobody has answered for: the mark that each transaction leaves tells, on whichever
//! server goes on, whether it happened.

use super::{Mark, commits};
use crate::fault::{Fault, Step};
use crate::session::Session;
use crate::shard::Locked;

/// No transaction has this number: whoever looks leaves it.
const LOOKED: i64 = 0;

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
    let locked = Locked::begin(session)?;
    locked.write_reign(session)?;
    let happened = commits::has(session, mark, locked.commits)?;
    let look = Mark {
        number: LOOKED,
        commit: locked.commits + 1,
        ..*mark
    };
    let mut calls = Vec::new();
    commits::push(&mut calls, &look, locked.shard.at.p);
    session.take_warning();
    session.commit_with(&calls)??;
    match session.take_warning() {
        None => Ok(happened),
        Some(warning) => Err(Fault::Lost(warning)),
    }
}

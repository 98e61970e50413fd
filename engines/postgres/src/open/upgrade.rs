//! Bringing a store that an older Pando has made to the layout of this one.

use super::{FIRST_COMMITS, OPENING_LOCK, layout_of};
use crate::fault::Step;
use crate::layout::LAYOUT_VERSION;
use crate::session::Session;

/// The oldest layout that is understood.
pub(super) const OLDEST: i64 = 1;

/// Nobody reads or writes meanwhile; a long read is waited for briefly, as everybody who comes waits
/// behind it. Processes of the older Pando find their columns gone, and write no more.
const ALONE: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '5s'; \
    LOCK TABLE _pando_shard IN ACCESS EXCLUSIVE MODE";

/// From layout 1: the position was in the shard's row, as was the feed's floor; slots were counted
/// in their fences, and each writer had a row.
const FROM_1: &str = "
    CREATE TABLE _pando_count (
        slot integer NOT NULL, seq bigint NOT NULL, PRIMARY KEY (slot, seq));
    CREATE TABLE _pando_commit (
        n bigint PRIMARY KEY, p bigint NOT NULL, writer bytea NOT NULL, number bigint NOT NULL);
    CREATE TABLE _pando_feed_floor (
        p bigint NOT NULL, ordinal bigint NOT NULL, PRIMARY KEY (p, ordinal));
    INSERT INTO _pando_count SELECT slot, seq FROM _pando_fence;
    INSERT INTO _pando_feed_floor SELECT feed_floor_p, feed_floor_ordinal FROM _pando_shard;
    ALTER TABLE _pando_follower DROP CONSTRAINT _pando_follower_pkey,
        ADD PRIMARY KEY (name, p, ordinal);
    ALTER TABLE _pando_fence DROP COLUMN seq;
    DROP TABLE _pando_writer;";

/// What is left of it, once the first commits are there.
const FROM_1_ENDS: &str = "
    ALTER TABLE _pando_shard DROP COLUMN position, DROP COLUMN feed_floor_p,
        DROP COLUMN feed_floor_ordinal;
    UPDATE _pando_shard SET layout = 2";

/// Upgrades the store, in the transaction that is open.
pub(super) fn upgrade(session: &Session) -> Step<()> {
    session.batch(&format!(
        "SELECT pg_advisory_xact_lock({OPENING_LOCK}); {ALONE}"
    ))?;
    if layout_of(session)? != OLDEST {
        // Somebody else was first.
        return Ok(());
    }
    tracing::info!("the store is brought from layout {OLDEST} to {LAYOUT_VERSION}");
    let commits = format!(
        "INSERT INTO _pando_commit SELECT n, position, '', 0 FROM _pando_shard, {FIRST_COMMITS}"
    );
    session.batch(&format!("{FROM_1} {commits}; {FROM_1_ENDS}"))
}

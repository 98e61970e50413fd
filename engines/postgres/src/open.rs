//! Opening a database: making the internal tables of a new one, and refusing what is not ours, or
//! could not keep what Pando promises.

mod upgrade;

use crate::fault::{Fault, Step, corrupt};
use crate::layout::{INTERNAL_TABLES, LAYOUT_VERSION};
use crate::session::Session;
use crate::shard::{READ, ShardRow};
use pando_model::error::EngineError;
use pando_model::slot::{Epoch, HASH_SLOTS, Slot};

/// Two processes that open one database do so in turn (`Pand`).
const OPENING_LOCK: i64 = 0x5061_6e64;
/// The numbers of commits that are there from the first. Of fewer PostgreSQL would think that to
/// read them all is cheaper than to go by the index, also when there are many more.
const FIRST_COMMITS: &str = "generate_series(-63, 0) AS n";
/// Gives a row where the database holds a store.
pub(crate) const IS_STORE: &str = "SELECT 1 FROM pg_class WHERE relname = '_pando_shard' \
                        AND relnamespace = current_schema()::regnamespace";
/// The same where it is of this version's layout.
pub(crate) const IS_UP_TO_DATE: &str = "SELECT 1 FROM pg_class WHERE relname = '_pando_commit' \
                        AND relnamespace = current_schema()::regnamespace";
/// Gives a row on a server that copies another one.
const IS_IN_RECOVERY: &str = "SELECT 1 WHERE pg_is_in_recovery()";
/// `server_version_num` of the oldest PostgreSQL that is understood.
pub(crate) const VERSION_MIN: i64 = 150_000;
/// Collations that sort by bytes.
pub(crate) const BY_BYTES: [&str; 4] = ["C", "POSIX", "C.UTF-8", "C.utf8"];

/// What a database says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) version: String,
    /// Whether a commit is on stable storage when it is answered.
    pub(crate) synced: bool,
    /// The number of its cluster and its own.
    pub(crate) system: i64,
    pub(crate) shard: ShardRow,
}

/// What a server holds that may be opened.
pub(crate) enum Holds {
    /// A store, and it takes writes.
    Store(Box<Facts>),
    /// A store that an older Pando has made, which [`open`] brings up to date.
    Older,
    /// A copy of a store.
    Copy,
    /// Nothing of Pando's, and it takes writes.
    Nothing,
    /// Nothing of Pando's, and it is a replica: of a server that is to have the store, perhaps.
    EmptyCopy,
}

/// Looks what a server holds; nothing is made there.
pub(crate) fn look(session: &Session) -> Step<Holds> {
    let is_store = session.exists(IS_STORE, &[])?;
    if session.exists(IS_IN_RECOVERY, &[])? {
        return Ok(match is_store {
            true => Holds::Copy,
            false => Holds::EmptyCopy,
        });
    }
    check_server(session)?;
    if is_store && layout_of(session)? == upgrade::OLDEST {
        return Ok(Holds::Older);
    }
    match is_store {
        true => Ok(Holds::Store(Box::new(open_with(session, check)?))),
        false => Ok(Holds::Nothing),
    }
}

/// Opens the database: makes the internal tables where there are none, and brings those up to date
/// that an older Pando has made.
pub(crate) fn open(session: &Session) -> Step<Facts> {
    check_server(session)?;
    open_with(session, make_or_check)
}

fn open_with(session: &Session, how: fn(&Session) -> Step<()>) -> Step<Facts> {
    session.batch("BEGIN")?;
    let opened = how(session);
    match opened {
        Ok(()) => session.batch("COMMIT")?,
        Err(fault) => {
            session.batch("ROLLBACK")?;
            return Err(fault);
        }
    }
    let (mut version, mut synced, mut system) = (String::new(), false, 0);
    session.select_all(
        "SELECT current_setting('server_version'), current_setting('fsync')::boolean \
         AND current_setting('synchronous_commit') <> 'off', system_identifier # oid::bigint \
         FROM pg_control_system(), pg_database WHERE datname = current_database()",
        &[],
        |row| {
            (version, synced, system) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(())
        },
    )?;
    if !synced {
        tracing::warn!("fsync or synchronous_commit is off: a crash can lose what was answered");
    }
    Ok(Facts {
        version,
        synced,
        system,
        shard: read_shard(session)?,
    })
}

/// The shard's row.
pub(crate) fn read_shard(session: &Session) -> Step<ShardRow> {
    let mut shard = None;
    session.select_while(READ, &[], |row| {
        shard = Some(ShardRow::of(Some(row))?);
        Ok(false)
    })?;
    shard.map_or_else(|| ShardRow::of(None), Ok)
}

/// Why a database is not fit for a store, and what would be.
#[derive(Clone, Debug)]
pub(crate) struct Unfit {
    pub(crate) why: String,
    pub(crate) mend: String,
}

/// Refuses a server that would mean something else by the same words.
pub(crate) fn check_server(session: &Session) -> Step<()> {
    if session.exists(IS_IN_RECOVERY, &[])? {
        return Err(Fault::Lost("the database takes no writes".to_owned()));
    }
    match find_unfit(session)? {
        Some(Unfit { why, mend }) => {
            let why = format!("{why}; {mend}");
            Err(EngineError::internal("use the database", why).into())
        }
        None => Ok(()),
    }
}

/// What a server would mean something else by.
pub(crate) fn find_unfit(session: &Session) -> Step<Option<Unfit>> {
    let made = || {
        "make it with CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc \
         LOCALE 'C.UTF-8'"
            .to_owned()
    };
    let mut unfit = None;
    session.select_all(
        "SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding'), \
         CASE datlocprovider WHEN 'i' THEN 'ICU' ELSE datcollate END, datctype \
         FROM pg_database WHERE datname = current_database()",
        &[],
        |row| {
            let (version, encoding): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            let (collate, ctype): (String, String) = (row.try_get(2)?, row.try_get(3)?);
            let found = |why: String, mend: String| Some(Unfit { why, mend });
            unfit = if version < VERSION_MIN {
                let why = format!("PostgreSQL 15 or later is needed, this is {version}");
                found(why, "upgrade it".to_owned())
            } else if encoding != "UTF8" {
                found(
                    format!("the database is in {encoding}, not in UTF8"),
                    made(),
                )
            } else if !BY_BYTES.contains(&collate.as_str())
                || !ctype.contains("UTF") && !ctype.contains("utf")
            {
                // jsonb compares its texts by the database's collation, and full-text search
                // finds words by its character types.
                let why =
                    format!("the database sorts by {collate} with character types of {ctype}");
                found(why, made())
            } else {
                None
            };
            Ok(())
        },
    )?;
    Ok(unfit)
}

fn make_or_check(session: &Session) -> Step<()> {
    session.batch(&format!("SELECT pg_advisory_xact_lock({OPENING_LOCK})"))?;
    match session.exists(IS_STORE, &[])? {
        true if layout_of(session)? == upgrade::OLDEST => upgrade::upgrade(session),
        true => check(session),
        false => make(session),
    }
}

/// Refuses a store that another version has made, and this one does not read.
fn check(session: &Session) -> Step<()> {
    let layout = layout_of(session)?;
    if layout == i64::from(LAYOUT_VERSION) {
        return Ok(());
    }
    Err(corrupt(format!(
        "the database has layout {layout}, this version of Pando reads layout {LAYOUT_VERSION}"
    ))
    .into())
}

fn layout_of(session: &Session) -> Step<i64> {
    let layout = session.first_int("SELECT layout::bigint FROM _pando_shard", &[])?;
    Ok(layout.unwrap_or(0))
}

fn make(session: &Session) -> Step<()> {
    session.batch(INTERNAL_TABLES)?;
    session.batch(&format!(
        "INSERT INTO _pando_shard SELECT 1, {LAYOUT_VERSION}, 1, 0, '[]', FALSE, \
         ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer, \
         system_identifier # oid::bigint FROM pg_control_system(), pg_database \
         WHERE datname = current_database(); \
         INSERT INTO _pando_fence SELECT slot, {epoch}, 0, 0 \
         FROM (SELECT generate_series(0, {last}) AS slot UNION SELECT {catalog} \
         UNION SELECT {reference}) AS slots; \
         INSERT INTO _pando_count SELECT slot, 0 FROM _pando_fence; \
         INSERT INTO _pando_commit SELECT n, 0, '', 0 FROM {FIRST_COMMITS}; \
         INSERT INTO _pando_feed_floor VALUES (0, 0)",
        epoch = Epoch::FIRST.number(),
        last = HASH_SLOTS - 1,
        catalog = Slot::CATALOG.number(),
        reference = Slot::REFERENCE.number(),
    ))
}

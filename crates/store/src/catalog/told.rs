//! What processes over one catalog tell each other through it: that there is something new, and
//! who does what one of them has to do.

use super::{Catalog, equals, put, tables, text};
use crate::error::StoreError;
use crate::session::Result;
use crate::store::Store;
use pando_model::plan::{Change, Row};
use pando_model::stamp::Position;
use pando_model::value::Value;
use std::time::Duration;

/// The setting that has another value after each change that others must know of.
const NEWS: &str = "news";
/// The setting that says who does the upkeep, and until when.
const UPKEEP: &str = "upkeep";
/// The same of who applies the journal.
const JOURNAL: &str = "journal";
/// Who hands over what brokers get, and until when.
const OUTBOX: &str = "outbox";
/// Who takes in what listeners hear of, and until when.
const INTAKE: &str = "intake";

/// The setting that tells this store from every other one.
const IDENTITY: &str = "store";

impl Catalog {
    /// A name that no other store has; made when it is first asked for.
    pub(crate) async fn identity(&self) -> Result<String> {
        if let Some(known) = self.fetch_setting(IDENTITY).await? {
            return Ok(known);
        }
        let ours = vec![text(IDENTITY), text(random_name()?)];
        let wanted = equals(tables::setting::NAME, text(IDENTITY));
        let made = self.decide(&tables::SETTING, wanted, move |rows| {
            rows.is_empty()
                .then(|| vec![put(&tables::SETTING, ours.clone())])
        });
        made.await?;
        let known = self.fetch_setting(IDENTITY).await?;
        known.ok_or_else(|| StoreError::Catalog("the store has no name of its own".to_owned()))
    }

    /// Carries out changes that other processes must know of: they look for the news.
    pub(crate) async fn write_news(&self, mut changes: Vec<Change>) -> Result<Position> {
        changes.push(news()?);
        self.write(changes).await
    }

    /// What the news are known by; nothing before there were any.
    pub(crate) async fn fetch_news(&self) -> Result<String> {
        Ok(self.fetch_setting(NEWS).await?.unwrap_or_default())
    }

    pub(crate) async fn fetch_setting(&self, name: &str) -> Result<Option<String>> {
        let wanted = equals(tables::setting::NAME, text(name));
        let rows = self.fetch(&tables::SETTING, wanted).await?;
        Ok(rows.first().and_then(value_of).map(str::to_owned))
    }
}

/// The change that tells others that there is something new.
pub(crate) fn news() -> Result<Change> {
    Ok(put(
        &tables::SETTING,
        vec![text(NEWS), text(random_name()?)],
    ))
}

impl Store {
    /// Takes over what other processes have changed: schema, keys, secrets, declarations of
    /// documents. One small read while there is nothing new. Call it several times a second
    /// where the engine is shared.
    pub async fn take_news(&self) -> Result<()> {
        let news = self.catalog().fetch_news().await?;
        if *self.news().load_full() != news {
            self.keyring().reload(self.catalog()).await?;
            self.sealer().reload(self.catalog()).await?;
            self.collections().reload(self.catalog()).await?;
            self.reload_cache_settings().await?;
            self.news().store(news.into());
        }
        // Reading them has told which version is in force.
        if self.catalog().version() > self.schema().version {
            self.reload_schema().await?;
        }
        Ok(())
    }

    /// A name that no other store has, for what several stores share.
    pub async fn identity(&self) -> Result<String> {
        self.catalog().identity().await
    }

    /// Whether this process is the one that does what one has to do, for about so long. Two may
    /// do so whose clocks are apart: what is done has to bear that.
    pub async fn keeps_up(&self, term: Duration) -> Result<bool> {
        self.holds(UPKEEP, term).await
    }

    /// The same, of who [applies the journal](Store::tend_journal).
    pub async fn keeps_journal(&self, term: Duration) -> Result<bool> {
        self.holds(JOURNAL, term).await
    }

    /// The same, of who [hands over](Store::queue_relay_all) what brokers get.
    pub async fn keeps_outbox(&self, term: Duration) -> Result<bool> {
        self.holds(OUTBOX, term).await
    }

    /// The same, of who [takes in](crate::listening::Intake) what listeners hear of.
    pub async fn keeps_intake(&self, term: Duration) -> Result<bool> {
        self.holds(INTAKE, term).await
    }

    async fn holds(&self, duty: &str, term: Duration) -> Result<bool> {
        if !self.engine().is_shared() {
            return Ok(true);
        }
        let term_us = i64::try_from(term.as_micros()).unwrap_or(i64::MAX / 4);
        let now_us = self.clock().now_us();
        let known = self.catalog().fetch_setting(duty).await?;
        if let Some((holder, until_us)) = known.as_deref().and_then(read_term) {
            let left_us = until_us.saturating_sub(now_us);
            let is_ours = holder == self.name();
            if is_ours && left_us > term_us / 2 {
                return Ok(true);
            }
            // A clock that is far ahead holds nobody off.
            if !is_ours && left_us > 0 && left_us <= term_us.saturating_mul(2) {
                return Ok(false);
            }
        }
        let until_us = now_us.saturating_add(term_us);
        let ours = vec![text(duty), text(format!("{} {until_us}", self.name()))];
        let wanted = equals(tables::setting::NAME, text(duty));
        let taken = self
            .catalog()
            .decide(&tables::SETTING, wanted, move |rows| {
                let found = rows.first().and_then(value_of);
                (found == known.as_deref()).then(|| vec![put(&tables::SETTING, ours.clone())])
            });
        taken.await
    }
}

/// A name that no other process has.
pub(crate) fn random_name() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Catalog(format!("cannot make a name: {error}")))?;
    Ok(u128::from_ne_bytes(bytes).to_string())
}

fn read_term(value: &str) -> Option<(&str, i64)> {
    let (holder, until_us) = value.split_once(' ')?;
    Some((holder, until_us.parse().ok()?))
}

pub(super) fn value_of(row: &Row) -> Option<&str> {
    match row.as_slice() {
        [_, Value::Text(value)] => Some(value),
        _ => None,
    }
}

//! Dead letters of queues that are or were on a broker: some may lie there, and some in the store.

use super::broker_words::message;
use super::look::{Peek, QueuePage, group_of, limit_of};
use super::{Brokered, DeadLetter, Redriven};
use crate::refused;
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::broker::MESSAGES_MAX;

/// What leads a cursor behind the store's dead letters: so many of the broker's were told.
const THERE: &str = "there ";

impl Store {
    /// A page of a group's dead letters, wherever they lie: those of the store first, then those of the
    /// broker, of which the first [`MESSAGES_MAX`] can be looked at.
    pub async fn queue_dead_anywhere(
        &self,
        queue: &str,
        page: &QueuePage,
    ) -> Result<Peek<DeadLetter>> {
        let limit = usize::try_from(limit_of(page)).unwrap_or(usize::MAX);
        let cursor = page.cursor.as_deref();
        let cursor = cursor.map(|cursor| self.open_list_cursor("dead", queue, cursor));
        let told = cursor.transpose()?;
        let told = told.as_deref().and_then(|place| place.strip_prefix(THERE));
        let Some(told) = told else {
            let here = self.queue_dead(queue, page)?;
            let (here, _) = self.answer(&here, &Session::default()).await?;
            return match here.cursor {
                Some(_) => Ok(here),
                None => self.dead_there(queue, page, here.messages, 0).await,
            };
        };
        let told = told.parse();
        let told = told.map_err(|_| refused::malformed("the cursor is broken"))?;
        let none = Vec::with_capacity(limit);
        self.dead_there(queue, page, none, told).await
    }

    /// Adds the broker's to a page that has room, behind those that were told.
    async fn dead_there(
        &self,
        queue: &str,
        page: &QueuePage,
        mut letters: Vec<DeadLetter>,
        told: usize,
    ) -> Result<Peek<DeadLetter>> {
        let limit = usize::try_from(limit_of(page)).unwrap_or(usize::MAX);
        let Some(brokered) = self.brokered_of(queue).await? else {
            return Ok(Peek {
                messages: letters,
                cursor: None,
            });
        };
        let end = told.saturating_add(limit.saturating_sub(letters.len()));
        let most = end.saturating_add(1).min(MESSAGES_MAX);
        let found = brokered.broker().dead(queue, &group_of(page)?, most).await;
        let found = found.map_err(|error| brokered.told(queue, error))?;
        let seal = self.list_cursors("dead", queue);
        let cursor = (found.len() > end).then(|| seal(&format!("{THERE}{end}")));
        let each = found.into_iter().take(end).skip(told);
        letters.extend(each.map(|dead| DeadLetter {
            message: message(dead.message),
            attempts: dead.attempts,
            error: dead.error,
            died_at_us: dead.died_at_us,
        }));
        Ok(Peek {
            messages: letters,
            cursor,
        })
    }

    /// Gives dead letters of a group another chance wherever they lie, as many as one write of the store
    /// and one call of the broker take.
    pub async fn queue_redrive_anywhere(
        &self,
        queue: &str,
        group: Option<&str>,
    ) -> Result<Redriven> {
        let here = self.queue_redrive(queue, group, None)?;
        let kept = here.map(|done| {
            let mut bytes = done.redriven.to_le_bytes().to_vec();
            bytes.push(u8::from(done.more));
            Ok(bytes)
        });
        let done = self.carry_out(&kept, None, &Session::default()).await?;
        let redriven = done.answer.first_chunk().copied().unwrap_or_default();
        let mut all = Redriven {
            redriven: u64::from_le_bytes(redriven),
            more: done.answer.last() == Some(&1),
        };
        if let Some(brokered) = self.brokered_of(queue).await? {
            let there = redrive_there(brokered, queue, group).await?;
            all.redriven += there;
            all.more |= there > 0;
            // What has come back is looked for at once.
            brokered.unsettle(queue);
        }
        Ok(all)
    }
}

async fn redrive_there(brokered: &Brokered, queue: &str, group: Option<&str>) -> Result<u64> {
    let group = group.unwrap_or(super::DEFAULT_GROUP);
    let redriven = brokered.broker().redrive(queue, group, MESSAGES_MAX).await;
    redriven.map_err(|error| brokered.told(queue, error))
}

//! The journal: what was committed goes from the feed into the queues of those who hear of it.
//!
//! How far the feed is taken in is written down in the transaction that publishes what was found
//! there, and only if nobody else has written it since. So each change is published once, however
//! often a process is killed and however many do this at a time; and a change that was not published
//! is still in the feed, as its follower acknowledges only what is written down.

use super::item::committed_of;
use super::records::Records;
use crate::catalog::{put, tables, text};
use crate::error::StoreError;
use crate::operation::Operation;
use crate::queue::NewMessage;
use crate::relation::{equals, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::{Engine, FeedCursor, FeedEvent, Step};
use pando_model::error::Refusal;
use pando_model::stamp::Position;
use pando_model::value::Value;
use pando_queue::listeners::{Change, Committed, Pattern, queue_of};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Under which name the feed is followed, and the setting that says how far it is taken in.
const NAME: &str = "listeners";
/// Events taken in at once: what is published of them is one write.
const PAGE_EVENTS: usize = 256;
/// How often it is said what is not needed any more; in between at most so many events gather.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_secs(5);
const ACKNOWLEDGE_EVENTS: usize = 10_000;
/// What a write is refused with when somebody else has written down how far he is.
const OVERTAKEN: &str = "PDLSN";
/// Bytes of an ordering key, and of a subject; what is longer goes by its digest, or is left out.
const KEY_BYTES_MAX: usize = 255;
/// Bytes of a message besides what it tells of an item.
const ROOM_BYTES: usize = 4 << 10;

/// Who hears of what was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Its name; its queue is [`queue_of`] it.
    pub name: String,
    /// Of what it hears.
    pub on: Vec<Pattern>,
    /// Whether it is told what an item is.
    pub records: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// Changes that somebody hears of, each counted for each of them.
    pub published: u64,
    /// Whether there may be more at once.
    pub more: bool,
    /// Whether something was committed that the feed does not hold any more.
    pub gap: bool,
}

/// Takes the feed in for all listeners of a deployment. Of several processes one does; two do no
/// harm.
pub struct Intake {
    store: Arc<Store>,
    subscribers: Vec<Subscriber>,
    standing: Option<Standing>,
    /// Events that are taken in at once now.
    page_events: usize,
}

/// How far it is.
struct Standing {
    cursor: FeedCursor,
    /// What is written down, as it was read or written last.
    written: Option<String>,
    acknowledged: Instant,
    unacknowledged: usize,
    /// Up to here there was nothing left.
    seen: Option<Position>,
}

impl Store {
    /// Ends the journal unless another process takes it in: `false` where one does, or did within
    /// `term`. Not for a process whose configuration has listeners after commits.
    pub async fn listeners_end(&self, term: Duration) -> Result<bool> {
        if !self.keeps_intake(term).await? {
            return Ok(false);
        }
        self.listeners_forget().await?;
        Ok(true)
    }

    /// Ends the journal: nobody hears of commits any more, and nothing is recorded for it.
    pub async fn listeners_forget(&self) -> Result<()> {
        Ok(self.engine().unfollow(NAME).await?)
    }
}

impl Intake {
    /// For these, who have at least one pattern each.
    pub fn new(store: Arc<Store>, subscribers: Vec<Subscriber>) -> Intake {
        Intake {
            store,
            subscribers,
            standing: None,
            page_events: PAGE_EVENTS,
        }
    }

    /// Follows the feed from now on, unless it is followed already: what is committed from here on
    /// is not missed.
    pub async fn begin(&mut self) -> Result<()> {
        let followed = self.store.engine().follow(NAME).await?;
        let names = self.subscribers.iter().map(|one| one.name.as_str());
        self.store.listeners_note(names).await?;
        let written = self.store.fetch_listeners_cursor().await?;
        let known = written.as_deref().and_then(read_cursor);
        self.standing = Some(Standing {
            cursor: known.map_or(followed, |known| known.max(followed)),
            written,
            acknowledged: Instant::now(),
            unacknowledged: 0,
            seen: None,
        });
        Ok(())
    }

    /// Another process may go on: what it writes down has to be read before this one does again.
    pub fn pause(&mut self) {
        self.standing = None;
    }

    /// Takes in what there is, a page at most.
    pub async fn take_in(&mut self) -> Result<TakenIn> {
        if self.standing.is_none() {
            self.begin().await?;
        }
        let Some(standing) = &mut self.standing else {
            return Ok(TakenIn::default());
        };
        let engine = Arc::clone(self.store.engine());
        // Everything up to here is in the page that is read next.
        let low = engine.progress().low;
        if !engine.is_shared() && standing.seen == Some(low) {
            return Ok(TakenIn::default());
        }
        let asked = self.page_events;
        let page = engine.fetch_feed(standing.cursor, asked).await?;
        if page.gap && page.events.is_empty() {
            // It is not followed, or it was another history: it has to be registered again.
            self.standing = None;
            return Ok(TakenIn {
                gap: true,
                ..TakenIn::default()
            });
        }
        let count = page.events.len();
        let published = match self.publish(page.events, page.next).await {
            Ok(Some(published)) => published,
            Ok(None) => {
                self.page_events = asked.div_ceil(2);
                return Ok(TakenIn {
                    more: true,
                    ..TakenIn::default()
                });
            }
            Err(StoreError::Refused(refusal)) if refusal.code == OVERTAKEN => {
                self.standing = None;
                return Ok(TakenIn::default());
            }
            Err(error) => return Err(error),
        };
        let Some(standing) = &mut self.standing else {
            return Ok(TakenIn::default());
        };
        standing.cursor = page.next;
        standing.unacknowledged += count;
        self.page_events = (asked * 2).min(PAGE_EVENTS);
        let more = count >= asked;
        if !more {
            standing.seen = Some(low);
        }
        standing.acknowledge(&*engine).await;
        Ok(TakenIn {
            published,
            more,
            gap: page.gap,
        })
    }

    /// Publishes what somebody hears of, and writes down how far that is, in one transaction; `None`
    /// where it is too much for one.
    async fn publish(&mut self, events: Vec<FeedEvent>, next: FeedCursor) -> Result<Option<u64>> {
        let store = Arc::clone(&self.store);
        let heard = self.heard(&events);
        if heard.is_empty() {
            return Ok(Some(0));
        }
        let wanted = heard
            .iter()
            .filter(|heard| self.wants_record(&heard.committed));
        let records = Records::fetch(&store, wanted.map(|heard| heard.event)).await?;
        let records = match records {
            Some(records) => records,
            None if events.len() > 1 => return Ok(None),
            // One alone is too large: it is told without.
            None => Records::default(),
        };
        let mut published = 0;
        let mut all = Vec::new();
        for subscriber in &self.subscribers {
            let queue = queue_of(&subscriber.name);
            let bytes_max = store.queue_rules(&queue).message_bytes_max;
            let own = heard
                .iter()
                .filter(|heard| subscriber.hears(&heard.committed.change));
            let messages: Vec<NewMessage> = own
                .map(|heard| {
                    let record = || records.of(heard.event);
                    let record = subscriber.records.then(record).flatten();
                    message_of(&heard.committed, record, bytes_max)
                })
                .collect();
            if !messages.is_empty() {
                published += messages.len() as u64;
                all.push(store.queue_publish(&queue, messages).await?);
            }
        }
        let Some(standing) = &mut self.standing else {
            return Ok(Some(0));
        };
        let fresh = text_of(next);
        let first = written_down(standing.written.clone(), &fresh);
        let whole = Operation::all(all, |_| {}).behind(first);
        let whole = whole.map(|_| Ok(Vec::new()));
        store.carry_out(&whole, None, &Session::default()).await?;
        standing.written = Some(fresh);
        Ok(Some(published))
    }

    /// The events that somebody hears of.
    fn heard<'a>(&self, events: &'a [FeedEvent]) -> Vec<Heard<'a>> {
        let schema = self.store.schema();
        let each = events.iter().filter_map(|event| {
            let committed = committed_of(&schema, event)?;
            let mut own = self.subscribers.iter();
            let is_heard = own.any(|one| one.hears(&committed.change));
            is_heard.then_some(Heard { event, committed })
        });
        each.collect()
    }

    fn wants_record(&self, committed: &Committed) -> bool {
        let mut own = self.subscribers.iter();
        own.any(|one| one.records && one.hears(&committed.change))
    }
}

/// An event that somebody hears of.
struct Heard<'a> {
    event: &'a FeedEvent,
    committed: Committed,
}

impl Subscriber {
    fn hears(&self, change: &Change) -> bool {
        let mut on = self.on.iter();
        on.any(|pattern| pattern.matches(&change.collection, change.kind))
    }
}

impl Standing {
    /// Says what is not needed any more. A store that cannot be told is told later.
    async fn acknowledge(&mut self, engine: &dyn Engine) {
        let is_due = self.acknowledged.elapsed() >= ACKNOWLEDGE_EVERY;
        if self.unacknowledged == 0 || !is_due && self.unacknowledged < ACKNOWLEDGE_EVENTS {
            return;
        }
        self.acknowledged = Instant::now();
        match engine.acknowledge_feed(NAME, self.cursor).await {
            Ok(()) => self.unacknowledged = 0,
            Err(error) => {
                tracing::debug!(%error, "could not say which changes listeners do not need");
            }
        }
    }
}

/// Goes on only if what is written down is what it is taken for; then writes down what is new.
fn written_down(known: Option<String>, fresh: &str) -> Vec<Step> {
    let fresh = vec![text(NAME), text(fresh)];
    let decide = Step::decide(move |outcomes| {
        let found = outcomes.first().map_or(&[][..], rows_of).first();
        let found = match found.map(Vec::as_slice) {
            Some([Value::Text(found)]) => Some(found.as_str()),
            _ => None,
        };
        if found != known.as_deref() {
            return Err(Refusal::new(OVERTAKEN, "another process has taken this in"));
        }
        Ok(vec![Step::from(put(&tables::SETTING, fresh.clone()))])
    });
    vec![read_written(), decide]
}

fn read_written() -> Step {
    let own = equals(tables::setting::NAME, text(NAME));
    Step::read(tree(select(
        &tables::SETTING,
        &[tables::setting::VALUE],
        own,
    )))
}

impl Store {
    async fn fetch_listeners_cursor(&self) -> Result<Option<String>> {
        self.catalog().fetch_setting(NAME).await
    }
}

/// `timeline-p-ordinal`.
fn text_of(cursor: FeedCursor) -> String {
    let Position { timeline, p } = cursor.at;
    format!("{timeline}-{p}-{}", cursor.ordinal)
}

fn read_cursor(text: &str) -> Option<FeedCursor> {
    let mut parts = text.splitn(3, '-');
    let timeline = parts.next()?.parse().ok()?;
    let p = parts.next()?.parse().ok()?;
    Some(FeedCursor {
        at: Position { timeline, p },
        ordinal: parts.next()?.parse().ok()?,
    })
}

/// What is published: JSON, and the attributes that make an event of CloudEvents of it.
fn message_of(committed: &Committed, record: Option<String>, bytes_max: usize) -> NewMessage {
    let mut told = committed.clone();
    let room = bytes_max.saturating_sub(ROOM_BYTES);
    told.change.record = record.filter(|record| record.len() + told.change.key.len() <= room);
    if told.change.key.len() > room {
        told.change.key = "null".to_owned();
    }
    let change = &committed.change;
    let (surface, name) = change.collection.split_once('/').unwrap_or_default();
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    let mut attributes = json!({
        "specversion": "1.0",
        "id": committed.id(),
        "source": format!("/{surface}/v1/{name}"),
        "type": format!("pando.change.{}", change.kind.name()),
    });
    if change.key.len() <= KEY_BYTES_MAX {
        attributes["subject"] = change.key.as_str().into();
    }
    NewMessage {
        body: told.json().into(),
        content_type: "application/json".to_owned(),
        attributes: Some(attributes.to_string()),
        ordering_key: Some(ordering_key(change)),
        ..NewMessage::default()
    }
}

/// What is one item to all who tell of it.
fn ordering_key(change: &Change) -> String {
    let key = format!("{} {}", change.collection, change.key);
    match key.len() <= KEY_BYTES_MAX {
        true => key,
        false => blake3::hash(key.as_bytes()).to_hex().to_string(),
    }
}

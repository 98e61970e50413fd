//! What happened to a queue, as those who used it saw it, and whether that may be.
//!
//! | claim | contradicted by |
//! |---|---|
//! | nothing is lost | a message that was published for sure and never came, or was not acknowledged in the end |
//! | nothing that was acknowledged comes again | a delivery that was asked for after it |
//! | a lease is one consumer's | a delivery while another's lasts, or an acknowledgement that is refused while it lasts |
//! | the messages of a key come one at a time, in order | a delivery before an earlier one of the key was acknowledged, or behind a later one |
//! | nothing is made up, or done that was refused | a delivery of what nobody published |
//!
//! Messages are told apart by their bodies, so that one which is stored twice is seen as one that
//! comes again; those of a key are published one after the other. One history is that of one
//! group of consumers.
//!
//! Many may use the queue at once: what is asked for is told before, what was answered afterwards;
//! what was not, may have been done or not. Times are microseconds since 1970, of one clock.

mod fate;
#[cfg(test)]
mod tests;

use fate::{Fate, Lasting, Published};
use std::collections::{BTreeMap, BTreeSet};

/// A moment among the events of a history: what was told before it was known then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// A message in a consumer's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its body.
    pub body: String,
    /// What tells its lease from others.
    pub lease: String,
}

/// How a message came to a consumer.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// When it was asked for.
    pub asked: Moment,
    /// At the latest it was leased then.
    pub at_us: i64,
    /// It is the consumer's until then at least.
    pub until_us: i64,
}

/// What was done, so that it is seen whether anything was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Messages that were published for sure.
    pub published: u64,
    /// Messages that were refused.
    pub refused: u64,
    /// Messages of which nobody knows.
    pub unknown: u64,
    /// Messages that were acknowledged for sure.
    pub acked: u64,
    /// Messages whose acknowledgement nobody answered, and which did not come again.
    pub acks_unknown: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Deliveries after the first, of all messages.
    pub again: u64,
}

#[derive(Clone, Debug, Default)]
struct OfKey {
    /// In the order of their publishes.
    bodies: Vec<String>,
    /// The places of those that are neither acknowledged nor refused.
    unsettled: BTreeSet<usize>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct QueueHistory {
    messages: BTreeMap<String, Fate>,
    keys: BTreeMap<String, OfKey>,
    events: u64,
    /// How many messages have to come still.
    open: usize,
    wrong: Vec<String>,
}

impl QueueHistory {
    /// Something is going to be asked for.
    pub fn moment(&self) -> Moment {
        Moment(self.events)
    }

    /// A message is being published; whether it is, is not known yet.
    pub fn publishing(&mut self, body: &str, key: Option<&str>) {
        let mut place = 0;
        if let Some(key) = key {
            let of_key = self.keys.entry(key.to_owned()).or_default();
            place = of_key.bodies.len();
            of_key.bodies.push(body.to_owned());
            of_key.unsettled.insert(place);
        }
        let fate = Fate {
            key: key.map(str::to_owned),
            place,
            published: Published::Perhaps,
            acks_open: 0,
            acked: None,
            is_dead: false,
            has_died: false,
            lease: None,
            came: None,
            deliveries: 0,
        };
        self.messages.insert(body.to_owned(), fate);
    }

    /// It was answered, or is known otherwise: it is published.
    pub fn published(&mut self, body: &str) {
        self.change(body, |fate, _| fate.published = Published::Yes);
    }

    /// It was refused, or is known otherwise: it is not published.
    pub fn refused(&mut self, body: &str) {
        let has_come = self.messages.get(body).is_some_and(|f| f.came.is_some());
        if has_come {
            self.wrong.push(format!("{body} came and was refused"));
        }
        self.change(body, |fate, _| fate.published = Published::No);
    }

    /// It was handed to a consumer.
    pub fn delivered(&mut self, held: &Held, delivery: Delivery) {
        let body = &held.body;
        let Some(fate) = self.messages.get(body).cloned() else {
            self.wrong.push(format!("{body} was published by nobody"));
            return;
        };
        let is_before = |known: Option<Moment>| known.is_some_and(|known| known < delivery.asked);
        if fate.published == Published::No {
            self.wrong.push(format!("{body} was refused and came"));
        }
        if is_before(fate.acked) {
            self.wrong
                .push(format!("{body} was acknowledged and came again"));
        }
        let other = fate.lease.as_ref();
        // Answers may come in another order than leases were given: it is wrong whichever was first.
        if other
            .is_some_and(|other| delivery.at_us < other.until_us && other.at_us < delivery.until_us)
        {
            self.wrong
                .push(format!("{body} came while it was another's"));
        }
        if let Some(earlier) = self.earlier_of_key(&fate) {
            self.wrong
                .push(format!("{body} came before {earlier} was acknowledged"));
        }
        let later = self.later_of_key(&fate);
        if let Some(later) = later.filter(|later| is_before(self.messages[later].came)) {
            self.wrong.push(format!("{body} came behind {later}"));
        }
        let lasting = Lasting {
            lease: held.lease.clone(),
            at_us: delivery.at_us,
            until_us: delivery.until_us,
        };
        self.change(body, |fate, now| {
            fate.published = Published::Yes;
            fate.is_dead = false;
            fate.deliveries += 1;
            fate.came.get_or_insert(now);
            let last = fate.lease.as_ref().map_or(i64::MIN, |last| last.until_us);
            if lasting.until_us >= last {
                fate.lease = Some(lasting);
            }
        });
    }

    /// Its consumer is going to acknowledge it.
    pub fn acking(&mut self, held: &Held) {
        self.change(&held.body, |fate, _| fate.acks_open += 1);
    }

    /// An acknowledgement of some was answered, at `at_us` at the latest: so many of them held.
    pub fn ack_answered(&mut self, some: &[Held], acked: u64, at_us: i64) {
        let mut own: BTreeMap<&str, u32> = BTreeMap::new();
        for held in some {
            *own.entry(&held.body).or_default() += 1;
        }
        let is_sure = |held: &&Held| {
            let fate = self.messages.get(&held.body);
            let has_others = fate.is_some_and(|fate| fate.acks_open > own[held.body.as_str()]);
            !has_others && self.is_lasting(held, at_us)
        };
        let (sure, others): (Vec<&Held>, Vec<&Held>) = some.iter().partition(is_sure);
        if acked < sure.len() as u64 {
            let bodies: Vec<_> = sure.iter().map(|held| held.body.as_str()).collect();
            let bodies = bodies.join(", ");
            self.wrong.push(format!(
                "a lease was gone too early, of {bodies}: {acked} held"
            ));
        }
        // Of the others it is known where none or all of them held.
        let rest = acked.saturating_sub(sure.len() as u64);
        let is_known = rest == 0 || rest == others.len() as u64;
        for held in sure {
            self.change(&held.body, Fate::is_acked);
        }
        for held in others {
            self.change(&held.body, |fate, now| match rest {
                0 => fate.acks_open -= 1,
                _ if is_known => fate.is_acked(now),
                _ => {}
            });
        }
    }

    /// An acknowledgement was not carried out.
    pub fn ack_refused(&mut self, held: &Held) {
        self.change(&held.body, |fate, _| fate.acks_open -= 1);
    }

    /// Its consumer was told that the lease is gone, at `at_us` at the latest.
    pub fn gone(&mut self, held: &Held, at_us: i64) {
        let fate = self.messages.get(&held.body);
        let unsure = fate.is_some_and(|fate| fate.acks_open > 0);
        if !unsure && self.is_lasting(held, at_us) {
            self.wrong
                .push(format!("the lease of {} was gone too early", held.body));
        }
    }

    /// Its consumer is going to give it back: it may come at once.
    pub fn giving_back(&mut self, held: &Held) {
        self.on_lease(held, |fate| fate.lease = None);
    }

    /// Its consumer is going to keep it until `until_us`, which may be sooner than before.
    pub fn extending(&mut self, held: &Held, until_us: i64) {
        self.on_lease(held, |fate| {
            if let Some(lasting) = &mut fate.lease {
                lasting.until_us = lasting.until_us.min(until_us);
            }
        });
    }

    /// Its consumer keeps it until `until_us` at least.
    pub fn extended(&mut self, held: &Held, until_us: i64) {
        self.on_lease(held, |fate| {
            if let Some(lasting) = &mut fate.lease {
                lasting.until_us = until_us;
            }
        });
    }

    /// Its attempts are used up.
    pub fn died(&mut self, body: &str) {
        self.change(body, |fate, _| {
            fate.is_dead = true;
            fate.has_died = true;
            fate.lease = None;
        });
    }

    /// What was done until now.
    pub fn counts(&self) -> QueueCounts {
        let mut counts = QueueCounts::default();
        for fate in self.messages.values() {
            match fate.published {
                Published::Yes => counts.published += 1,
                Published::No => counts.refused += 1,
                Published::Perhaps => counts.unknown += 1,
            }
            counts.acked += u64::from(fate.acked.is_some());
            counts.acks_unknown += u64::from(fate.acked.is_none() && fate.acks_open > 0);
            counts.deliveries += fate.deliveries;
            counts.again += fate.deliveries.saturating_sub(1);
        }
        counts
    }

    /// Messages that have to come still.
    pub fn open(&self) -> Vec<&str> {
        let open = self.messages.iter().filter(|(_, fate)| fate.is_open());
        open.map(|(body, _)| body.as_str()).collect()
    }

    /// How many there are of [`QueueHistory::open`].
    pub fn open_count(&self) -> usize {
        self.open
    }

    /// What contradicts the claims so far.
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// What contradicts the claims, after the queue was worked on until nothing came any more.
    pub fn drained(&self) -> Vec<String> {
        let open = self.open().into_iter();
        let lost = open.map(|body| format!("{body} was lost"));
        self.wrong.iter().cloned().chain(lost).collect()
    }

    /// An earlier message of the same key that is there for sure and not acknowledged.
    fn earlier_of_key(&self, fate: &Fate) -> Option<String> {
        let of_key = self.keys.get(fate.key.as_ref()?)?;
        let earlier = of_key.unsettled.range(..fate.place);
        let mut earlier = earlier.map(|place| &of_key.bodies[*place]);
        earlier
            .find(|other| self.messages[*other].is_open())
            .cloned()
    }

    /// The next message of the same key that came already.
    fn later_of_key(&self, fate: &Fate) -> Option<String> {
        if fate.has_died {
            return None;
        }
        let bodies = &self.keys.get(fate.key.as_ref()?)?.bodies;
        let mut later = bodies[fate.place + 1..].iter();
        later
            .find(|other| self.messages[*other].came.is_some())
            .cloned()
    }

    /// Whether a lease is the message's own and has not ended by a time.
    fn is_lasting(&self, held: &Held, at_us: i64) -> bool {
        let lasting = self.messages.get(&held.body).and_then(|f| f.lease.as_ref());
        lasting.is_some_and(|lasting| lasting.lease == held.lease && at_us < lasting.until_us)
    }

    fn on_lease(&mut self, held: &Held, change: impl FnOnce(&mut Fate)) {
        self.change(&held.body, |fate, _| {
            let own = fate.lease.as_ref();
            if own.is_some_and(|lasting| lasting.lease == held.lease) {
                change(fate);
            }
        });
    }

    fn change(&mut self, body: &str, change: impl FnOnce(&mut Fate, Moment)) {
        let now = Moment(self.events);
        self.events += 1;
        match self.messages.get_mut(body) {
            Some(fate) => {
                self.open -= usize::from(fate.is_open());
                change(fate, now);
                self.open += usize::from(fate.is_open());
                let of_key = fate.key.as_ref().and_then(|key| self.keys.get_mut(key));
                if let Some(of_key) = of_key.filter(|_| fate.is_settled()) {
                    of_key.unsettled.remove(&fate.place);
                }
            }
            None => self.wrong.push(format!("{body} was published by nobody")),
        }
    }
}

//! One subscriber of a topic.

use super::cursor::{Cursor, Point};
use super::hub::{Hub, Topic};
use super::message::{Form, Message, gap, opening};
use crate::ring::Next;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What a subscriber is told.
#[derive(Debug)]
pub enum Told {
    /// Somebody has published this.
    Message(Arc<Message>),
    /// Something may have been published that this subscriber does not get.
    Gap {
        /// How many messages, where that is known.
        missed: Option<u64>,
    },
}

/// A subscriber of a topic, until it is dropped.
pub struct Subscription {
    hub: Arc<Hub>,
    topic: Arc<Topic>,
    /// The index of the message that comes next.
    next: u64,
    has_missed: bool,
    /// How far the process had got when it came.
    place: u64,
}

impl Subscription {
    pub(super) fn new(
        hub: Arc<Hub>,
        topic: Arc<Topic>,
        next: u64,
        has_missed: bool,
        place: u64,
    ) -> Subscription {
        Subscription {
            hub,
            topic,
            next,
            has_missed,
            place,
        }
    }

    /// Where it began: whoever comes back with this gets what was told since. Nothing is told for
    /// one that comes back itself, and has still to get what it has missed.
    pub fn opening(&self) -> Cursor {
        let (origin, place) = (self.hub.origin, self.place);
        Cursor(Point::Place { origin, place })
    }

    /// The same as [`Form::Frame`], for a form that has no place of its own for it.
    pub fn opening_frame(&self) -> Bytes {
        opening(&self.topic.name, self.opening())
    }

    /// What comes next, once it is there; `None` when topics are closed. What was not waited for
    /// is not lost: it comes the next time.
    pub async fn next(&mut self) -> Option<Told> {
        if let Some(next) = self.take() {
            return Some(next);
        }
        let topic = Arc::clone(&self.topic);
        loop {
            // Made before it is looked, so that nothing is told in between.
            let told = topic.told.notified();
            if let Some(next) = self.take() {
                return Some(next);
            }
            if self.hub.is_closed() {
                return None;
            }
            told.await;
        }
    }

    /// What is there already.
    pub fn take(&mut self) -> Option<Told> {
        if std::mem::take(&mut self.has_missed) {
            self.hub.counters.gaps.fetch_add(1, Relaxed);
            return Some(Told::Gap { missed: None });
        }
        let next = self.topic.held.lock().ring.next(self.next);
        match next {
            Next::Entry(message) => {
                self.next += 1;
                self.hub.counters.delivered.fetch_add(1, Relaxed);
                Some(Told::Message(message))
            }
            Next::Gap { missed, on } => {
                self.next = on;
                self.hub.counters.gaps.fetch_add(1, Relaxed);
                Some(Told::Gap { missed })
            }
            Next::Nothing => None,
        }
    }

    /// What a subscriber of this topic is sent.
    pub fn form(&self, told: &Told, form: Form) -> Bytes {
        match told {
            Told::Message(message) => message.form(form),
            Told::Gap { missed } => {
                let id = format!("{}.{}", self.opening(), self.next);
                gap(form, &self.topic.name, *missed, &id)
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(&self.topic);
    }
}

//! What is done with a message.

use crate::source::{Message, Place};
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What is done with a message. A call is dropped when its time is up, and whatever it has begun
/// has to end then. The same message may come again, at any time and more than once: after an
/// attempt that failed, was cut off, or whose acknowledgement was lost.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Works on a message.
    async fn handle(&self, job: &Job) -> Verdict;

    /// What it is, for people: a URL, a command.
    fn describe(&self) -> String;
}

/// One attempt of a message.
#[derive(Clone, Debug)]
pub struct Job {
    /// The worker's name.
    pub worker: Arc<str>,
    /// Where the message is from.
    pub place: Arc<Place>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The message.
    pub message: Message,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message is done.
    Done,
    /// It is to be tried again, if it has attempts left.
    Failed {
        /// What went wrong: kept with the dead letter that it may become.
        error: Failure,
        /// After which time, where that is known better than by the queue's backoff.
        delay: Option<Duration>,
    },
    /// It will never succeed: it is a dead letter now.
    Dead {
        /// Why.
        error: Failure,
    },
}

/// What went wrong with an attempt. All of it is kept with a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened. It is logged.
    pub what: String,
    /// What the application said of it. It may repeat the message, or a secret: it is not logged.
    pub said: Option<String>,
}

impl Failure {
    /// What happened, and what the application said, if it did.
    pub(crate) fn saying(what: String, said: &str) -> Failure {
        let said = said.trim();
        Failure {
            what,
            said: (!said.is_empty()).then(|| said.to_owned()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Some(said) => write!(f, "{}: {said}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Failure {
        Failure { what, said: None }
    }
}

impl From<&str> for Failure {
    fn from(what: &str) -> Failure {
        Failure::from(what.to_owned())
    }
}

impl Verdict {
    /// A failure that is tried again by the queue's backoff. A text is logged; what an application
    /// said, and is not to be, is a [`Failure::saying`].
    pub fn failed(error: impl Into<Failure>) -> Verdict {
        Verdict::Failed {
            error: error.into(),
            delay: None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use bytes::Bytes;

    /// The first attempt of a message.
    pub(crate) fn job(id: i64) -> Job {
        Job {
            worker: "mailer".into(),
            place: Arc::new(Place {
                queue: "mail".to_owned(),
                group: "default".to_owned(),
            }),
            attempt: 1,
            message: Message {
                id,
                body: Bytes::from_static(b"{}"),
                content_type: "application/json".to_owned(),
                attributes: None,
                priority: 0,
                ordering_key: None,
                published_at_us: 1_000_000,
            },
        }
    }
}

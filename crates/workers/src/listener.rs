//! Listeners: a URL of the application as one, and one as what works on the messages of its queue.
//!
//! | answer before a commit | meaning |
//! |---|---|
//! | 2xx | the write goes on |
//! | 4xx, but for 408 and 429 | it is vetoed, in the words of the answer |
//! | anything else, redirects too; none in time | nobody knows |
//!
//! After a commit a URL is an [`Endpoint`] like any worker's.

use crate::endpoint::{Answered, Endpoint, Posted};
use crate::handler::{Failure, Handler, Job, Verdict};
use async_trait::async_trait;
use pando_model::engine::{FeedCursor, FeedKind};
use pando_model::stamp::Position;
use pando_queue::listeners::{self, Asked, Change, Committed, Listener, RolledBack};
use pando_queue::{Attribute, Event, Mode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

/// What a call is, as a type of CloudEvents.
const BEFORE: &str = "pando.before-commit";
const ROLLED_BACK: &str = "pando.after-rollback";

/// A URL that is called before commits and after rollbacks.
pub struct UrlListener {
    name: String,
    endpoint: Endpoint,
}

impl UrlListener {
    /// The listener of a name, at an endpoint.
    pub fn new(name: &str, endpoint: Endpoint) -> UrlListener {
        UrlListener {
            name: name.to_owned(),
            endpoint,
        }
    }

    async fn call(&self, ty: &str, id: &str, body: String) -> Result<Answered, String> {
        let text = |text: &str| Attribute::String(text.to_owned());
        let attributes = [
            ("specversion", text("1.0")),
            ("id", text(id)),
            ("source", text(&format!("/listeners/{}", self.name))),
            ("type", text(ty)),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
        let event = Event::new(attributes, None).map_err(|error| error.to_string())?;
        let mut headers = event.write(Mode::Binary).headers;
        headers.push(("idempotency-key".to_owned(), id.to_owned()));
        let posted = Posted {
            id,
            headers,
            content_type: "application/json",
            body: body.into(),
        };
        self.endpoint.post(posted).await
    }
}

#[async_trait]
impl Listener for UrlListener {
    async fn before_commit(&self, asked: &Asked) -> listeners::Verdict {
        match self.call(BEFORE, &asked.id, asked.json()).await {
            Ok(answer) => verdict(&self.endpoint, &answer),
            Err(error) => listeners::Verdict::Failed { error },
        }
    }

    async fn after_rollback(&self, told: &RolledBack) -> Result<(), String> {
        let answer = self.call(ROLLED_BACK, &told.id, told.json()).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(self.endpoint.failure_of(&answer).to_string()),
        }
    }

    fn describe(&self) -> String {
        self.endpoint.describe()
    }
}

fn verdict(endpoint: &Endpoint, answer: &Answered) -> listeners::Verdict {
    let status = answer.status;
    // They are about the asking, not about what is asked.
    let is_about_asking = matches!(status.as_u16(), 408 | 429);
    if status.is_success() {
        listeners::Verdict::Go
    } else if status.is_client_error() && !is_about_asking {
        let message = message_of(&answer.said);
        listeners::Verdict::Veto {
            message: message.unwrap_or_else(|| format!("a listener answered {status}")),
        }
    } else {
        listeners::Verdict::Failed {
            error: endpoint.failure_of(answer).to_string(),
        }
    }
}

/// What an answer says: the `message` of a JSON object, or the text that it is.
fn message_of(said: &str) -> Option<String> {
    let said = said.trim();
    let message = match serde_json::from_str(said) {
        Ok(Value::Object(object)) => object
            .get("message")
            .and_then(Value::as_str)
            .map(str::to_owned),
        Ok(Value::String(text)) => Some(text),
        _ => Some(said.to_owned()),
    };
    message.filter(|message| !message.is_empty())
}

/// A listener in Rust as what works on the messages of its queue.
pub struct Hearing(pub Arc<dyn Listener>);

/// A change that was committed, as its message has it.
#[derive(Deserialize)]
struct Told {
    collection: String,
    kind: String,
    key: Box<RawValue>,
    record: Box<RawValue>,
}

#[async_trait]
impl Handler for Hearing {
    async fn handle(&self, job: &Job) -> Verdict {
        let Some(told) = committed_of(job) else {
            return Verdict::Dead {
                error: "it is no change: somebody else has published it".into(),
            };
        };
        match self.0.after_commit(&told).await {
            Ok(()) => Verdict::Done,
            Err(error) => {
                Verdict::failed(Failure::saying("the listener failed".to_owned(), &error))
            }
        }
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

fn committed_of(job: &Job) -> Option<Committed> {
    let told: Told = serde_json::from_slice(&job.message.body).ok()?;
    let attributes: Value = serde_json::from_str(job.message.attributes.as_deref()?).ok()?;
    let mut id = attributes.get("id")?.as_str()?.splitn(3, '-');
    let cursor = FeedCursor {
        at: Position {
            timeline: id.next()?.parse().ok()?,
            p: id.next()?.parse().ok()?,
        },
        ordinal: id.next()?.parse().ok()?,
    };
    let mut kinds = FeedKind::ALL.into_iter();
    let kind = kinds.find(|kind| kind.name() == told.kind)?;
    Some(Committed {
        change: Change {
            collection: told.collection,
            kind,
            key: told.key.get().to_owned(),
            record: (told.record.get() != "null").then(|| told.record.get().to_owned()),
            old: None,
        },
        cursor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::tests::job;
    use parking_lot::Mutex;

    #[derive(Default)]
    struct Ear(Mutex<Vec<Committed>>);

    #[async_trait]
    impl Listener for Ear {
        async fn after_commit(&self, told: &Committed) -> Result<(), String> {
            self.0.lock().push(told.clone());
            Ok(())
        }

        fn describe(&self) -> String {
            "an ear".to_owned()
        }
    }

    #[tokio::test]
    async fn a_listener_in_rust_is_told_what_was_committed_and_of_nothing_else() {
        let committed = Committed {
            change: Change {
                collection: "rest/orders".to_owned(),
                kind: FeedKind::Update,
                // As it was written, whatever a double can hold.
                key: r#"{"id":90071992547409931.10}"#.to_owned(),
                record: Some(r#"{"b":1,"a":2}"#.to_owned()),
                old: None,
            },
            cursor: FeedCursor {
                at: Position { timeline: 3, p: 9 },
                ordinal: 2,
            },
        };
        let ear = Arc::new(Ear::default());
        let hearing = Hearing(Arc::clone(&ear) as _);
        let mut job = job(7);
        let dead = hearing.handle(&job).await;
        assert!(matches!(dead, Verdict::Dead { .. }), "{dead:?}");
        job.message.body = committed.json().into();
        job.message.attributes = Some(format!(r#"{{"id":"{}"}}"#, committed.id()));
        assert_eq!(hearing.handle(&job).await, Verdict::Done);
        assert_eq!(*ear.0.lock(), [committed]);
    }

    #[test]
    fn a_veto_is_told_in_the_words_of_the_answer() {
        for (said, expected) in [
            (r#"{"message": "too dear", "code": "x"}"#, Some("too dear")),
            ("too dear\n", Some("too dear")),
            (r#""too dear""#, Some("too dear")),
            ("", None),
            (r#"{"error": 1}"#, None),
        ] {
            assert_eq!(message_of(said).as_deref(), expected, "{said}");
        }
    }
}

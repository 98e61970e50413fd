//! Topics between processes: what goes over the bus.

use super::TopicError;
use super::cursor::MessageId;
use super::hub::Hub;
use super::message::{Message, Publication};
use super::name::TopicName;
use bytes::Bytes;
use pando_model::bus::{BusError, Listener};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Weak};

/// Where all topics of a deployment are told.
pub(super) const CHANNEL: &str = "topics";
/// What it is that lies in a message of the bus.
const VERSION: u8 = 1;

/// A message on its way.
#[derive(Serialize, Deserialize)]
struct Parcel<'a> {
    version: u8,
    origin: u64,
    number: u64,
    at_us: i64,
    topic: &'a str,
    kind: Option<&'a str>,
    content_type: Option<&'a str>,
    body: &'a [u8],
}

/// Hears what the processes tell each other.
struct Ear(Weak<Hub>);

pub(super) fn listener(hub: &Arc<Hub>) -> Arc<dyn Listener> {
    Arc::new(Ear(Arc::downgrade(hub)))
}

pub(super) fn write(message: &Message) -> Bytes {
    let publication = &message.publication;
    let parcel = Parcel {
        version: VERSION,
        origin: message.id.origin,
        number: message.id.number,
        at_us: message.at_us,
        topic: message.topic.as_str(),
        kind: publication.kind.as_deref(),
        content_type: publication.content_type.as_deref(),
        body: &publication.body,
    };
    // It holds nothing that could not be written.
    postcard::to_stdvec(&parcel).unwrap_or_default().into()
}

pub(super) fn unavailable(error: BusError) -> TopicError {
    match error {
        BusError::TooLarge { max } => TopicError::TooLarge { max },
        BusError::Unavailable {
            reason,
            retry_after,
        } => TopicError::Unavailable {
            reason,
            retry_after,
        },
    }
}

fn read(bytes: &Bytes) -> Option<Message> {
    let parcel: Parcel<'_> = postcard::from_bytes(bytes).ok()?;
    if parcel.version != VERSION {
        return None;
    }
    let id = MessageId {
        origin: parcel.origin,
        number: parcel.number,
    };
    let topic = TopicName::new(parcel.topic).ok()?;
    let publication = Publication {
        kind: parcel.kind.map(str::to_owned),
        content_type: parcel.content_type.map(str::to_owned),
        body: bytes.slice_ref(parcel.body),
    };
    Some(Message::new(id, topic, parcel.at_us, publication))
}

impl Listener for Ear {
    fn hear(&self, message: Bytes) {
        let Some(hub) = self.0.upgrade() else {
            return;
        };
        match read(&message) {
            Some(message) => {
                hub.tell(message);
            }
            // A process of another version, or somebody else who uses the channel.
            None => {
                tracing::warn!("another process told something of a topic that cannot be read");
                hub.lose();
            }
        }
    }

    fn lose(&self) {
        if let Some(hub) = self.0.upgrade() {
            hub.lose();
        }
    }
}

//! What processes tell one another over NATS.
//!
//! NATS by itself keeps the order of each publisher, and every subscriber hears several publishers in
//! an order of his own. So what is told goes through a stream in memory that holds the last message
//! of each channel: the server gives each message a number and republishes it, one after the other,
//! with the number of the one before. Who hears sees from it what is missing.
//!
//! Nothing is kept for a process that is cut off. It knows that it was.

use crate::config::NatsConfig;
use crate::connect;
use async_nats::header::{HeaderMap, NATS_LAST_SEQUENCE, NATS_SEQUENCE};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::stream::{self, DiscardPolicy, Republish, StorageType};
use async_nats::jetstream::{Context, ContextBuilder};
use async_nats::{Event, Message, Subscriber};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use pando_model::broker::BrokerError;
use pando_model::bus::{Bus, BusError, Listener};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of a message at most: half of what NATS takes (`max_payload`, 1 MB) where nobody said
/// otherwise.
const MESSAGE_BYTES_MAX: usize = 512 << 10;
/// How long a message may wait for a connection, and to be confirmed.
const PATIENCE: Duration = Duration::from_secs(2);
/// A server that does not answer three of them is gone.
const PING_EVERY: Duration = Duration::from_secs(1);
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The bus over NATS.
pub struct NatsBus {
    names: Arc<Names>,
    ears: Arc<Ears>,
    up: watch::Receiver<State>,
    keeper: AbortHandle,
}

type State = Result<Context, Arc<str>>;

/// What the bus is called.
struct Names {
    /// For people.
    bus: String,
    stream: String,
    /// What the subjects begin with that are published to, and listened to.
    told: String,
    heard: String,
}

/// Who listens.
struct Ears {
    by_channel: Mutex<BTreeMap<String, Ear>>,
    came: Notify,
    lost: Notify,
}

struct Ear {
    listener: Arc<dyn Listener>,
    /// Whether it was told that something may have been missed before.
    has_begun: bool,
    /// The number of the message that it heard last.
    last: Option<u64>,
}

/// A connection that listens.
struct Session {
    context: Context,
    subscription: Subscriber,
    lost: Arc<Notify>,
}

impl NatsBus {
    /// Begins to connect; NATS need not be there. `deployment` is what those have in common who hear each
    /// other. Must be called within a runtime.
    pub fn start(config: NatsConfig, deployment: &str) -> Result<NatsBus, BrokerError> {
        config.validate()?;
        let names = Arc::new(Names::new(&config, deployment));
        let ears = Arc::new(Ears {
            by_channel: Mutex::default(),
            came: Notify::new(),
            lost: Notify::new(),
        });
        let (tell, up) = watch::channel(Err("it is not connected to yet".into()));
        let keeping = keep(config, Arc::clone(&names), Arc::clone(&ears), tell);
        Ok(NatsBus {
            names,
            ears,
            up,
            keeper: tokio::spawn(keeping).abort_handle(),
        })
    }

    fn unavailable(&self, why: &str) -> BusError {
        BusError::Unavailable {
            reason: format!("{}: {why}", self.names.bus),
            retry_after: RETRY_AFTER,
        }
    }

    async fn tell(&self, channel: &str, message: Bytes) -> Result<(), BusError> {
        let mut up = self.up.clone();
        let settled = up.wait_for(Result::is_ok).await;
        let settled = settled.map(|state| State::clone(&state));
        let Ok(Ok(context)) = settled else {
            return Err(self.unavailable("the bus is being closed"));
        };
        let subject = format!("{}.{}", self.names.told, token(channel));
        let told = async { context.publish(subject, message).await?.await };
        told.await.map(drop).map_err(|error: PublishError| {
            if error.kind() == PublishErrorKind::MaxPayloadExceeded {
                let max = context.client().server_info().max_payload;
                return BusError::TooLarge { max };
            }
            // The stream may be gone with its server.
            self.ears.lost.notify_one();
            self.unavailable(&error.to_string())
        })
    }
}

#[async_trait]
impl Bus for NatsBus {
    fn name(&self) -> String {
        self.names.bus.clone()
    }

    fn message_bytes_max(&self) -> usize {
        MESSAGE_BYTES_MAX
    }

    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), BusError> {
        let max = MESSAGE_BYTES_MAX;
        if message.len() > max {
            return Err(BusError::TooLarge { max });
        }
        let told = tokio::time::timeout(PATIENCE, self.tell(channel, message)).await;
        told.unwrap_or_else(|_| {
            let why = match &*self.up.borrow() {
                Ok(_) => "it has not taken the message in time".to_owned(),
                Err(why) => why.to_string(),
            };
            Err(self.unavailable(&why))
        })
    }

    fn subscribe(&self, channel: &str, listener: Arc<dyn Listener>) {
        let ear = Ear {
            listener,
            has_begun: false,
            last: None,
        };
        self.ears.by_channel.lock().insert(token(channel), ear);
        self.ears.came.notify_one();
    }
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Names {
    fn new(config: &NatsConfig, deployment: &str) -> Names {
        let prefix = &config.prefix;
        // Whatever a deployment is called, a subject takes it.
        let deployment = format!("{:032x}", xxh3_128(deployment.as_bytes()));
        Names {
            bus: format!("NATS at {}", config.url),
            stream: format!("{prefix}-bus-{deployment}"),
            told: format!("{prefix}.bus.{deployment}.told"),
            heard: format!("{prefix}.bus.{deployment}.heard"),
        }
    }

    /// The stream that gives messages their order. It is made anew where its server lost it.
    fn stream(&self) -> stream::Config {
        stream::Config {
            name: self.stream.clone(),
            subjects: vec![format!("{}.*", self.told)],
            storage: StorageType::Memory,
            discard: DiscardPolicy::Old,
            max_messages_per_subject: 1,
            republish: Some(Republish {
                source: format!("{}.>", self.told),
                destination: format!("{}.>", self.heard),
                headers_only: false,
            }),
            ..stream::Config::default()
        }
    }
}

/// A channel's name as one token of a subject.
fn token(channel: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        other => format!("_{other:02x}"),
    };
    channel.bytes().map(byte).collect()
}

impl Ears {
    /// Whoever listens since the last call: something may have been missed up to now.
    fn begin(&self) {
        for ear in self.by_channel.lock().values_mut() {
            if !ear.has_begun {
                ear.listener.lose();
                ear.has_begun = true;
                ear.last = None;
            }
        }
    }

    /// All begin anew, with the next connection.
    fn end(&self) {
        for ear in self.by_channel.lock().values_mut() {
            ear.has_begun = false;
        }
    }

    fn hear(&self, message: Message, heard: &str) {
        let channel = message.subject.as_str().strip_prefix(heard);
        let channel = channel.and_then(|rest| rest.strip_prefix('.'));
        let mut by_channel = self.by_channel.lock();
        let ear = channel.and_then(|channel| by_channel.get_mut(channel));
        let Some(ear) = ear.filter(|ear| ear.has_begun) else {
            return;
        };
        let headers = message.headers.as_ref();
        let before = number(headers, NATS_LAST_SEQUENCE);
        // The library drops what it has no room for.
        if ear.last.is_some() && ear.last != before {
            ear.listener.lose();
        }
        ear.last = number(headers, NATS_SEQUENCE);
        ear.listener.hear(message.payload);
    }
}

fn number(headers: Option<&HeaderMap>, name: async_nats::HeaderName) -> Option<u64> {
    headers?.get(name)?.as_str().parse().ok()
}

/// Keeps a connection, until the bus is dropped.
async fn keep(config: NatsConfig, names: Arc<Names>, ears: Arc<Ears>, tell: watch::Sender<State>) {
    let within = config.call_timeout;
    let mut pause = RETRY.0;
    let mut is_told = false;
    loop {
        ears.end();
        let opened = tokio::time::timeout(within, Session::open(&config, &names)).await;
        let why: Arc<str> = match opened {
            Ok(Ok(session)) => {
                pause = RETRY.0;
                is_told = false;
                session.serve(&ears, &names, &tell).await.into()
            }
            Ok(Err(why)) => why.into(),
            Err(_) => format!("no connection within {within:?}").into(),
        };
        if !is_told {
            is_told = true;
            let name = &names.bus;
            tracing::warn!("processes cannot tell one another anything over {name}: {why}");
        }
        let _ = tell.send_replace(Err(why));
        // Processes do not all come back at once.
        let share = rand::random_range(0.5..1.0);
        tokio::time::sleep(pause.mul_f64(share)).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

impl Session {
    async fn open(config: &NatsConfig, names: &Names) -> Result<Session, String> {
        let lost = Arc::new(Notify::new());
        let told = Arc::clone(&lost);
        let options = connect::options(config).await;
        let options = options.map_err(|error| error.to_string())?;
        let options = options
            .ping_interval(PING_EVERY)
            .event_callback(move |event| {
                if matches!(event, Event::Disconnected | Event::Closed) {
                    told.notify_one();
                }
                std::future::ready(())
            });
        let client = connect::open(options, config).await;
        let client = client.map_err(|error| error.to_string())?;
        let context = ContextBuilder::new()
            .timeout(config.call_timeout)
            .ack_timeout(PATIENCE)
            .build(client.clone());
        let subscription = client.subscribe(format!("{}.*", names.heard)).await;
        let subscription = subscription.map_err(|error| error.to_string())?;
        // The server has read of the subscription when it answers this.
        let made = context.get_or_create_stream(names.stream()).await;
        made.map_err(|error| format!("JetStream, which gives messages their order: {error}"))?;
        Ok(Session {
            context,
            subscription,
            lost,
        })
    }

    /// Listens until the connection is lost: why.
    async fn serve(
        mut self,
        ears: &Ears,
        names: &Names,
        tell: &watch::Sender<State>,
    ) -> &'static str {
        ears.begin();
        let _ = tell.send_replace(Ok(self.context.clone()));
        loop {
            tokio::select! {
                message = self.subscription.next() => match message {
                    Some(message) => ears.hear(message, &names.heard),
                    None => return "the subscription has ended",
                },
                () = self.lost.notified() => return "the connection is lost",
                () = ears.lost.notified() => return "a message was not confirmed",
                () = ears.came.notified() => ears.begin(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Listener for Heard {
        fn hear(&self, message: Bytes) {
            let text = String::from_utf8_lossy(&message).into_owned();
            self.0.lock().push(text);
        }

        fn lose(&self) {
            self.0.lock().push("lost".to_owned());
        }
    }

    /// The message of a number, and the number of the one before.
    fn message(number: u64, before: u64) -> Message {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_SEQUENCE, number.to_string());
        headers.insert(NATS_LAST_SEQUENCE, before.to_string());
        let payload = Bytes::from(number.to_string());
        Message {
            subject: "heard.c".into(),
            reply: None,
            length: payload.len(),
            payload,
            headers: Some(headers),
            status: None,
            description: None,
        }
    }

    #[test]
    fn what_was_dropped_on_the_way_is_told_before_the_next_message() {
        let ears = Ears {
            by_channel: Mutex::default(),
            came: Notify::new(),
            lost: Notify::new(),
        };
        let heard = Arc::new(Heard::default());
        let ear = Ear {
            listener: Arc::clone(&heard) as Arc<dyn Listener>,
            has_begun: false,
            last: None,
        };
        ears.by_channel.lock().insert("c".to_owned(), ear);
        ears.hear(message(1, 0), "heard");
        ears.begin();
        // The last is of a stream that was made anew.
        for (number, before) in [(4, 2), (5, 4), (9, 7), (1, 0)] {
            ears.hear(message(number, before), "heard");
        }
        let all = heard.0.lock().join(" ");
        assert_eq!(all, "lost 4 5 lost 9 lost 1");
    }
}

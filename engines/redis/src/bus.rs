//! What processes tell one another over Redis: PUBLISH and SUBSCRIBE, over one connection of
//! RESP3, on one Redis or on the one that sentinels name.
//!
//! Nothing is kept for a process that is cut off. It knows that it was. In a cluster each message goes to every
//! node: that is refused, as one Redis does the same.

use crate::address::{Address, Kind};
use crate::config::{RedisConfig, Unusable};
use crate::connect::{Connection, Way};
use crate::link::{explain, jittered};
use async_trait::async_trait;
use bytes::Bytes;
use pando_model::bus::{Bus, BusError, Listener};
use parking_lot::Mutex;
use redis::{Msg, PushInfo, PushKind};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// Bytes of a message at most: Redis takes far more, and cuts off who reads more slowly than
/// 32 MB are told (`client-output-buffer-limit`).
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How long a message may wait for a connection, and to be taken.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether the other end is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The bus over Redis.
pub struct RedisBus {
    name: String,
    ears: Arc<Ears>,
    up: watch::Receiver<State>,
    keeper: AbortHandle,
}

type State = Result<Connection, Arc<str>>;

/// Who listens.
struct Ears {
    /// What channels begin with: deployments that share a Redis do not hear each other.
    prefix: String,
    by_channel: Mutex<BTreeMap<String, Arc<dyn Listener>>>,
    /// What is heard before is not told: it is among what may have been missed.
    is_ready: Mutex<bool>,
    came: Notify,
    lost: Notify,
}

impl RedisBus {
    /// Reads the password and the certificates, and begins to connect. Redis need not be there.
    /// `deployment` is what those have in common who hear each other. Must be called within a
    /// runtime.
    pub fn start(config: RedisConfig, deployment: &str) -> Result<RedisBus, Unusable> {
        validate(&config)?;
        let way = Way::of(&config)?;
        let ears = Arc::new(Ears {
            prefix: format!("pando:{deployment}:"),
            by_channel: Mutex::default(),
            is_ready: Mutex::new(false),
            came: Notify::new(),
            lost: Notify::new(),
        });
        let (tell, up) = watch::channel(Err("it is not connected to yet".into()));
        let name = way.name();
        let keeping = keep(way, config.connect_timeout, Arc::clone(&ears), tell);
        Ok(RedisBus {
            name,
            ears,
            up,
            keeper: tokio::spawn(keeping).abort_handle(),
        })
    }

    fn unavailable(&self, why: &str) -> BusError {
        BusError::Unavailable {
            reason: format!("{}: {why}", self.name),
            retry_after: RETRY_AFTER,
        }
    }
}

/// Refuses what cannot be. Nobody is connected to, and no file is read.
pub fn validate(config: &RedisConfig) -> Result<(), Unusable> {
    config.validate()?;
    let address = Address::read(&config.url).map_err(|why| Unusable::new("url", why))?;
    if matches!(address.kind, Kind::Cluster) {
        let why = "a cluster tells each message to all of its nodes, and is not used for that: \
                   name one Redis, or sentinels";
        return Err(Unusable::new("url", why));
    }
    Ok(())
}

#[async_trait]
impl Bus for RedisBus {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn message_bytes_max(&self) -> usize {
        MESSAGE_BYTES_MAX
    }

    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), BusError> {
        let max = MESSAGE_BYTES_MAX;
        if message.len() > max {
            return Err(BusError::TooLarge { max });
        }
        let channel = format!("{}{channel}", self.ears.prefix);
        let telling = async {
            let mut up = self.up.clone();
            let settled = up.wait_for(Result::is_ok).await;
            let settled = settled.map(|state| State::clone(&state));
            let Ok(Ok(mut connection)) = settled else {
                return Err(self.unavailable("the bus is being closed"));
            };
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(channel).arg(&message[..]);
            let told: redis::RedisResult<i64> = publish.query_async(&mut connection).await;
            told.map(drop).map_err(|error| {
                self.ears.lost.notify_one();
                self.unavailable(&explain(&error))
            })
        };
        let told = tokio::time::timeout(PATIENCE, telling).await;
        told.unwrap_or_else(|_| {
            let why = match &*self.up.borrow() {
                Ok(_) => "it has not taken the message in time".to_owned(),
                Err(why) => why.to_string(),
            };
            Err(self.unavailable(&why))
        })
    }

    fn subscribe(&self, channel: &str, listener: Arc<dyn Listener>) {
        let channel = format!("{}{channel}", self.ears.prefix);
        self.ears.by_channel.lock().insert(channel, listener);
        self.ears.came.notify_one();
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Ears {
    /// What Redis says by itself.
    fn take(&self, push: PushInfo) {
        match push.kind {
            PushKind::Message => {
                let is_ready = self.is_ready.lock();
                let heard = Msg::from_push_info(push).filter(|_| *is_ready);
                let Some(heard) = heard else {
                    return;
                };
                let listener = self
                    .by_channel
                    .lock()
                    .get(heard.get_channel_name())
                    .cloned();
                if let Some(listener) = listener {
                    listener.hear(Bytes::copy_from_slice(heard.get_payload_bytes()));
                }
            }
            PushKind::Disconnection => self.lost.notify_one(),
            _ => {}
        }
    }

    /// Something may have been missed up to now; from here on what is heard is told.
    fn begin(&self) {
        let mut is_ready = self.is_ready.lock();
        for listener in self.by_channel.lock().values() {
            listener.lose();
        }
        *is_ready = true;
    }

    fn channels(&self) -> Vec<String> {
        self.by_channel.lock().keys().cloned().collect()
    }
}

/// Keeps a connection, until the bus is dropped.
async fn keep(way: Way, within: Duration, ears: Arc<Ears>, tell: watch::Sender<State>) {
    let name = way.name();
    let mut pause = RETRY.0;
    let mut is_told = false;
    loop {
        *ears.is_ready.lock() = false;
        let taker = Arc::downgrade(&ears);
        let listening = way.listening(move |push| {
            if let Some(ears) = taker.upgrade() {
                ears.take(push);
            }
        });
        let why: Arc<str> = match tokio::time::timeout(within, listening.connect()).await {
            Ok(Ok(connection)) => {
                pause = RETRY.0;
                let why = serve(connection, within, &ears, &tell, &mut is_told).await;
                why.into()
            }
            Ok(Err(error)) => explain(&error).into(),
            Err(_) => format!("no connection within {within:?}").into(),
        };
        if !is_told {
            is_told = true;
            tracing::warn!("processes cannot tell one another anything over {name}: {why}");
        }
        let _ = tell.send_replace(Err(why));
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

/// Listens over a connection until it is lost: why.
async fn serve(
    mut connection: Connection,
    within: Duration,
    ears: &Ears,
    tell: &watch::Sender<State>,
    is_told: &mut bool,
) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let channels = ears.channels();
        let command = match channels != known || known.is_empty() {
            true if !channels.is_empty() => redis::cmd("SUBSCRIBE").arg(&channels).to_owned(),
            _ => redis::cmd("PING"),
        };
        let asked: Result<redis::RedisResult<redis::Value>, _> =
            tokio::time::timeout(within, command.query_async(&mut connection)).await;
        match asked {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return explain(&error),
            Err(_) => return format!("no answer within {within:?}"),
        }
        if channels != known {
            known = channels;
            ears.begin();
        }
        if tell.borrow().is_err() {
            *is_told = false;
            let _ = tell.send_replace(Ok(connection.clone()));
        }
        tokio::select! {
            () = ears.lost.notified() => return "the connection is lost".to_owned(),
            () = ears.came.notified() => {}
            _ = look.tick() => {}
        }
    }
}

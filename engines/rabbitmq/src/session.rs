//! A connection, and what is leased by way of it: when it ends, all leases end.
//!
//! RabbitMQ knows no visibility time. What was delivered is this connection's until it is settled, so
//! the engine gives back by itself what ran out, and what waits for the delay of a nack.

use crate::config::RabbitConfig;
use crate::fault::{changed, looked, no_such, unavailable, unknown, within};
use crate::topology::Queue;
use crate::{now_us, wire};
use lapin::options::{
    BasicAckOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use pando_model::broker::{Lease, Message, Result};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// How often what ran out is looked for.
const LOOK: Duration = Duration::from_millis(25);
pub(crate) const RAN_OUT: &str = "the last attempt ran out of time, or whoever made it went away";

pub(crate) struct Session {
    connection: Connection,
    /// Confirms; in the order of publishes.
    publishes: Channel,
    /// All leases are of this one.
    pub(crate) leases: Channel,
    /// What is looked at on it may not be there, which ends it.
    looks: tokio::sync::Mutex<Option<Channel>>,
    /// One at a time sets how many messages its consumer gets, and starts it.
    pub(crate) consuming: tokio::sync::Mutex<()>,
    /// Tells the leases of this session from those of others.
    nonce: u64,
    pub(crate) bound: Duration,
    held: Mutex<Held>,
    /// Something on it failed: the library may take it for connected for ever.
    is_broken: AtomicBool,
}

/// Messages that this connection has, by when they are given back.
#[derive(Default)]
struct Held {
    all: HashMap<u64, Out>,
    until: BTreeSet<(Instant, u64)>,
}

/// A message that this connection has.
#[derive(Clone)]
pub(crate) struct Out {
    pub(crate) queue: String,
    /// Where it goes when its attempts are used up.
    pub(crate) dead: String,
    pub(crate) attempts_max: u32,
    pub(crate) message: Message,
    pub(crate) attempt: u32,
    pub(crate) tag: u64,
    pub(crate) since: Instant,
    until: Instant,
    /// It was given back, and waits for its delay: it is nobody's.
    is_back: bool,
}

/// A message that somebody settles, and nobody else meanwhile. It is held again, and runs out as it
/// would have, unless it is settled in the end: also where the call is dropped.
pub(crate) struct Taken<'a> {
    session: &'a Session,
    out: Out,
    is_settled: bool,
}

/// What is told of a message when it comes.
pub(crate) struct Came {
    pub(crate) tag: u64,
    pub(crate) queue: String,
    pub(crate) dead: String,
    pub(crate) attempts_max: u32,
    pub(crate) message: Message,
    pub(crate) attempt: u32,
}

impl Session {
    pub(crate) async fn open(config: &RabbitConfig) -> Result<Arc<Session>> {
        let (uri, tls) = config.read().await?;
        let bound = config.call_timeout;
        let runtime = lapin::runtime::default_runtime().map_err(unavailable)?;
        let properties = ConnectionProperties::default().with_connection_name("pando".into());
        let connect = Connection::connect_uri_with_config(uri, properties, tls, runtime);
        let connection = within(bound, connect).await;
        let connection = connection.map_err(|why| unavailable(format!("cannot connect: {why}")))?;
        let publishes = looked(bound, connection.create_channel()).await?;
        let select = publishes.confirm_select(ConfirmSelectOptions::default());
        looked(bound, select).await?;
        let leases = looked(bound, connection.create_channel()).await?;
        let session = Arc::new(Session {
            connection,
            publishes,
            leases,
            looks: tokio::sync::Mutex::default(),
            consuming: tokio::sync::Mutex::new(()),
            nonce: rand::random(),
            bound,
            held: Mutex::default(),
            is_broken: AtomicBool::new(false),
        });
        tokio::spawn(give_back(Arc::downgrade(&session)));
        Ok(session)
    }

    /// Has the next call make a new one.
    pub(crate) fn break_off(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_up(&self) -> bool {
        if self.is_broken.load(Ordering::Relaxed) {
            return false;
        }
        let up = [&self.publishes, &self.leases];
        self.connection.status().connected() && up.iter().all(|one| one.status().connected())
    }

    /// How many messages are ready in one of a queue's queues.
    pub(crate) async fn ready(&self, queue: &Queue, name: &str) -> Result<u64> {
        // One at a time: an error would be told to all that wait on the channel.
        let mut looks = self.looks.lock().await;
        let there = looks.take().filter(|channel| channel.status().connected());
        let channel = match there {
            Some(channel) => channel,
            None => self.channel().await?,
        };
        let ready = queue.ready(&channel, name, self.bound).await?;
        *looks = Some(channel);
        Ok(ready)
    }

    /// A channel for what may fail: an error of the protocol's closes it.
    pub(crate) async fn channel(&self) -> Result<Channel> {
        looked(self.bound, self.connection.create_channel()).await
    }

    pub(crate) async fn close(&self) {
        let closed = self.connection.close(200, "closed".into());
        // It may have ended before.
        let _ = within(self.bound, closed).await;
    }

    /// Publishes what is a queue's, and waits for the confirmation.
    pub(crate) async fn publish(
        &self,
        queue: &str,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<()> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let publish =
            self.publishes
                .basic_publish(exchange.into(), key.into(), options, body, properties);
        let confirmed = async { publish.await?.await };
        let confirmation = changed(self.bound, confirmed).await?;
        let is_ack = confirmation.is_ack();
        match confirmation.take_message() {
            // No queue takes it.
            Some(_) => Err(no_such(queue, "*")),
            None if is_ack => Ok(()),
            None => Err(unknown("the server did not take the message")),
        }
    }

    /// Puts a message among the dead.
    pub(crate) async fn bury(&self, out: &Out, error: &str) -> Result<()> {
        let properties = wire::buried(&out.message, out.attempt, now_us(), error);
        let buried = self.publish(&out.queue, "", &out.dead, &out.message.body, properties);
        buried.await
    }

    /// Answers when the server has read all that was sent on the channel of leases before.
    pub(crate) async fn heard(&self) -> Result<()> {
        let _one = self.consuming.lock().await;
        let qos = self.leases.basic_qos(1, BasicQosOptions::default());
        changed(self.bound, qos).await
    }

    /// Makes a lease.
    pub(crate) fn hold(&self, came: Came, visibility: Duration) -> Lease {
        let since = Instant::now();
        let lease = Lease::new(format!("{:x} {}", self.nonce, came.tag));
        let out = Out {
            queue: came.queue,
            dead: came.dead,
            attempts_max: came.attempts_max,
            message: came.message,
            attempt: came.attempt,
            tag: came.tag,
            since,
            until: since + visibility,
            is_back: false,
        };
        self.held.lock().put(came.tag, out);
        lease
    }

    /// What a lease of a queue has, unless it ran out.
    pub(crate) fn out(&self, lease: &Lease, queue: &str) -> Option<(u64, Out)> {
        let tag = self.tag(lease)?;
        let held = self.held.lock();
        let out = held.all.get(&tag)?;
        let is_it = out.queue == queue && !out.is_back && out.until > Instant::now();
        is_it.then(|| (tag, out.clone()))
    }

    /// The same, and it is held no more.
    pub(crate) fn take(&self, lease: &Lease, queue: &str) -> Option<Out> {
        let (tag, _) = self.out(lease, queue)?;
        self.held.lock().take(tag)
    }

    /// The same, for as long as it is settled.
    pub(crate) fn take_up(&self, lease: &Lease, queue: &str) -> Option<Taken<'_>> {
        Some(Taken {
            session: self,
            out: self.take(lease, queue)?,
            is_settled: false,
        })
    }

    /// Sets when a lease runs out; whether it is still there.
    pub(crate) fn set(&self, tag: u64, until: Instant) -> bool {
        let mut held = self.held.lock();
        let Some(mut out) = held.take(tag) else {
            return false;
        };
        out.until = until;
        held.put(tag, out);
        true
    }

    fn tag(&self, lease: &Lease) -> Option<u64> {
        let (nonce, tag) = lease.as_str().split_once(' ')?;
        let is_ours = u64::from_str_radix(nonce, 16).ok()? == self.nonce;
        tag.parse().ok().filter(|_| is_ours)
    }

    async fn ran_out(&self, out: Out) {
        let done = if out.is_back || out.attempt < out.attempts_max {
            back(&self.leases, out.tag).await
        } else if self.bury(&out, RAN_OUT).await.is_ok() {
            done(&self.leases, out.tag).await
        } else {
            back(&self.leases, out.tag).await
        };
        if let Err(error) = done {
            tracing::debug!("giving back a message of {}: {error}", out.queue);
        }
    }
}

/// Acknowledges; an error says that the connection ended. Not by the library's handle, which is of no use
/// any more when its consumer was cancelled.
pub(crate) async fn done(channel: &Channel, tag: u64) -> lapin::Result<()> {
    channel.basic_ack(tag, BasicAckOptions::default()).await
}

/// Gives back at once.
pub(crate) async fn back(channel: &Channel, tag: u64) -> lapin::Result<()> {
    let options = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    channel.basic_nack(tag, options).await
}

impl Taken<'_> {
    pub(crate) fn out(&self) -> &Out {
        &self.out
    }

    /// It is given back at a time, and nobody's until then.
    pub(crate) fn wait(mut self, until: Instant) {
        (self.out.until, self.out.is_back) = (until, true);
    }

    /// It is held no more.
    pub(crate) fn settled(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.session.held.lock().put(self.out.tag, self.out.clone());
        }
    }
}

impl Held {
    fn put(&mut self, tag: u64, out: Out) {
        self.until.insert((out.until, tag));
        self.all.insert(tag, out);
    }

    fn take(&mut self, tag: u64) -> Option<Out> {
        let out = self.all.remove(&tag)?;
        self.until.remove(&(out.until, tag));
        Some(out)
    }

    fn next_due(&mut self) -> Option<Out> {
        let (until, tag) = *self.until.first()?;
        if until > Instant::now() {
            return None;
        }
        self.take(tag)
    }
}

/// Gives back what ran out, for as long as the session is.
async fn give_back(session: Weak<Session>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(session) = session.upgrade().filter(|session| session.is_up()) else {
            return;
        };
        loop {
            let due = session.held.lock().next_due();
            match due {
                Some(out) => session.ran_out(out).await,
                None => break,
            }
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("is_up", &self.is_up())
            .field("held", &self.held.lock().all.len())
            .finish_non_exhaustive()
    }
}

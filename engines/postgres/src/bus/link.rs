//! The connection that tells and listens: made, watched, given up and made again.

use super::parcel::{Read, Reader, write};
use super::{Listeners, Outgoing};
use crate::fault::{Fault, Step};
use crate::tls::Target;
use crate::topology::{Server, Topology};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};
use xxhash_rust::xxh3::xxh3_64;

/// Messages that are told in one transaction at most.
const TOGETHER_MAX: usize = 256;
/// How long is waited for a primary before it is looked whether anybody still cares.
const PRIMARY_WAIT: Duration = Duration::from_secs(10);
/// How long it may take to connect, or to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How often it is looked whether the other end is still there, and still the primary.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long is waited before it is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// All payloads of a transaction, in order.
const TELL: &str = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS told(payload)";

/// Keeps a connection, as long as anybody uses the bus.
pub(super) struct Link {
    topology: Arc<Topology>,
    listeners: Arc<Listeners>,
    waiting: mpsc::Receiver<Outgoing>,
    sender: u64,
    number: u64,
}

/// A connection that listens.
struct Up {
    client: Client,
    /// The one channel of PostgreSQL's that all of ours go over.
    channel: String,
    /// Those who listen are to be told that they may have missed something.
    ready: Arc<Notify>,
    carrier: JoinHandle<()>,
}

impl Drop for Up {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl Link {
    pub(super) fn new(
        topology: Arc<Topology>,
        listeners: Arc<Listeners>,
        waiting: mpsc::Receiver<Outgoing>,
    ) -> Link {
        Link {
            topology,
            listeners,
            waiting,
            sender: rand::random(),
            number: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut is_told = false;
        while !self.topology.is_closed() && !self.waiting.is_closed() {
            let why = match self.connect().await {
                Ok((up, server)) => {
                    is_told = false;
                    tracing::debug!(server = server.name, "the bus is connected");
                    self.serve(&up, &server).await
                }
                Err(fault) => reason_of(&fault),
            };
            if !is_told && !self.topology.is_closed() {
                is_told = true;
                tracing::warn!(why, "processes cannot tell one another anything just now");
            }
            self.refuse(&why);
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// To the primary. Whoever listens is told that he may have missed something.
    async fn connect(&mut self) -> Step<(Up, Arc<Server>)> {
        let server = self.topology.primary(Instant::now() + PRIMARY_WAIT).await?;
        let listeners = Arc::clone(&self.listeners);
        let connecting = open(&server.target, listeners);
        let up = tokio::time::timeout(ANSWER_WAIT, connecting).await;
        let up = up.map_err(|_| Fault::Lost("the database does not answer".to_owned()))??;
        Ok((up, server))
    }

    /// Tells what is to be told, until the connection is of no use: why.
    async fn serve(&mut self, up: &Up, server: &Arc<Server>) -> String {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut together = Vec::with_capacity(TOGETHER_MAX);
        loop {
            tokio::select! {
                count = self.waiting.recv_many(&mut together, TOGETHER_MAX) => {
                    if count == 0 {
                        return "the engine is being closed".to_owned();
                    }
                    if let Err(why) = self.tell(up, &mut together).await {
                        return why;
                    }
                }
                () = self.listeners.came.notified() => {
                    // He is to know from when on he listens.
                    up.ready.notify_one();
                }
                _ = look.tick() => {
                    if !self.topology.is_primary(server) {
                        return "the database has another primary".to_owned();
                    }
                    if let Err(why) = bounded(up.client.simple_query("")).await {
                        return why;
                    }
                }
            }
        }
    }

    /// Tells all of them in one transaction.
    async fn tell(&mut self, up: &Up, together: &mut Vec<Outgoing>) -> Result<(), String> {
        // Whoever does not wait any more was told that nobody has heard it.
        together.retain(|outgoing| !outgoing.told.is_closed());
        let mut payloads = Vec::with_capacity(together.len());
        for outgoing in together.iter() {
            self.number += 1;
            let parts = write(
                self.sender,
                self.number,
                &outgoing.channel,
                &outgoing.message,
            );
            payloads.extend(parts);
        }
        let told = bounded(up.client.execute(TELL, &[&up.channel, &payloads])).await;
        for outgoing in together.drain(..) {
            let _ = outgoing.told.send(told.clone().map(drop));
        }
        told.map(drop)
    }

    /// Tells all who wait that nobody hears them.
    fn refuse(&mut self, why: &str) {
        while let Ok(outgoing) = self.waiting.try_recv() {
            let _ = outgoing.told.send(Err(why.to_owned()));
        }
    }
}

async fn bounded<T>(
    asking: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_WAIT, asking).await {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(error)) => Err(reason_of(&Fault::Postgres(error))),
        Err(_) => Err("the database does not answer".to_owned()),
    }
}

fn reason_of(fault: &Fault) -> String {
    match fault {
        Fault::Engine(error) => error.to_string(),
        Fault::Postgres(error) => match error.as_db_error() {
            Some(said) => said.message().to_owned(),
            None => "the connection to the database is lost".to_owned(),
        },
        Fault::Lost(reason) => reason.clone(),
        Fault::InDoubt(reason) => (*reason).to_owned(),
    }
}

/// Connects, and listens.
async fn open(target: &Target, listeners: Arc<Listeners>) -> Step<Up> {
    // Nothing is handed on before those who listen know that they may have missed something.
    let ready = Arc::new(Notify::new());
    let (client, carrier) = match &target.tls {
        Some(tls) => {
            let (client, connection) = target.config.connect(tls.clone()).await?;
            (client, carry(connection, listeners, Arc::clone(&ready)))
        }
        None => {
            let (client, connection) = target.config.connect(NoTls).await?;
            (client, carry(connection, listeners, Arc::clone(&ready)))
        }
    };
    let mut up = Up {
        client,
        channel: String::new(),
        ready,
        carrier,
    };
    let row = up
        .client
        .query_one("SELECT current_schema()::text", &[])
        .await?;
    let schema: Option<String> = row.try_get(0)?;
    // Several stores may lie in one database; and a name has 63 bytes at most.
    up.channel = format!(
        "pando_{:016x}",
        xxh3_64(schema.unwrap_or_default().as_bytes())
    );
    up.client
        .batch_execute(&format!("LISTEN {}", up.channel))
        .await?;
    up.ready.notify_one();
    Ok(up)
}

/// Carries a connection's messages until its end.
fn carry<S, T>(
    mut connection: Connection<S, T>,
    listeners: Arc<Listeners>,
    ready: Arc<Notify>,
) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let mut reader = Reader::default();
        let mut is_ready = false;
        let lose = || {
            for channel in listeners.channels() {
                if let Some(listener) = listeners.of(&channel) {
                    listener.lose();
                }
            }
        };
        loop {
            let message = tokio::select! {
                biased;
                () = ready.notified() => {
                    is_ready = true;
                    lose();
                    continue;
                }
                message = poll_fn(|context| connection.poll_message(context)) => message,
            };
            match message {
                Some(Ok(AsyncMessage::Notification(_))) if !is_ready => {}
                Some(Ok(AsyncMessage::Notification(told))) => match reader.read(told.payload()) {
                    Read::Whole(channel, message) => {
                        if let Some(listener) = listeners.of(&channel) {
                            listener.hear(message);
                        }
                    }
                    Read::Part => {}
                    Read::Broken => lose(),
                },
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "the bus's connection to PostgreSQL ended");
                    return;
                }
                None => return,
            }
        }
    })
}

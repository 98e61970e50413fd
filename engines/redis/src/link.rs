//! The connection that carries all calls: watched, given up when it is lost or silent, made again.
//!
//! | state | calls | ends |
//! |---|---|---|
//! | connecting | wait, within their bound | up, or down at the first failure |
//! | up | are made | connecting, when it is lost |
//! | down | are refused at once, with the reason | up |
//!
//! A connection is *silent* when some calls in a row got no answer and none was heard for a while:
//! the other end is gone and nobody was told, or hangs. Waiting for the kernel to notice takes
//! minutes; a new connection is cheap.

use crate::config::RedisConfig;
use crate::connect::{Connection, Way};
use pando_model::level2::Unreachable;
use parking_lot::Mutex;
use rand::Rng;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// So many calls in a row without an answer, and
const SILENT_CALLS: u32 = 3;
/// so many times the bound of a call since the last one, are silence.
const SILENT_SPANS: u32 = 5;
/// Between two attempts to connect, at first and at most; half of it is chance.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The way to Redis.
pub(crate) struct Link {
    name: Arc<str>,
    bound: Duration,
    state: watch::Receiver<State>,
    keeper: JoinHandle<()>,
}

#[derive(Clone)]
enum State {
    Connecting,
    Up(Arc<Up>),
    Down(Arc<str>),
}

/// A connection, and how it does.
struct Up {
    connection: Connection,
    unanswered: AtomicU32,
    heard_at: Mutex<Instant>,
    lost: Notify,
}

impl Link {
    /// Begins to connect, as a task of the current runtime.
    pub(crate) fn start(way: Way, config: &RedisConfig) -> Link {
        let (tell, state) = watch::channel(State::Connecting);
        let name: Arc<str> = way.name().into();
        let keeper = tokio::spawn(keep(way, Arc::clone(&name), config.connect_timeout, tell));
        Link {
            name,
            bound: config.call_timeout,
            state,
            keeper,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes a call, which is over when its bound is.
    pub(crate) async fn call<T>(
        &self,
        act: impl AsyncFnOnce(Connection) -> RedisResult<T>,
    ) -> Result<T, Unreachable> {
        let mut used = None;
        let call = async {
            let up = self.up().await?;
            let connection = up.connection.clone();
            used = Some(Arc::clone(&up));
            match act(connection).await {
                Ok(said) => {
                    up.heard();
                    Ok(said)
                }
                Err(error) => {
                    up.failed(&error);
                    Err(self.unreachable(&explain(&error)))
                }
            }
        };
        let done = tokio::time::timeout(self.bound, call).await;
        done.unwrap_or_else(|_| {
            if let Some(up) = used {
                up.unanswered(self.bound * SILENT_SPANS);
            }
            Err(self.unreachable(&format!("no answer within {:?}", self.bound)))
        })
    }

    async fn up(&self) -> Result<Arc<Up>, Unreachable> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, State::Connecting));
        match settled.await.as_deref() {
            Ok(State::Up(up)) => Ok(Arc::clone(up)),
            Ok(State::Down(why)) => Err(self.unreachable(why)),
            Ok(State::Connecting) | Err(_) => Err(self.unreachable("the engine is being closed")),
        }
    }

    fn unreachable(&self, why: &str) -> Unreachable {
        Unreachable {
            reason: format!("{}: {why}", self.name),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.state.borrow() {
            State::Connecting => "connecting".to_owned(),
            State::Up(_) => "up".to_owned(),
            State::Down(why) => format!("down: {why}"),
        };
        f.debug_struct("Link")
            .field("name", &self.name)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

impl Up {
    fn new(connection: Connection) -> Up {
        Up {
            connection,
            unanswered: AtomicU32::new(0),
            heard_at: Mutex::new(Instant::now()),
            lost: Notify::new(),
        }
    }

    fn heard(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
        *self.heard_at.lock() = Instant::now();
    }

    fn unanswered(&self, silence: Duration) {
        let calls = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        if calls >= SILENT_CALLS && self.heard_at.lock().elapsed() >= silence {
            self.lost.notify_one();
        }
    }

    fn failed(&self, error: &RedisError) {
        let is_lost = match (&self.connection, error.kind()) {
            // A cluster's connection looks after those to its nodes.
            (Connection::Cluster(_), kind) => kind == ErrorKind::ClusterConnectionNotFound,
            // It was the master, and is no more; or its master is gone, which sentinels know.
            (
                Connection::One(_),
                ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown),
            ) => true,
            (Connection::One(_), ErrorKind::Server(_)) => false,
            (Connection::One(_), _) => error.is_io_error() || error.is_unrecoverable_error(),
        };
        if is_lost {
            self.lost.notify_one();
        } else if error.code().is_some() {
            self.heard();
        }
    }
}

/// Keeps a connection, until the link is dropped.
async fn keep(way: Way, name: Arc<str>, within: Duration, tell: watch::Sender<State>) {
    let mut pause = RETRY.0;
    let mut is_told = false;
    loop {
        let connected = match tokio::time::timeout(within, way.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(explain(&error)),
            Err(_) => Err(format!("no connection within {within:?}")),
        };
        match connected {
            Ok(connection) => {
                tracing::info!("connected to {name}");
                let up = Arc::new(Up::new(connection));
                let _ = tell.send(State::Up(Arc::clone(&up)));
                let began = Instant::now();
                up.lost.notified().await;
                tracing::warn!("the connection to {name} is lost, and is made again");
                let _ = tell.send(State::Connecting);
                is_told = false;
                // One that is lost as soon as it is made is no reason to hurry.
                if began.elapsed() < RETRY.1 {
                    tokio::time::sleep(jittered(pause)).await;
                    pause = (pause * 2).min(RETRY.1);
                } else {
                    pause = RETRY.0;
                }
            }
            Err(why) => {
                if !is_told {
                    tracing::warn!("cannot connect to {name}: {why}");
                    is_told = true;
                }
                let _ = tell.send(State::Down(why.into()));
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}

pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..1.0))
}

/// What an error of the library's says, and how to mend what can be mended.
pub(crate) fn explain(error: &RedisError) -> String {
    let hint = match error.code() {
        Some("OOM") => "; it is full and evicts nothing: set maxmemory-policy to allkeys-lru",
        Some("NOPERM") => {
            "; its user needs +get +getrange +set +del +unlink +pttl +eval +evalsha +info and ~pando*; for topics +publish +subscribe +ping and &pando*"
        }
        Some("NOAUTH" | "WRONGPASS") => "; look at the password file, and at the user in the url",
        Some("MISCONF") => "; it cannot write its snapshot: look at its disk, or set save to \"\"",
        _ => "",
    };
    format!("{error}{hint}")
}

//! Connections that are used in turn, so many at once.

use crate::config::PostgresConfig;
use crate::fault::{Fault, Step, closed, unavailable};
use crate::session::Session;
use crate::tls::Target;
use crate::wire::Wire;
use pando_model::error::EngineError;
use parking_lot::Mutex;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;

/// Connections to one database.
pub(crate) struct Pool {
    target: Target,
    idle: Mutex<Vec<Session>>,
    free: Arc<Semaphore>,
    wait: Duration,
    /// How long it may take to connect, with all that is said before the first statement.
    connect_time: Duration,
    /// What carries the messages of each connection.
    carriers: Mutex<Vec<AbortHandle>>,
    /// How often all connections were severed.
    severed: watch::Sender<u64>,
}

/// A connection that nobody else uses; it goes back when it is dropped, unless it is broken or a
/// transaction is open on it.
pub(crate) struct Lease {
    session: Option<Session>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// A pool of at most `size`; nothing is connected yet.
    pub(crate) fn new(target: Target, config: &PostgresConfig, size: usize) -> Arc<Pool> {
        Arc::new(Pool {
            target,
            idle: Mutex::default(),
            free: Arc::new(Semaphore::new(size)),
            wait: config.reader_wait,
            connect_time: config.connect_timeout,
            carriers: Mutex::default(),
            severed: watch::Sender::new(0),
        })
    }

    /// A connection, once one is free.
    pub(crate) async fn lease(self: &Arc<Pool>) -> Step<Lease> {
        let permit = match self.free.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_permit().await?,
        };
        let known = loop {
            match self.idle.lock().pop() {
                Some(session) if session.is_closed() => {}
                other => break other,
            }
        };
        let session = match known {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(Lease {
            session: Some(session),
            pool: self.clone(),
            _permit: permit,
        })
    }

    async fn wait_for_permit(&self) -> Step<OwnedSemaphorePermit> {
        match tokio::time::timeout(self.wait, self.free.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(closed().into()),
            Err(_) => {
                let reason = "all connections to the database are busy";
                Err(unavailable(reason, Duration::from_secs(1)).into())
            }
        }
    }

    async fn connect(&self) -> Step<Session> {
        // The driver's own limit ends with the handshake of TCP; behind it a server that is paused,
        // or cut off just then, would be waited for until the machine gives up, which is hours.
        let connecting = Session::connect(&self.target);
        let session = tokio::time::timeout(self.connect_time, connecting).await;
        let session =
            session.map_err(|_| Fault::Lost("the server does not answer".to_owned()))??;
        let mut carriers = self.carriers.lock();
        carriers.retain(|carrier| !carrier.is_finished());
        carriers.push(session.wire().carrier());
        Ok(session)
    }

    /// Does something on a connection, on a thread that may block.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Pool>,
        work: impl FnOnce(&Session) -> Step<T> + Send + 'static,
    ) -> Step<T> {
        let lease = self.lease().await?;
        let done = tokio::task::spawn_blocking(move || match &lease.session {
            Some(session) => {
                session.budget().refill();
                work(session)
            }
            None => Err(closed().into()),
        });
        done.await.unwrap_or_else(|_| Err(defect().into()))
    }

    /// Waits for what may be left undone; no longer once the connections were severed.
    pub(crate) async fn unless_severed<T>(&self, work: impl Future<Output = Step<T>>) -> Step<T> {
        let mut severed = self.severed.subscribe();
        tokio::select! {
            done = work => done,
            _ = severed.changed() => {
                Err(Fault::Lost("the server does not answer any more".to_owned()))
            }
        }
    }

    /// Ends all connections, also those in use: whoever waits on one is told.
    pub(crate) fn sever(&self) {
        self.idle.lock().clear();
        for carrier in self.carriers.lock().drain(..) {
            carrier.abort();
        }
        self.severed.send_modify(|times| *times += 1);
    }

    /// Turns everybody away, and lets go of the connections that are idle.
    pub(crate) fn close(&self) {
        self.free.close();
        self.idle.lock().clear();
    }
}

impl Lease {
    /// The connection, for what needs no transaction.
    pub(crate) fn wire(&self) -> Step<&Wire> {
        let session = self.session.as_ref();
        Ok(session.map(Session::wire).ok_or_else(closed)?)
    }
}

impl Deref for Lease {
    type Target = Option<Session>;

    fn deref(&self) -> &Option<Session> {
        &self.session
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && session.is_sound()
            && !self.pool.free.is_closed()
        {
            self.pool.idle.lock().push(session);
        }
    }
}

/// What somebody is told whose request panicked; its transaction ended with its connection.
fn defect() -> EngineError {
    EngineError::internal(
        "use the database",
        "the request met a defect; nothing of it was done",
    )
}

//! A TCP proxy that makes faults: it cuts, refuses, delays, throttles and stalls, for all
//! connections or one, while they are open.
//!
//! Made of the kernel's own means, so that both ends see what they would of a real fault: a
//! reset is a RST, a refusal is a port where nobody listens, and what is stalled is not read,
//! so that the sender's buffers fill.

mod connection;
mod pump;

pub use connection::Connection;

use crate::error::{Error, Result};
use connection::Control;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

/// Connections that wait to be taken in.
const BACKLOG: u32 = 1024;

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// From the client to the server.
    pub up: Way,
    /// From the server to the client.
    pub down: Way,
    /// Half-open: the connection stays, or is taken in, and nothing passes. That one end has
    /// gone is not told to the other.
    pub stalled: bool,
}

/// What is wrong with one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Each byte comes so much later. Those that are under way keep the delay that they have.
    pub delay: Duration,
    /// At most so many bytes each second.
    pub bytes_per_s: Option<u32>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// RST to both ends: an error, at once.
    Reset,
    /// FIN to both ends: the end of what they read.
    Close,
}

/// What went through a proxy, or one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that were taken in, ever.
    pub connections: u64,
    /// Bytes that were passed on to the server.
    pub up_bytes: u64,
    /// Bytes that were passed on to the client.
    pub down_bytes: u64,
}

/// A proxy on a port of its own; it and its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

/// Whether to refuse connections; answered when it is so.
type Order = (bool, oneshot::Sender<std::io::Result<()>>);

#[derive(Debug)]
struct Shared {
    target: Mutex<SocketAddr>,
    faults: Mutex<Faults>,
    live: Mutex<Vec<Arc<Control>>>,
    connections: AtomicU64,
    up_bytes: Arc<AtomicU64>,
    down_bytes: Arc<AtomicU64>,
}

impl Proxy {
    /// A proxy before a server, which need not be there yet. In a runtime of tokio's.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(target: SocketAddr) -> Result<Proxy> {
        let failed = |error| Error::new(format!("proxy: {error}"));
        // Bound and never listening: the port stays the proxy's while it refuses.
        let holder = socket((Ipv4Addr::LOCALHOST, 0).into()).map_err(failed)?;
        let address = holder.local_addr().map_err(failed)?;
        let listener = listen(address).map_err(failed)?;
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            faults: Mutex::default(),
            live: Mutex::default(),
            connections: AtomicU64::default(),
            up_bytes: Arc::default(),
            down_bytes: Arc::default(),
        });
        let (orders, received) = mpsc::channel(1);
        let task = tokio::spawn(accept(Arc::clone(&shared), listener, holder, received));
        Ok(Proxy {
            address,
            shared,
            orders,
            task,
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends new connections to another server.
    pub fn set_target(&self, target: SocketAddr) {
        *lock(&self.shared.target) = target;
    }

    /// What is wrong with all connections from now on: those that are open, whatever was set
    /// for them, and those that come.
    pub fn set_faults(&self, faults: Faults) {
        // Under the lock, so that none that is just coming is passed over.
        let mut all = lock(&self.shared.faults);
        *all = faults;
        for connection in self.connections() {
            connection.set_faults(faults);
        }
    }

    /// Refuses connections that come, or takes them in again. Those that are open stay.
    ///
    /// # Errors
    /// The port cannot be listened on.
    pub async fn set_refusing(&self, refusing: bool) -> Result<()> {
        let ended = || Error::new("the proxy has ended");
        let (answer, answered) = oneshot::channel();
        self.orders
            .send((refusing, answer))
            .await
            .map_err(|_| ended())?;
        let done = answered.await.map_err(|_| ended())?;
        done.map_err(|error| Error::new(format!("proxy: {error}")))
    }

    /// Ends all connections; answers when both ends have been told.
    pub async fn cut(&self, cut: Cut) {
        for connection in self.connections() {
            connection.cut(cut).await;
        }
    }

    /// The connections that are open, the oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let live = lock(&self.shared.live);
        live.iter()
            .map(|control| Connection::new(Arc::clone(control)))
            .collect()
    }

    /// What went through, all in all.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.shared.connections.load(Ordering::Relaxed),
            up_bytes: self.shared.up_bytes.load(Ordering::Relaxed),
            down_bytes: self.shared.down_bytes.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // With the task goes its set of connections.
        self.task.abort();
    }
}

/// Takes connections in, or refuses them, until it is aborted.
async fn accept(
    shared: Arc<Shared>,
    first: TcpListener,
    holder: TcpSocket,
    mut orders: mpsc::Receiver<Order>,
) {
    let mut listener = Some(first);
    let mut serving = JoinSet::new();
    loop {
        let next = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // An order first: what it answers must be true of the connections that come.
            biased;
            order = orders.recv() => {
                let Some((refusing, answer)) = order else { return };
                let done = refuse(refusing, &mut listener, &holder);
                let _ = answer.send(done);
            }
            accepted = next => {
                // Errors are of the one connection, or of too many of them: it goes on.
                let Ok((client, peer)) = accepted else {
                    tokio::task::yield_now().await;
                    continue;
                };
                serving.spawn(serve(Arc::clone(&shared), client, peer));
            }
            Some(_) = serving.join_next() => {}
        }
    }
}

fn refuse(
    refusing: bool,
    listener: &mut Option<TcpListener>,
    holder: &TcpSocket,
) -> std::io::Result<()> {
    if refusing {
        *listener = None;
    } else if listener.is_none() {
        *listener = Some(listen(holder.local_addr()?)?);
    }
    Ok(())
}

async fn serve(shared: Arc<Shared>, client: TcpStream, peer: SocketAddr) {
    let id = shared.connections.fetch_add(1, Ordering::Relaxed);
    let bytes = [Arc::clone(&shared.up_bytes), Arc::clone(&shared.down_bytes)];
    let (control, orders) = {
        let faults = lock(&shared.faults);
        let (control, orders) = Control::new(id, peer, *faults, bytes);
        lock(&shared.live).push(Arc::clone(&control));
        (control, orders)
    };
    let _listed = Listed {
        shared: &shared,
        id,
    };
    let target = || *lock(&shared.target);
    connection::serve(client, target, &control, orders).await;
}

/// A connection among those that are open; no more when it is dropped.
struct Listed<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        lock(&self.shared.live).retain(|control| control.id() != self.id);
    }
}

fn socket(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    socket(address)?.listen(BACKLOG)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

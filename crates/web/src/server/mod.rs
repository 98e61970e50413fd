//! Listening, and stopping without losing a request.
//!
//! Told to stop, a server first says so (`/readyz` fails, answers carry
//! `Connection: close`), then accepts what the kernel already holds for it and
//! closes its listeners, gives callers a moment to hear of it, ends idle
//! connections, and waits for the others up to `drain_timeout`.

mod connection;
mod lenient;
mod pace;
mod refusal;
mod stream;
pub(crate) mod tls;

pub(crate) use pace::Streaming;

use crate::admin::Admin;
use crate::config::WebConfig;
use crate::gate::Exposure;
use crate::queue;
use crate::web::Web;
use connection::Acceptor;
use pando_store::Store;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tls::TlsFiles;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// How long answers say `Connection: close` before idle connections are ended: enough for
/// a request that is on its way to arrive and be answered.
const FAREWELL: Duration = Duration::from_millis(250);

/// A server that is running.
pub struct Running {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    web: Arc<Web>,
    tls: Option<Arc<TlsFiles>>,
    join: JoinHandle<Drained>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut off because the time for draining was over.
    pub cut_off: usize,
}

/// What connections are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Serve,
    Finish,
}

/// Begins to serve on sockets that are bound, until `shutdown` resolves. Without
/// `tls` it speaks HTTP/1.1 and cleartext HTTP/2, else both over TLS.
pub fn serve(
    listeners: Vec<TcpListener>,
    tls: Option<Arc<TlsFiles>>,
    store: Arc<Store>,
    admin: Arc<dyn Admin>,
    config: WebConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Running> {
    let web = Web::new(store, admin, config);
    serve_web(listeners, tls, web, shutdown)
}

/// The same, of a web tier that is there already.
pub fn serve_web(
    listeners: Vec<TcpListener>,
    tls: Option<Arc<TlsFiles>>,
    web: Web,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Running> {
    let addresses = listeners
        .iter()
        .map(TcpListener::local_addr)
        .collect::<io::Result<Vec<SocketAddr>>>()?;
    let web = Arc::new(web);
    let join = tokio::spawn(run(listeners, tls.clone(), Arc::clone(&web), shutdown));
    Ok(Running {
        addresses,
        web,
        tls,
        join,
    })
}

impl Running {
    /// Takes over what can change in a running server: whether keys are required, the
    /// origins, and the certificate. On an error nothing has changed.
    pub fn reload(&self, config: &WebConfig) -> Result<(), tls::TlsError> {
        if let Some(tls) = &self.tls {
            tls.reload()?;
        }
        self.web.reload(config);
        Ok(())
    }

    /// The web tier that it serves.
    pub fn web(&self) -> &Arc<Web> {
        &self.web
    }

    /// Waits until it has stopped.
    pub async fn wait(self) -> Drained {
        // The task ends by itself; it is neither aborted nor does it panic.
        self.join.await.unwrap_or(Drained { cut_off: 0 })
    }
}

async fn run(
    listeners: Vec<TcpListener>,
    tls: Option<Arc<TlsFiles>>,
    web: Arc<Web>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Drained {
    let clock = tokio::spawn(queue::run(Arc::clone(&web)));
    let (orders, order) = watch::channel(Order::Serve);
    let max = u32::try_from(web.limits().max_connections).unwrap_or(u32::MAX);
    let room = Arc::new(Semaphore::new(max as usize));
    let (stop, stopped) = watch::channel(false);
    let accepting: Vec<JoinHandle<()>> = listeners
        .into_iter()
        .map(|listener| {
            let acceptor = Acceptor {
                web: Arc::clone(&web),
                tls: tls.clone(),
                room: Arc::clone(&room),
                order: order.clone(),
                exposure: exposure_of(&listener),
            };
            tokio::spawn(acceptor.run(listener, stopped.clone()))
        })
        .collect();
    drop(order);
    shutdown.await;
    web.drain();
    let _ = clock.await;
    stop.send_replace(true);
    for accepting in accepting {
        let _ = accepting.await;
    }
    let deadline = tokio::time::sleep(web.limits().drain_timeout);
    let farewell = async {
        tokio::time::sleep(FAREWELL).await;
        web.end_streams();
        orders.send_replace(Order::Finish);
        // Every connection holds a permit until it has ended.
        let _ = room.acquire_many(max).await;
    };
    tokio::select! {
        () = farewell => Drained { cut_off: 0 },
        () = deadline => {
            let cut_off = max as usize - room.available_permits();
            tracing::warn!(cut_off, "connections were still open when the time for draining was over");
            Drained { cut_off }
        }
    }
}

fn exposure_of(listener: &TcpListener) -> Exposure {
    match listener.local_addr() {
        Ok(address) if address.ip().is_loopback() => Exposure::Loopback,
        _ => Exposure::Public,
    }
}

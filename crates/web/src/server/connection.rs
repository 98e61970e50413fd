//! One listener's connections: accepted within the limit, encrypted where it is
//! set, served, and ended when they idle or the server stops.

use super::Order;
use super::pace::Pace;
use super::stream::Watched;
use super::tls::TlsFiles;
use crate::gate::Exposure;
use crate::payload::{Payload, Talk};
use crate::web::Web;
use http::header::CONNECTION;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// After a failed accept (no file descriptors, as a rule) there is nothing to do but wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What an HTTP/2 connection begins with (RFC 9113, section 3.4).
const HTTP2: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests of one HTTP/2 connection at once; more wait.
const STREAMS_MAX: u32 = 256;

/// Accepts the connections of one listener.
#[derive(Clone)]
pub(super) struct Acceptor {
    pub web: Arc<Web>,
    pub tls: Option<Arc<TlsFiles>>,
    pub room: Arc<Semaphore>,
    pub order: watch::Receiver<Order>,
    pub exposure: Exposure,
}

impl Acceptor {
    /// Accepts until it is told to stop; then what is waiting already, and no more.
    pub(super) async fn run(self, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
        loop {
            let next = async {
                let permit = Arc::clone(&self.room).acquire_owned().await.ok()?;
                Some((permit, listener.accept().await))
            };
            tokio::select! {
                accepted = next => match accepted {
                    Some((permit, Ok((stream, _)))) => self.spawn(stream, permit),
                    Some((_, Err(error))) => self.pause(&error).await,
                    None => return,
                },
                () = becomes(&mut stopped, true) => break,
            }
        }
        while let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            let waiting = timeout(Duration::ZERO, listener.accept()).await;
            let Ok(Ok((stream, _))) = waiting else {
                return;
            };
            self.spawn(stream, permit);
        }
    }

    async fn pause(&self, error: &io::Error) {
        let is_callers = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
        );
        if !is_callers {
            tracing::warn!(%error, "could not accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }

    fn spawn(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let acceptor = self.clone();
        tokio::spawn(async move {
            acceptor.web.metrics().connections.inc();
            acceptor.serve(stream).await;
            acceptor.web.metrics().connections.dec();
            drop(permit);
        });
    }

    async fn serve(&self, stream: TcpStream) {
        // Answers are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => {
                let pace = self.pace();
                let Some(is_http1) = self.is_http1(&stream, &pace).await else {
                    return;
                };
                self.converse(stream, pace, is_http1).await;
            }
            Some(tls) => {
                // Connections that are not encrypted need no room for one that is.
                let handshake = Box::pin(tls.acceptor().accept(stream));
                match timeout(self.web.limits().header_timeout, handshake).await {
                    Ok(Ok(stream)) => {
                        Box::pin(self.converse(stream, self.pace(), false)).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
    }

    fn pace(&self) -> Arc<Pace> {
        let limits = self.web.limits();
        Arc::new(Pace::new(limits.header_timeout, limits.idle_timeout))
    }

    /// Whether what comes first is HTTP/1 for sure; `None` where nothing comes.
    async fn is_http1(&self, stream: &TcpStream, pace: &Pace) -> Option<bool> {
        let mut start = [0; HTTP2.len()];
        let mut order = self.order.clone();
        tokio::select! {
            seen = stream.peek(&mut start) => {
                let seen = seen.ok().filter(|seen| *seen > 0)?;
                Some(!HTTP2.starts_with(start.get(..seen)?))
            }
            () = becomes(&mut order, Order::Finish) => None,
            () = pace.overdue() => None,
        }
    }

    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        pace: Arc<Pace>,
        is_http1: bool,
    ) {
        // What is talked on the connection once it carries no more requests.
        let next: Arc<Mutex<Option<Talk>>> = Arc::default();
        let service = service_fn(|request: Request<Incoming>| {
            let (web, pace) = (Arc::clone(&self.web), Arc::clone(&pace));
            let next = Arc::clone(&next);
            let exposure = self.exposure;
            async move {
                let _busy = pace.busy();
                // In a place of its own: it has room for every kind of request, and a connection
                // keeps the place of its answer for as long as it is there.
                let mut reply = Box::pin(web.handle(request, exposure)).await;
                match reply.body_mut() {
                    Payload::Whole(_) => {}
                    Payload::Events(events) => events.hold(pace.streaming()),
                    Payload::Switched(talk) => {
                        pace.switch();
                        *next.lock() = talk.take();
                    }
                }
                if reply.status().is_client_error() && reply.headers().contains_key(CONNECTION) {
                    pace.leave_unread();
                }
                Ok::<_, Infallible>(reply)
            }
        });
        let mut stream = Watched::new(stream, Arc::clone(&pace));
        if is_http1 {
            stream.hold_back();
        }
        let io = TokioIo::new(stream);
        let builder = self.builder();
        let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
        let mut order = self.order.clone();
        let mut is_ending = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = %error, "a connection ended badly");
                    }
                    break;
                }
                () = becomes(&mut order, Order::Finish), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = pace.overdue() => {
                    if is_ending {
                        return;
                    }
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
        let next = next.lock().take();
        if let Some(talk) = next {
            // In the task of the connection: it counts as one, and is waited for as one.
            talk.await;
        }
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let limits = self.web.limits();
        let mut builder = Builder::new(TokioExecutor::new());
        let head_bytes = limits.max_header_bytes + limits.max_uri;
        builder
            .http1()
            // Time limits are kept by `pace`, without a timer for each request.
            .header_read_timeout(None)
            .max_buf_size(head_bytes.max(64 << 10));
        if limits.max_headers > 100 {
            // Up to 100 hyper keeps them on its stack.
            builder.http1().max_headers(limits.max_headers);
        }
        builder
            .http2()
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX));
        builder
    }
}

/// Waits for a value; for ever, if its sender is gone without having sent it.
async fn becomes<T: PartialEq>(watched: &mut watch::Receiver<T>, value: T) {
    let is_gone = watched.wait_for(|now| *now == value).await.is_err();
    if is_gone {
        std::future::pending::<()>().await;
    }
}

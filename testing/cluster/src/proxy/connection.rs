//! One connection through the proxy, and the handle to it.

use super::pump::{self, Bytes};
use super::{Cut, Faults, Traffic};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// For how long what a client still sends is read after FIN: a close with bytes that were not
/// read would be a RST.
const DRAIN: Duration = Duration::from_secs(5);

/// An open connection. It may have ended since.
#[derive(Clone, Debug)]
pub struct Connection {
    control: Arc<Control>,
}

/// What the proxy and the task of a connection share.
#[derive(Debug)]
pub(super) struct Control {
    id: u64,
    client: SocketAddr,
    faults: watch::Sender<Faults>,
    cut: watch::Sender<Option<Cut>>,
    up: Bytes,
    down: Bytes,
}

/// What the task of a connection is told.
pub(super) struct Orders {
    faults: watch::Receiver<Faults>,
    cut: watch::Receiver<Option<Cut>>,
}

impl Connection {
    pub(super) fn new(control: Arc<Control>) -> Connection {
        Connection { control }
    }

    /// The client's address.
    #[must_use]
    pub fn client(&self) -> SocketAddr {
        self.control.client
    }

    /// What is wrong with it from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.control.faults.send_replace(faults);
    }

    /// Ends it; answers when both ends have been told.
    pub async fn cut(&self, cut: Cut) {
        self.control.cut.send_replace(Some(cut));
        self.control.cut.closed().await;
    }

    /// Answers when it has ended, by whomever.
    pub async fn ended(&self) {
        self.control.cut.closed().await;
    }

    /// What went through it.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections: 1,
            up_bytes: self.control.up.own.load(Ordering::Relaxed),
            down_bytes: self.control.down.own.load(Ordering::Relaxed),
        }
    }
}

impl Control {
    pub(super) fn new(
        id: u64,
        client: SocketAddr,
        faults: Faults,
        [up, down]: [Arc<AtomicU64>; 2],
    ) -> (Arc<Control>, Orders) {
        let (faults, told_faults) = watch::channel(faults);
        let (cut, told_cut) = watch::channel(None);
        let (up, down) = (Bytes::of(up), Bytes::of(down));
        let control = Control {
            id,
            client,
            faults,
            cut,
            up,
            down,
        };
        (
            Arc::new(control),
            Orders {
                faults: told_faults,
                cut: told_cut,
            },
        )
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

/// Carries a connection until it ends.
pub(super) async fn serve(
    mut client: TcpStream,
    target: impl Fn() -> SocketAddr,
    control: &Control,
    mut orders: Orders,
) {
    let mut server = None;
    let carried = tokio::select! {
        // Before anything else that is ready: nothing passes after it.
        biased;
        cut = ordered(&mut orders.cut) => Err(cut),
        end = carry(&mut client, &mut server, target, control, &orders.faults) => Ok(end),
    };
    let cut = match carried {
        Ok(Ok(())) => return, // each has ended what it had to say, and the other was told
        // One end has failed, or there is no server: so it is for the other.
        Ok(Err(_)) => Cut::Reset,
        Err(cut) => cut,
    };
    let streams = [Some(client), server].into_iter().flatten();
    match cut {
        Cut::Reset => {
            for stream in streams {
                // What the kernel does on closing, then.
                let _ = stream.set_zero_linger();
            }
        }
        Cut::Close => {
            let mut open = Vec::new();
            for mut stream in streams {
                let _ = stream.shutdown().await;
                open.push(stream);
            }
            drop(orders); // both have been told
            let _ = tokio::time::timeout(DRAIN, drain(open)).await;
        }
    }
}

/// The cut, once it is ordered.
async fn ordered(cut: &mut watch::Receiver<Option<Cut>>) -> Cut {
    loop {
        if let Some(cut) = *cut.borrow_and_update() {
            return cut;
        }
        if cut.changed().await.is_err() {
            // Nobody is left who could order it.
            std::future::pending::<()>().await;
        }
    }
}

async fn carry(
    client: &mut TcpStream,
    server: &mut Option<TcpStream>,
    target: impl Fn() -> SocketAddr,
    control: &Control,
    faults: &watch::Receiver<Faults>,
) -> io::Result<()> {
    pump::flowing(&mut faults.clone()).await;
    let server = server.insert(TcpStream::connect(target()).await?);
    for stream in [&*client, &*server] {
        // The proxy adds no delay but what is asked of it.
        stream.set_nodelay(true)?;
    }
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    let up = pump::run(
        client_reads,
        server_writes,
        faults,
        |faults| faults.up,
        &control.up,
    );
    let down = pump::run(
        server_reads,
        client_writes,
        faults,
        |faults| faults.down,
        &control.down,
    );
    tokio::try_join!(up, down).map(drop)
}

/// Reads until the ends have closed.
async fn drain(streams: Vec<TcpStream>) {
    let mut buffer = [0; 4096];
    for mut stream in streams {
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    }
}

//! Brokers, each by itself: started, killed, and started again on the same data.

mod nats;
mod rabbitmq;

pub use nats::{Builder as NatsBuilder, Nats};
pub use rabbitmq::RabbitMq;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::site::Site;
use crate::wait;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A broker's process on a host of its own.
#[derive(Debug)]
struct Process {
    host: Host,
    address: SocketAddr,
    program: &'static str,
    /// The process that was launched last.
    pid: Mutex<Option<u32>>,
    // After the host: the folder goes when its processes have.
    site: Arc<Site>,
}

impl Process {
    fn new(site: Arc<Site>, host: Host, address: SocketAddr, program: &'static str) -> Process {
        Process {
            host,
            address,
            program,
            pid: Mutex::default(),
            site,
        }
    }

    /// Launches it, and waits until it answers `hello` with what begins with `greeting`.
    async fn start(
        &self,
        path: &Path,
        words: &[&str],
        (hello, greeting): (&[u8], &[u8]),
        limit: Duration,
    ) -> Result<()> {
        if self.running().is_ok() {
            return Err(Error::new(format!("{} runs already", self.program)));
        }
        let pid = self.host.launch(self.program, path, words)?;
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = Some(pid);
        let look = || async {
            if !self.host.is_alive(pid) {
                return Ok(false);
            }
            let said = greet(self.address, hello, greeting.len());
            match tokio::time::timeout(GREETING, said).await {
                Ok(Ok(said)) if said == greeting => Ok(true),
                Ok(Ok(said)) => Err(format!("it says {:?}", String::from_utf8_lossy(&said))),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("it says nothing for {GREETING:?}")),
            }
        };
        let what = format!("{} letting clients in", self.program);
        let started = match wait::until(&what, limit, look).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::new(format!("not {what}: its process has ended"))),
            Err(error) => Err(error),
        };
        started.map_err(|error| error.with_log(&self.host.log(self.program)))
    }

    async fn kill(&self) -> Result<()> {
        self.host.kill_tree(self.running()?).await
    }

    fn running(&self) -> Result<u32> {
        let pid = *self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = pid.filter(|pid| self.host.is_alive(*pid));
        alive.ok_or_else(|| Error::new(format!("{} does not run", self.program)))
    }
}

/// A server that runs greets at once.
const GREETING: Duration = Duration::from_secs(2);

async fn greet(address: SocketAddr, hello: &[u8], bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(hello).await?;
    let mut said = vec![0; bytes];
    stream.read_exact(&mut said).await?;
    Ok(said)
}

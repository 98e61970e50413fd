//! Processes under test: started, awaited, measured, killed when dropped.

use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server in a process of its own.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start until it said it was ready.
    pub ready_after: Duration,
}

/// How a server's syncs are treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disk {
    /// As it is.
    AsIs,
    /// 4 ms more for each fsync and fdatasync.
    Slow,
}

impl Disk {
    /// For names of figures.
    pub fn suffix(self) -> &'static str {
        match self {
            Disk::AsIs => "",
            Disk::Slow => "-sync+4ms",
        }
    }

    /// Makes a command's process run on such a disk.
    pub fn apply(self, command: &mut Command) -> Result<()> {
        if self == Disk::Slow {
            command.env("LD_PRELOAD", slow_sync_library()?);
        }
        Ok(())
    }
}

impl Server {
    /// Pando over `data_dir`, with rows already in it or not.
    pub async fn pando(data_dir: &Path, disk: Disk) -> Result<Server> {
        let address = free_address()?;
        let mut command = serve(data_dir, address)?;
        disk.apply(&mut command)?;
        Server::start(command, address, "/readyz").await
    }

    /// The same, by a file of settings.
    pub async fn pando_with(data_dir: &Path, settings: &Path) -> Result<Server> {
        let address = free_address()?;
        let mut command = serve(data_dir, address)?;
        command.arg("--config").arg(settings);
        Server::start(command, address, "/readyz").await
    }

    /// The same, with settings: names of variables and their values.
    pub async fn pando_set(data_dir: &Path, settings: &[(&str, &str)]) -> Result<Server> {
        let address = free_address()?;
        let mut command = serve(data_dir, address)?;
        command.envs(settings.iter().copied());
        Server::start(command, address, "/readyz").await
    }

    /// Pando over a database of PostgreSQL's, with so many connections to read.
    pub async fn pando_over_postgres(data_dir: &Path, url: &str, pool: usize) -> Result<Server> {
        let address = free_address()?;
        let mut command = serve(data_dir, address)?;
        command
            .current_dir(data_dir)
            .env("PANDO__STORE__ENGINE", "postgres")
            .env("PANDO__STORE__POSTGRES__URL", url)
            .env("PANDO__STORE__POSTGRES__POOL", pool.to_string());
        Server::start(command, address, "/readyz").await
    }

    /// A peer of this program's own (`pando-bench peer …`).
    pub async fn peer(arguments: &[&str]) -> Result<Server> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("peer")
            .arg(address.to_string())
            .args(arguments)
            .stdin(Stdio::null());
        Server::start(command, address, "/readyz").await
    }

    async fn start(mut command: Command, address: SocketAddr, path: &str) -> Result<Server> {
        let begun = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let mut server = Server {
            child,
            address,
            ready_after: Duration::ZERO,
        };
        loop {
            if let Some(status) = server.child.try_wait()? {
                bail!("{command:?} ended with {status} before it was ready");
            }
            if crate::load::get_once(address, path)
                .await
                .is_ok_and(|status| status == 200)
            {
                break;
            }
            if begun.elapsed() > Duration::from_secs(60) {
                bail!("{command:?} was not ready after a minute");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    /// CPU time used so far, user and system.
    pub fn cpu(&self) -> Result<Duration> {
        cpu_of(&self.child.id().to_string())
    }

    /// Resident memory in MB.
    pub fn rss_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().split(' ').next()?.parse::<f64>().ok())
            .map(|kib| kib / 1024.0)
            .context("/proc/PID/status names no VmRSS")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn serve(data_dir: &Path, address: SocketAddr) -> Result<Command> {
    let mut command = Command::new(pando_binary()?);
    command
        .arg("serve")
        .args(["--listen", &address.to_string()])
        .arg("--data-dir")
        .arg(data_dir)
        .env("PANDO__LOG__LEVEL", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Ok(command)
}

/// CPU time that a process has used so far, user and system; `self` is this one.
pub fn cpu_of(process: &str) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<u64>().ok())
    };
    let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
        bail!("/proc/PID/stat has an unknown form");
    };
    // USER_HZ is 100 on every Linux of today.
    Ok(Duration::from_millis((user + system) * 10))
}

/// Runs Pando's command to its end.
pub fn pando(data_dir: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(pando_binary()?);
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .stdout(Stdio::null());
    let status = command.status()?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// The release binary beside this program.
pub fn pando_binary() -> Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("pando");
    if !beside.exists() {
        bail!(
            "there is no {}: build it with `cargo build --release -p pando`",
            beside.display()
        );
    }
    Ok(beside)
}

/// A port of loopback that nobody listens at.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Builds the library that delays syncs, once for each run.
fn slow_sync_library() -> Result<PathBuf> {
    let library = std::env::temp_dir().join(format!("pando-slow-sync-{}.so", std::process::id()));
    if !library.exists() {
        let source = library.with_extension("c");
        std::fs::write(&source, include_str!("slow_sync.c"))?;
        let status = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source)
            .status()
            .context("run cc: install gcc")?;
        if !status.success() {
            bail!("cc could not build {}", source.display());
        }
    }
    Ok(library)
}

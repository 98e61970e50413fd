//! PgBouncer in front of a database, as a process of its own.

use crate::process::{cpu_of, free_address};
use anyhow::{Context, Result, bail};
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Debian's; `PATH` may lack `sbin`.
const PROGRAM: &str = "/usr/sbin/pgbouncer";
const READY: Duration = Duration::from_secs(30);

/// Ends when dropped.
pub struct Bouncer {
    child: Child,
    address: SocketAddr,
    database: String,
    _folder: TempDir,
}

impl Bouncer {
    /// Pools transactions of `database` over so many connections of the server.
    pub async fn start(server: SocketAddr, database: &str, pool: usize) -> Result<Bouncer> {
        let (folder, address) = (tempfile::tempdir()?, free_address()?);
        // It reads as the user it becomes.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let (users, settings) = (folder.path().join("users"), folder.path().join("ini"));
        fs::write(&users, "\"postgres\" \"\"\n")?;
        let text = format!(
            "[databases]\n\
             {database} = host={} port={} user=postgres\n\
             [pgbouncer]\n\
             listen_addr = {}\n\
             listen_port = {}\n\
             unix_socket_dir =\n\
             auth_type = trust\n\
             auth_file = {}\n\
             pool_mode = transaction\n\
             default_pool_size = {pool}\n\
             log_connections = 0\n\
             log_disconnections = 0\n\
             log_stats = 0\n",
            server.ip(),
            server.port(),
            address.ip(),
            address.port(),
            users.display(),
        );
        fs::write(&settings, text)?;
        let mut command = Command::new(PROGRAM);
        command.arg("--quiet").arg(&settings).stdin(Stdio::null());
        // It refuses to run as root.
        if fs::metadata("/proc/self")?.uid() == 0 {
            command.arg("--user=postgres");
        }
        let child = command.spawn();
        let child = child.with_context(|| format!("{PROGRAM}: run `.ci/install cluster`"))?;
        let mut bouncer = Bouncer {
            child,
            address,
            database: database.to_owned(),
            _folder: folder,
        };
        bouncer.ready().await?;
        Ok(bouncer)
    }

    /// Of the database, through it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/{}", self.address, self.database)
    }

    /// CPU time used so far, user and system.
    pub fn cpu(&self) -> Result<Duration> {
        cpu_of(&self.child.id().to_string())
    }

    /// Debian's name of it, with its version.
    pub fn version() -> Result<String> {
        let told = Command::new(PROGRAM).arg("--version").output()?.stdout;
        let told = String::from_utf8_lossy(&told);
        Ok(told.lines().next().unwrap_or_default().to_owned())
    }

    async fn ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while let Err(error) = tokio::net::TcpStream::connect(self.address).await {
            if let Some(status) = self.child.try_wait()? {
                bail!("{PROGRAM} ended with {status} before it was ready");
            }
            if begun.elapsed() > READY {
                return Err(error).with_context(|| format!("{PROGRAM} at {}", self.address));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

//! What can be asked of every PostgreSQL and done to it, whoever started it.

use crate::error::{Error, Result};
use crate::host::Host;
use crate::program::{postgres, run};
use crate::site::Site;
use crate::wait;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The longest that a statement of [`Server::sql`] may take, a stopped server among them.
const SQL: Duration = Duration::from_secs(60);
/// The superuser, and the database that is there at first.
pub(crate) const USER: &str = "postgres";

/// A PostgreSQL on a host of its own.
#[derive(Debug)]
pub struct Server {
    pub(crate) host: Host,
    pub(crate) address: SocketAddr,
    pub(crate) password: Option<String>,
    /// `sslmode` and `sslrootcert` of whoever connects, where the server has a certificate.
    pub(crate) tls: Option<PathBuf>,
    /// The log that the server writes to.
    pub(crate) program: &'static str,
    // After the host: the folder goes when its processes have.
    pub(crate) site: Arc<Site>,
}

/// How far a server's log of changes has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wal {
    /// The timeline: one more with each promotion.
    pub timeline: u32,
    /// The position: written on a primary, replayed on a replica.
    pub lsn: u64,
}

impl Server {
    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How clients connect, as the superuser, with the password if there is one. With TLS the
    /// certificate's authority is named and checked.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.address)
    }

    /// The same by way of another address, such as a [`crate::Proxy`]'s.
    #[must_use]
    pub fn url_at(&self, address: SocketAddr) -> String {
        let password = match &self.password {
            Some(password) => format!(":{password}"),
            None => String::new(),
        };
        let tls = match &self.tls {
            Some(root) => format!("?sslmode=verify-full&sslrootcert={}", root.display()),
            None => String::new(),
        };
        format!("postgres://{USER}{password}@{address}/postgres{tls}")
    }

    /// Where its data lie.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.host.folder().join("data")
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.host.log_tail(self.program)
    }

    /// Runs statements with psql and answers what it writes, unaligned and without heads. By
    /// the socket in the server's folder: also where the server's host is cut off, whatever
    /// its rules for passwords are.
    ///
    /// # Errors
    /// The server is not there, or refuses; a minute has passed.
    pub async fn sql(&self, statements: &str) -> Result<String> {
        self.sql_in("postgres", statements).await
    }

    /// The same in a database of its own.
    ///
    /// # Errors
    /// Those of [`Server::sql`].
    pub async fn sql_in(&self, database: &str, statements: &str) -> Result<String> {
        let folder = self.host.folder().display().to_string();
        let port = self.address.port().to_string();
        let psql = postgres("psql")?;
        let arguments = [
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            &folder,
            "-p",
            &port,
            "-U",
            USER,
            "-d",
            database,
            "-c",
            statements,
        ];
        run(&psql, &arguments, SQL).await
    }

    /// What pg_dump writes of a database's schema.
    ///
    /// # Errors
    /// Those of [`Server::sql`].
    pub async fn dump_schema(&self, database: &str) -> Result<String> {
        let folder = self.host.folder().display().to_string();
        let port = self.address.port().to_string();
        let program = postgres("pg_dump")?;
        let arguments = [
            "--schema-only",
            "-h",
            &folder,
            "-p",
            &port,
            "-U",
            USER,
            database,
        ];
        run(&program, &arguments, SQL).await
    }

    /// Whether it follows another: it is in recovery.
    ///
    /// # Errors
    /// Those of [`Server::sql`].
    pub async fn is_replica(&self) -> Result<bool> {
        Ok(self.sql("select pg_is_in_recovery()").await? == "t")
    }

    /// How far it has got.
    ///
    /// # Errors
    /// Those of [`Server::sql`].
    pub async fn wal(&self) -> Result<Wal> {
        let answer = self
            .sql(
                "select case when pg_is_in_recovery() then coalesce( \
                   (select received_tli from pg_stat_wal_receiver), \
                   (select timeline_id from pg_control_checkpoint())) \
                 else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int \
                 end, (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() \
                   else pg_current_wal_lsn() end) - '0/0'",
            )
            .await?;
        let parsed = answer.split_once('|').and_then(|(timeline, lsn)| {
            Some(Wal {
                timeline: timeline.parse().ok()?,
                lsn: lsn.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| Error::new(format!("{}: no position: {answer}", self.name())))
    }

    /// Waits until it has got as far.
    ///
    /// # Errors
    /// The limit has passed.
    pub async fn reached(&self, wal: Wal, limit: Duration) -> Result<()> {
        let what = format!("{} at {wal:?}", self.name());
        let look = || async {
            match self.wal().await {
                Ok(now) if now >= wal => Ok(()),
                Ok(now) => Err(format!("it is at {now:?}")),
                Err(error) => Err(error.to_string()),
            }
        };
        wait::until(&what, limit, look).await
    }

    /// Kills all processes of PostgreSQL, none of which can do anything more (SIGKILL). What
    /// started it may start it again, as Patroni does.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&self) -> Result<()> {
        self.host.kill_tree(self.running()?).await
    }

    /// Stops all its processes where they are (SIGSTOP): connections stay, and nothing answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.host.stop_tree(self.running()?).map(drop)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.host.continue_tree(self.running()?)
    }

    /// Limits the cores that it may use, now and when it is started again; nothing for all.
    ///
    /// # Errors
    /// There is no controller for it.
    pub fn set_cpu_quota(&self, cores: Option<f64>) -> Result<()> {
        self.host.set_cpu_quota(self.postmaster(), cores)
    }

    /// For how long its processes had to wait because of the quota, all in all.
    ///
    /// # Errors
    /// The controller does not say so.
    pub fn cpu_throttled(&self) -> Result<Duration> {
        self.host.throttled()
    }

    /// Cuts its host off: nothing passes from or to it, nobody is told, everything on it runs
    /// on. On a LAN only.
    ///
    /// # Errors
    /// It is not on a LAN.
    pub fn cut(&self) -> Result<()> {
        self.site.cut(&self.host)
    }

    /// Ends that.
    ///
    /// # Errors
    /// It is not on a LAN.
    pub fn join(&self) -> Result<()> {
        self.site.join(&self.host)
    }

    /// Whether its first process is there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.postmaster().is_some()
    }

    /// Its first process, where it is there: as its data folder says, and the host confirms.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        let pid = pid_of(&self.data())?;
        self.host.is_alive(pid).then_some(pid)
    }

    fn running(&self) -> Result<u32> {
        let none = || Error::new(format!("PostgreSQL of {} does not run", self.name()));
        self.postmaster().ok_or_else(none)
    }
}

/// What `postmaster.pid` of a data folder says: the first process.
fn pid_of(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// Whether it lets clients in, as `postmaster.pid` says: what `pg_ctl` looks at, too.
pub(crate) fn is_ready(data: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else {
        return false;
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.first().is_some_and(|first| *first == pid.to_string())
        && matches!(lines.get(7), Some(&"ready" | &"standby"))
}

//! A primary and streaming replicas, with nobody who watches over them but the test.

use super::{Builder, Postgres, Stop, USER};
use crate::error::{Error, Result};
use crate::program::{postgres, run_as};
use crate::site::Site;
use crate::wait;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// A copy of a small database; of a larger one a test's minute.
const BACKUP: Duration = Duration::from_secs(120);
/// A replica connects every few seconds (`wal_retrieve_retry_interval`).
const STREAM: Duration = Duration::from_secs(30);

/// A primary and its replicas, named `primary`, `replica1`, `replica2` and so on.
#[derive(Debug)]
pub struct Replication {
    /// Takes writes.
    pub primary: Postgres,
    /// Follow it.
    pub replicas: Vec<Postgres>,
}

/// When a commit is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standby {
    /// Replicas follow as fast as they can; what they have not got may be lost.
    #[default]
    Asynchronous,
    /// When any one of the replicas has written it, too.
    Synchronous,
}

impl Builder {
    /// Starts a primary and replicas, each made from it by `pg_basebackup`; answers when all
    /// stream.
    ///
    /// # Errors
    /// Something is missing, and what to do about it; one does not start.
    pub async fn start_replicated(self, replicas: usize, standby: Standby) -> Result<Replication> {
        let site = Arc::new(Site::start(self.options.network).await?);
        let options = self.options.clone();
        let primary = self.start_at(&site, "primary").await?;
        let mut all = Replication {
            primary,
            replicas: Vec::new(),
        };
        for number in 1..=replicas {
            let name = format!("replica{number}");
            let mut replica = Postgres::place(&options, &site, &name).await?;
            replica.copy_from(&all.primary).await?;
            replica.configure().await?;
            replica.start().await?;
            all.replicas.push(replica);
        }
        for replica in &all.replicas {
            all.primary.streams_to(replica.name(), STREAM).await?;
        }
        if standby == Standby::Synchronous {
            let names: Vec<&str> = all.replicas.iter().map(|replica| replica.name()).collect();
            all.primary.set_synchronous(&names).await?;
        }
        Ok(all)
    }
}

impl Postgres {
    /// Waits until a replica streams from this server.
    ///
    /// # Errors
    /// The limit has passed.
    pub async fn streams_to(&self, replica: &str, limit: Duration) -> Result<()> {
        let statement = format!(
            "select count(*) from pg_stat_replication \
             where application_name = '{replica}' and state = 'streaming'"
        );
        let what = format!("{} streaming to {replica}", self.name());
        let look = || async {
            match self.sql(&statement).await {
                Ok(count) if count == "1" => Ok(()),
                Ok(count) => Err(format!("{count} connections stream")),
                Err(error) => Err(error.to_string()),
            }
        };
        wait::until(&what, limit, look).await
    }

    /// Answers commits of this server when any one of the named replicas has written them, too;
    /// without names, at once. Answers when it is so.
    ///
    /// # Errors
    /// No such replica streams within half a minute.
    pub async fn set_synchronous(&self, replicas: &[&str]) -> Result<()> {
        let names: Vec<String> = replicas.iter().map(|name| format!("\"{name}\"")).collect();
        let names = match names.is_empty() {
            true => String::new(),
            false => format!("ANY 1 ({})", names.join(", ")),
        };
        self.set("synchronous_standby_names", &names).await?;
        let what = format!(
            "{} having {} synchronous replicas",
            self.name(),
            replicas.len()
        );
        let statement =
            "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')";
        let look = || async {
            match self.sql(statement).await {
                Ok(count) if count == replicas.len().to_string() => Ok(()),
                Ok(count) => Err(format!("it has {count}")),
                Err(error) => Err(error.to_string()),
            }
        };
        wait::until(&what, STREAM, look).await
    }

    /// Sets a setting that needs no start, by `ALTER SYSTEM`, also on a replica.
    ///
    /// # Errors
    /// The server refuses it.
    pub async fn set(&self, setting: &str, value: &str) -> Result<()> {
        let value = value.replace('\'', "''");
        // Each a transaction of its own: the first must not be in one.
        self.sql(&format!("alter system set {setting} = '{value}'"))
            .await?;
        self.sql("select pg_reload_conf()").await.map(drop)
    }

    /// A replica receives, and replays nothing more.
    ///
    /// # Errors
    /// It is none.
    pub async fn pause_replay(&self) -> Result<()> {
        self.sql("select pg_wal_replay_pause()").await?;
        let what = format!("{} with its replay paused", self.name());
        let look = || async {
            match self.sql("select pg_get_wal_replay_pause_state()").await {
                Ok(state) if state == "paused" => Ok(()),
                Ok(state) => Err(state),
                Err(error) => Err(error.to_string()),
            }
        };
        wait::until(&what, STREAM, look).await
    }

    /// It replays again.
    ///
    /// # Errors
    /// It is no replica.
    pub async fn resume_replay(&self) -> Result<()> {
        self.sql("select pg_wal_replay_resume()").await.map(drop)
    }

    /// A replica replays commits so long after they were made.
    ///
    /// # Errors
    /// It does not run.
    pub async fn set_apply_delay(&self, delay: Duration) -> Result<()> {
        let delay = format!("{}ms", delay.as_millis());
        self.set("recovery_min_apply_delay", &delay).await
    }

    /// A replica becomes a primary, on a timeline of its own; answers when it takes writes.
    ///
    /// # Errors
    /// It is none, or has not within a minute.
    pub async fn promote(&self) -> Result<()> {
        let done = self.sql("select pg_promote(true, 60)").await?;
        if done != "t" {
            let text = format!("{} was not promoted", self.name());
            return Err(Error::new(text).with_log(&self.server.host.log(super::PROGRAM)));
        }
        Ok(())
    }

    /// Makes an old primary, or a replica of one, follow a new one: `pg_rewind` takes back what
    /// it has and the new one has not. Answers when it streams.
    ///
    /// # Errors
    /// It cannot be taken back; it does not stream within half a minute.
    pub async fn follow(&self, primary: &Postgres) -> Result<()> {
        if self.is_running() {
            self.stop(Stop::Fast).await?;
        }
        // Until its first checkpoint a new primary's folder says that it is on the old timeline,
        // and `pg_rewind` that there is nothing to take back.
        primary.sql("checkpoint").await?;
        let source = primary.connection(self.name());
        let data = self.data().display().to_string();
        let (account, program) = (self.server.host.account(), postgres("pg_rewind")?);
        // What the new one's folder says of itself comes with the copy.
        let files = ["postgresql.conf", "pg_hba.conf"].map(|file| self.data().join(file));
        let mut kept = Vec::new();
        for path in &files {
            let text = fs::read_to_string(path);
            kept.push(text.map_err(|error| Error::file("read", path, &error))?);
        }
        let arguments = ["-D", &data, "--source-server", &source, "-R"];
        let rewound = run_as(account, &program, &arguments, BACKUP).await;
        for (path, text) in files.iter().zip(&kept) {
            account.write(path, text)?;
        }
        rewound?;
        self.start().await?;
        primary.streams_to(self.name(), STREAM).await
    }

    /// How a server with a name connects to this one.
    fn connection(&self, name: &str) -> String {
        let address = self.address();
        let mut words = format!(
            "host={} port={} user={USER} dbname=postgres application_name={name}",
            address.ip(),
            address.port()
        );
        if let Some(password) = &self.server.password {
            words += &format!(" password={password}");
        }
        if let Some(root) = &self.server.tls {
            words += &format!(" sslmode=verify-full sslrootcert={}", root.display());
        }
        words
    }

    async fn copy_from(&self, primary: &Postgres) -> Result<()> {
        let source = primary.connection(self.name());
        let data = self.data().display().to_string();
        let (account, program) = (self.server.host.account(), postgres("pg_basebackup")?);
        let arguments = [
            "-d",
            &source,
            "-D",
            &data,
            "-X",
            "stream",
            "-c",
            "fast",
            "-R",
            "--no-sync",
        ];
        run_as(account, &program, &arguments, BACKUP)
            .await
            .map(drop)
    }
}

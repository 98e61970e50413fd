//! One PostgreSQL, by itself: started, stopped, killed and started again by the test.

mod options;
mod replica;
mod template;

pub(crate) use crate::server::USER;
pub(crate) use options::{Options, SETTINGS};
pub use replica::{Replication, Standby};
pub(crate) use template::copy as copy_template;

use crate::error::{Error, Result};
use crate::program::postgres;
use crate::server::{Server, is_ready};
use crate::site::{Network, Site};
use crate::tls::Authority;
use crate::wait;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// The log of a server, and the name of its program.
const PROGRAM: &str = "postgres";
/// After a SIGKILL under load there is something to replay.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(60);

/// A PostgreSQL; its [`Server`] says what can be asked of it.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    options: Options,
}

/// What a PostgreSQL shall be.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    options: Options,
}

/// How a PostgreSQL is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// When the last client has gone (SIGTERM).
    Smart,
    /// Clients are sent away (SIGINT).
    Fast,
    /// As after a crash, but at once (SIGQUIT).
    Immediate,
}

impl Postgres {
    /// One with the harness's settings, on loopback, without password or TLS.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts it; answers when it lets clients in.
    ///
    /// # Errors
    /// It runs already, or does not start: with the end of its log.
    pub async fn start(&self) -> Result<()> {
        if self.is_running() {
            return Err(Error::new(format!("{} runs already", self.name())));
        }
        let (host, data) = (&self.server.host, self.data());
        let folder = data.display().to_string();
        let pid = host.launch(PROGRAM, &postgres("postgres")?, &["-D", &folder])?;
        let what = format!("{} letting clients in", self.name());
        let look = || async {
            if is_ready(&data, pid) {
                return Ok(true);
            }
            if host.is_alive(pid) {
                Err("it is starting")
            } else {
                Ok(false)
            }
        };
        let log = host.log(PROGRAM);
        match wait::until(&what, START, look).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let text = format!("PostgreSQL of {} has ended", self.name());
                Err(Error::new(text).with_log(&log))
            }
            Err(error) => Err(error.with_log(&log)),
        }
    }

    /// Stops it; answers when it has ended.
    ///
    /// # Errors
    /// It does not run, or has not ended within a minute.
    pub async fn stop(&self, how: Stop) -> Result<()> {
        let none = || Error::new(format!("PostgreSQL of {} does not run", self.name()));
        let pid = self.postmaster().ok_or_else(none)?;
        let signal = match how {
            Stop::Smart => "TERM",
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        let host = &self.server.host;
        host.signal(signal, &[pid])?;
        let gone = host.gone(&[pid], STOP).await;
        gone.map_err(|error| error.with_log(&host.log(PROGRAM)))
    }

    /// Stops it fast and starts it.
    ///
    /// # Errors
    /// Those of both.
    pub async fn restart(&self) -> Result<()> {
        self.stop(Stop::Fast).await?;
        self.start().await
    }

    /// A PostgreSQL on a host of its own, with nothing in its folder yet.
    async fn place(options: &Options, site: &Arc<Site>, name: &str) -> Result<Postgres> {
        let (host, address) = site.host(name).await?;
        let address = site.postgres_port(address)?;
        let server = Server {
            host,
            address,
            password: options.password.clone(),
            tls: None,
            program: PROGRAM,
            site: Arc::clone(site),
        };
        Ok(Postgres {
            server,
            options: options.clone(),
        })
    }

    /// Writes its settings.
    async fn configure(&mut self) -> Result<()> {
        let server = &self.server;
        let (folder, address) = (server.host.folder(), server.address);
        let written = self
            .options
            .write(&server.site, server.name(), folder, address);
        self.server.tls = written.await?;
        Ok(())
    }
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Builder {
    /// A setting of `postgresql.conf`; the last of a name wins.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Builder {
        self.options
            .settings
            .push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without `fsync`, where a test is about something else.
    #[must_use]
    pub fn without_fsync(self) -> Builder {
        self.setting("fsync", "off")
    }

    /// Clients show a password, by SCRAM-SHA-256. Letters and digits: it stands in URLs.
    #[must_use]
    pub fn password(mut self, password: &str) -> Builder {
        self.options.password = Some(password.to_owned());
        self
    }

    /// TLS is offered, with a certificate for the server's address.
    #[must_use]
    pub fn tls(mut self, authority: &Authority) -> Builder {
        let (authority, names) = (authority.clone(), Vec::new());
        self.options.tls = Some(options::Tls {
            authority,
            names,
            required: false,
        });
        self
    }

    /// The certificate has these names instead. After [`Builder::tls`].
    #[must_use]
    pub fn tls_names(mut self, names: &[&str]) -> Builder {
        if let Some(tls) = &mut self.options.tls {
            tls.names = names.iter().map(|name| (*name).to_owned()).collect();
        }
        self
    }

    /// Nobody is let in without TLS. After [`Builder::tls`].
    #[must_use]
    pub fn tls_required(mut self) -> Builder {
        if let Some(tls) = &mut self.options.tls {
            tls.required = true;
        }
        self
    }

    /// Where it is.
    #[must_use]
    pub fn network(mut self, network: Network) -> Builder {
        self.options.network = network;
        self
    }

    /// Starts one.
    ///
    /// # Errors
    /// Something is missing, and what to do about it; it does not start.
    pub async fn start(self) -> Result<Postgres> {
        let site = Arc::new(Site::start(self.options.network).await?);
        self.start_at(&site, "postgres").await
    }

    async fn start_at(self, site: &Arc<Site>, name: &str) -> Result<Postgres> {
        let mut postgres = Postgres::place(&self.options, site, name).await?;
        template::copy(site.account(), &postgres.data()).await?;
        postgres.configure().await?;
        postgres.start().await?;
        if let Some(password) = &self.options.password {
            let password = password.replace('\'', "''");
            postgres
                .sql(&format!("alter role {USER} password '{password}'"))
                .await?;
        }
        Ok(postgres)
    }
}

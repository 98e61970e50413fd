//! One RabbitMQ, with an Erlang of its own.

use super::Process;
use crate::error::Result;
use crate::program::{run_as, system};
use crate::site::{Network, Site};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const PROGRAM: &str = "rabbitmq-server";
/// The programs themselves: what lies in `PATH` first becomes the user `rabbitmq`.
const FOLDER: &str = "/usr/lib/rabbitmq/bin";
const PORT: u16 = 5672;
/// Erlang loads some thousand modules; two cores that others use take their time.
const START: Duration = Duration::from_secs(240);
const CTL: Duration = Duration::from_secs(60);

/// A RabbitMQ on a host of its own, one node, guest and guest.
#[derive(Debug)]
pub struct RabbitMq {
    process: Process,
    /// What is set for its programs: words of `env`.
    environment: Vec<String>,
}

impl RabbitMq {
    /// Starts one on loopback.
    ///
    /// # Errors
    /// Something is missing, and what to do about it; it does not start.
    pub async fn launch() -> Result<RabbitMq> {
        let site = Arc::new(Site::start(Network::Loopback).await?);
        let (host, ip) = site.host("rabbitmq").await?;
        let address = site.port(ip, PORT)?;
        let (epmd, between) = (site.port(ip, 0)?, site.port(ip, 0)?);
        let folder = host.folder().display().to_string();
        let config = format!(
            "listeners.tcp.1 = {address}\nloopback_users = none\n\
             vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 1MB\n\
             log.console = true\nlog.console.level = info\nlog.file = false\n"
        );
        let account = site.account();
        account.write(&host.folder().join("rabbitmq.conf"), &config)?;
        account.write(&host.folder().join("enabled_plugins"), "[].\n")?;
        // Erlang asks for names, and nobody may be there to answer.
        let names = format!(
            "{{lookup, [file]}}.\n{{host, {{{}}}, [\"pando.invalid\"]}}.\n",
            ip.to_string().replace('.', ",")
        );
        account.write(&host.folder().join("inetrc"), &names)?;
        let set = |name: &str, value: &dyn std::fmt::Display| format!("{name}={value}");
        let environment = vec![
            set("HOME", &folder),
            set("RABBITMQ_CONF_ENV_FILE", &"/dev/null"),
            set("RABBITMQ_CONFIG_FILE", &format!("{folder}/rabbitmq.conf")),
            set(
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                &format!("{folder}/enabled_plugins"),
            ),
            set("RABBITMQ_MNESIA_BASE", &format!("{folder}/mnesia")),
            set("RABBITMQ_LOG_BASE", &format!("{folder}/log")),
            set("RABBITMQ_PID_FILE", &format!("{folder}/pid")),
            set("RABBITMQ_NODENAME", &format!("pando@{ip}")),
            set("RABBITMQ_USE_LONGNAME", &true),
            set("RABBITMQ_DIST_PORT", &between.port()),
            set(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                &format!(
                    "-kernel inet_dist_use_interface {{{}}}",
                    ip.to_string().replace('.', ",")
                ),
            ),
            set("ERL_EPMD_PORT", &epmd.port()),
            set("ERL_EPMD_ADDRESS", &ip),
            set("ERL_INETRC", &format!("{folder}/inetrc")),
            // Two threads are what a test needs, and start sooner.
            set("RABBITMQ_IO_THREAD_POOL_SIZE", &4),
        ];
        let rabbit = RabbitMq {
            process: Process::new(site, host, address, PROGRAM),
            environment,
        };
        rabbit.start().await?;
        Ok(rabbit)
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// How clients connect, without user and password, which are `guest`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://{}", self.address())
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.host.log_tail(PROGRAM)
    }

    /// Starts it on what it has; answers when it lets clients in.
    ///
    /// # Errors
    /// It runs already, or does not start: with the end of its log.
    pub async fn start(&self) -> Result<()> {
        let program = format!("{FOLDER}/{PROGRAM}");
        system(PROGRAM)?;
        let mut words: Vec<&str> = self.environment.iter().map(String::as_str).collect();
        words.push(&program);
        // A version of the protocol that is none: the server names its own, and hangs up.
        let greeting = (&b"AMQP\x00\x00\x00\x00"[..], &b"AMQP"[..]);
        self.process
            .start(&system("env")?, &words, greeting, START)
            .await
    }

    /// Kills it (SIGKILL), and what it started.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&self) -> Result<()> {
        self.process.kill().await
    }

    /// What `rabbitmqctl` answers.
    ///
    /// # Errors
    /// The server is not there, or refuses; a minute has passed.
    pub async fn ctl(&self, command: &[&str]) -> Result<String> {
        let program = format!("{FOLDER}/rabbitmqctl");
        let mut words: Vec<&str> = self.environment.iter().map(String::as_str).collect();
        words.push(&program);
        words.extend(command);
        let account = self.process.site.account();
        run_as(account, &system("env")?, &words, CTL).await
    }
}

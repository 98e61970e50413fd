//! `pando serve`: from the configuration to a server that is ready, and back.

mod intake;
mod journal;
mod logs;
mod outbox;

use super::{Context, migrate};
use crate::access::holder;
use crate::cli::ServeArgs;
use crate::config::{Config, EngineKind};
use crate::control::Control;
use crate::data_dir::{DataDir, Held, Lock};
use crate::failure::{self, fail};
use crate::logging;
use crate::parts::{self, cache::Caches};
use crate::report::Report;
use crate::roles::worker::Crew;
use crate::roles::{self, Role, web};
use crate::signals::{self, Stop};
use pando_model::inspection::Weight;
use pando_store::listening::Intake;
use pando_store::{Store, Swept};
use pando_web::Admin;
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the store does what is due.
const MAINTAIN_EVERY: Duration = Duration::from_secs(60);
/// How often what other processes have changed is looked for: all know of it within a second.
const NEWS_EVERY: Duration = Duration::from_millis(250);
/// For how long one of several processes sweeps before another may.
const UPKEEP_TERM: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Ready {
    url: String,
    addresses: Vec<SocketAddr>,
    data_dir: String,
    /// Where this process has left it, or found it.
    root_key: Option<String>,
    engine: EngineKind,
    pid: u32,
}

/// Serves until it is told to stop.
pub async fn run(args: ServeArgs, context: Context) -> anyhow::Result<()> {
    let roles = roles::parse(&args.roles, context.loaded.config.store.engine)?;
    let Context {
        loaded,
        sources,
        report,
    } = context;
    loaded.check_files()?;
    let config = loaded.config.clone();
    let level = logging::start(&config.log)?;
    // From here on a signal ends what was begun, and does not kill it half-way.
    let mut stop = Stop::listen()?;
    let mut hangup = signals::hangup()?;
    let dir = DataDir::new(&config.data_dir);
    let lock = take(&dir)?;
    let listeners = web::bind(&config).await?;
    let tls = web::load_tls(&config)?;
    let (store, caches) = parts::open_served(&config, &dir).await?;
    warn_of_shortfalls(&store).await;
    if config.store.migrate {
        migrate::at_start(&store, &config).await?;
    }
    let crew = Arc::new(Crew::default());
    let control = Arc::new(Control::new(
        sources,
        loaded,
        Arc::clone(&store),
        Arc::clone(&caches),
        Arc::clone(&crew),
        level,
        tls.clone(),
    ));
    // Written before the first connection is taken, so that whoever finds the server ready
    // finds its address too; who comes sooner waits in the listener's queue.
    lock.announce(&url_of(&config, &addresses_of(&listeners)?))?;
    let mut upkeep = Upkeep::start(&store, &config).await?;
    let shutdown = watch::Sender::new(false);
    let mut told = shutdown.subscribe();
    let inputs = web::Inputs {
        listeners,
        tls,
        store: Arc::clone(&store),
        topics: parts::topics::open(&config, &store).await?,
        changes: parts::topics::changes(&config, &store),
        admin: Arc::clone(&control) as Arc<dyn Admin>,
    };
    let running = web::start(inputs, &config, async move {
        // The sender lives until the server has stopped.
        let _ = told.wait_for(|stop| *stop).await;
    })?;
    control.attach(Arc::clone(running.web()));
    if roles.contains(&Role::Worker) {
        upkeep.work(&store, &config, &crew)?;
    }
    announce(&config, &dir, &running.addresses, report)?;
    upkeep.go_on(&store, &config, caches);
    let by = until_told(&store, &control, &mut stop, &mut hangup).await;
    tracing::info!(by, "stopping");
    tokio::spawn(stop_at_once(stop));
    // While the server still answers, as an application that works on a message may ask it.
    crew.stop(config.limits.drain_timeout.get()).await;
    shutdown.send_replace(true);
    let drained = running.wait().await;
    upkeep.stop();
    journal::drain(&store, config.limits.drain_timeout.get()).await;
    store.close().await?;
    drop(lock);
    tracing::info!(cut_off = drained.cut_off, "stopped");
    Ok(())
}

/// Whoever says stop once more does not wait for what is under way.
async fn stop_at_once(mut stop: Stop) {
    let by = stop.recv().await;
    tracing::warn!(by, "stopping at once");
    std::process::exit(1);
}

/// Reloads and does what is due while requests are served, until somebody says stop; says who.
async fn until_told(
    store: &Store,
    control: &Control,
    stop: &mut Stop,
    hangup: &mut Signal,
) -> &'static str {
    let mut asked = control.stopping();
    let mut due = tokio::time::interval(MAINTAIN_EVERY);
    loop {
        tokio::select! {
            signal = stop.recv() => return signal,
            _ = asked.wait_for(|stop| *stop) => return "the admin API",
            _ = hangup.recv() => {
                // What came of it is logged, and answered where the admin API asked.
                let _ = control.reload().await;
            }
            _ = due.tick() => maintain(store).await,
        }
    }
}

/// What is done beside the requests. A write that was begun goes on to its end; the store
/// waits for it, and the next start does the rest.
struct Upkeep {
    tasks: Vec<JoinHandle<()>>,
    /// What listeners hear of, until somebody takes it in.
    intake: Option<Intake>,
}

impl Upkeep {
    /// Declares what documents are searched by, and has their indexes built; has what listeners hear
    /// of recorded from now on.
    async fn start(store: &Arc<Store>, config: &Config) -> anyhow::Result<Upkeep> {
        let declared = parts::documents(config)
            .map_err(|(path, reason)| fail(format!("[{path}]: {reason}")))?;
        store.declare_search(&declared).await?;
        let subscribers = parts::listeners::subscribers(config);
        let intake = intake::begin(store, subscribers).await?;
        let mut upkeep = Upkeep {
            tasks: Vec::new(),
            intake,
        };
        let tending = move |store| parts::tend_documents(store, declared.clone());
        upkeep.keep(store, "documents", tending);
        if store.engine().is_shared() {
            upkeep.keep(store, "news", take_news);
        }
        Ok(upkeep)
    }

    /// Has something done until the server stops, whether it panics or not.
    fn keep<F>(
        &mut self,
        store: &Arc<Store>,
        name: &'static str,
        mut begin: impl FnMut(Arc<Store>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let store = Arc::clone(store);
        self.tasks.push(tokio::spawn(async move {
            let tasks = store.tasks().clone();
            tasks.keep(name, || begin(Arc::clone(&store))).await;
        }));
    }

    /// Has what has run out swept away, the rules of caching follow what they are made of, what
    /// waits in the journal applied, and what is published to queues on a broker handed over.
    fn go_on(&mut self, store: &Arc<Store>, config: &Config, caches: Arc<Caches>) {
        let every = config.store.sweep_interval.get();
        self.keep(store, "sweep", move |store| sweep(store, every));
        self.keep(store, "caches", move |_| Arc::clone(&caches).keep());
        let every = config.cache.journal.flush_interval.get();
        self.keep(store, "journal", move |store| journal::flush(store, every));
        if config.queue.broker().is_some() {
            self.keep(store, "relay", outbox::relay);
        } else if store.engine().is_shared() {
            self.keep(store, "homes", outbox::watch);
        }
    }

    /// Has messages worked on, and listeners hear of what is committed.
    fn work(&mut self, store: &Arc<Store>, config: &Config, crew: &Crew) -> anyhow::Result<()> {
        crew.start(store, config)?;
        if let Some(intake) = self.intake.take() {
            let subscribers = parts::listeners::subscribers(config);
            let mut begun = Some(intake);
            self.keep(store, "intake", move |store| {
                intake::run(store, begun.take(), subscribers.clone())
            });
        }
        Ok(())
    }

    fn stop(self) {
        for task in self.tasks {
            task.abort();
        }
    }
}

fn addresses_of(listeners: &[TcpListener]) -> std::io::Result<Vec<SocketAddr>> {
    listeners.iter().map(TcpListener::local_addr).collect()
}

fn take(dir: &DataDir) -> anyhow::Result<Lock> {
    dir.create()?;
    dir.lock()?.map_err(|held| in_use(dir, &held).into())
}

fn in_use(dir: &DataDir, held: &Held) -> failure::Failure {
    let path = dir.path().display();
    match &held.server {
        Some(server) => fail(format!(
            "{} serves the data in {path} already, on {}",
            holder(held),
            server.url
        ))
        .hint("stop it, or serve another folder with --data-dir"),
        None => fail(format!("{} has the data in {path} open", holder(held)))
            .hint("wait until it is done, or serve another folder with --data-dir"),
    }
}

/// Takes over what other processes change, again and again.
async fn take_news(store: Arc<Store>) {
    let mut due = tokio::time::interval(NEWS_EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_cut_off = false;
    loop {
        due.tick().await;
        match store.take_news().await {
            Ok(()) => is_cut_off = false,
            Err(error) if is_cut_off => tracing::debug!(%error, "could not look for news"),
            Err(error) => {
                is_cut_off = true;
                tracing::warn!(%error, "could not look for what other processes have changed");
            }
        }
    }
}

/// Sweeps away what has run out, again and again; of several processes one does.
async fn sweep(store: Arc<Store>, every: Duration) {
    let mut due = tokio::time::interval(every);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut logs = logs::Logs::default();
    loop {
        due.tick().await;
        let swept = match store.keeps_up(UPKEEP_TERM.max(every * 3)).await {
            Ok(true) => {
                if let Err(error) = logs.sweep(&store).await {
                    tracing::debug!(%error, "could not sweep queues; it is tried again");
                }
                store.sweep().await
            }
            Ok(false) => continue,
            Err(error) => Err(error),
        };
        match swept {
            Ok(swept) if swept.is_nothing() => {}
            Ok(Swept { values, receipts }) => {
                tracing::debug!(values, receipts, "swept away what had run out");
            }
            Err(error) => tracing::debug!(%error, "could not sweep; it is tried again"),
        }
    }
}

/// Says what the servers do, and what stands in the way of what is promised, in how they are set
/// up.
async fn warn_of_shortfalls(store: &Store) {
    match store.engine().inspect().await {
        Ok(found) => {
            for server in &found.servers {
                let (role, at) = (server.role.name(), server.at);
                tracing::info!(
                    server = server.name,
                    role,
                    timeline = server.timeline,
                    ?at,
                    "a database server"
                );
            }
            for found in found
                .shortfalls
                .iter()
                .filter(|found| found.weight > Weight::Note)
            {
                let (setting, mend) = (found.setting, &found.mend);
                tracing::warn!(setting, mend, "{}", found.message);
            }
        }
        Err(error) => tracing::warn!(%error, "could not look how the database is set up"),
    }
}

async fn maintain(store: &Store) {
    if let Err(error) = store.maintain().await {
        tracing::debug!(%error, "could not do what was due");
    }
}

fn announce(
    config: &Config,
    dir: &DataDir,
    addresses: &[SocketAddr],
    report: Report,
) -> anyhow::Result<()> {
    let ready = Ready {
        url: url_of(config, addresses),
        addresses: addresses.to_vec(),
        data_dir: dir.path().display().to_string(),
        root_key: (dir.root_key().exists()).then(|| dir.root_key().display().to_string()),
        engine: config.store.engine,
        pid: std::process::id(),
    };
    tracing::info!(url = ready.url, data_dir = ready.data_dir, "serving");
    let open = !config.auth.required && addresses.iter().all(|at| at.ip().is_loopback());
    report.answer(&ready, |ready| {
        let kept = match ready.engine {
            EngineKind::Sqlite => "SQLite, synced before each answer",
            EngineKind::Postgres => "root key and lock; the data is in PostgreSQL",
            EngineKind::Memory => "in memory: gone when this process ends",
        };
        let keys = if open {
            "needed only on addresses that are not loopback"
        } else {
            "needed for every request"
        };
        let root_key = match &ready.root_key {
            Some(path) => path,
            None => "none here: it is with the process that made the store",
        };
        format!(
            "Pando {} serves {}\n  data      {} ({kept})\n  root key  {root_key} (keys are {keys})\n",
            env!("CARGO_PKG_VERSION"),
            ready.url,
            ready.data_dir,
        )
    })
}

/// Where somebody on this machine reaches the server.
fn url_of(config: &Config, addresses: &[SocketAddr]) -> String {
    let scheme = if config.tls.cert.is_some() {
        "https"
    } else {
        "http"
    };
    let first = addresses
        .first()
        .copied()
        .map_or_else(String::new, reachable);
    format!("{scheme}://{first}")
}

/// An address as somebody on this machine writes it.
fn reachable(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port()).to_string()
}

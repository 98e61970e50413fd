//! How a command gets at the data: through the server that holds the data
//! directory, or, where none does, by opening the store itself.

use crate::client;
use crate::commands::Context;
use crate::config::EngineKind;
use crate::data_dir::{DataDir, Held, Lock};
use crate::failure::fail;
use crate::parts::{self, Purpose};
use pando_client::Client;
use pando_store::Store;
use std::sync::Arc;

/// The variable that a key is read from.
const KEY_VARIABLE: &str = "PANDO_KEY";

/// A way to the data.
pub enum Access {
    /// Through a server.
    Server(Server),
    /// The store is open in this process.
    Store(Open),
}

/// A server that holds the data directory.
pub struct Server {
    /// Speaks to it, with a key.
    pub client: Client,
    /// Where it listens.
    pub url: String,
    /// Its data directory.
    pub dir: DataDir,
}

/// A store that is open in this process.
pub struct Open {
    store: Arc<Store>,
    /// Of the data directory; none beside a server that has it.
    lock: Option<Lock>,
}

/// Opens the data, and makes it where there is none.
pub async fn open(context: &Context) -> anyhow::Result<Access> {
    open_for(context, Purpose::General).await
}

/// The same, for a purpose.
pub async fn open_for(context: &Context, purpose: Purpose) -> anyhow::Result<Access> {
    reach(context, purpose, false).await
}

async fn reach(context: &Context, purpose: Purpose, has_to_exist: bool) -> anyhow::Result<Access> {
    let config = &context.loaded.config;
    let dir = DataDir::new(&config.data_dir);
    dir.create()?;
    let lock = match dir.lock()? {
        Ok(lock) => Some(lock),
        // A database has room for one more; who may open it needs no key of the server's.
        Err(_) if config.store.engine == EngineKind::Postgres && key(&dir).is_none() => None,
        Err(held) => return server(context, dir, &held).map(Access::Server),
    };
    if config.store.engine == EngineKind::Memory {
        return fail("the memory engine keeps its data in the server, and none is running")
            .hint("start one: pando serve")
            .err();
    }
    let is_elsewhere = config.store.engine == EngineKind::Postgres;
    if has_to_exist && is_elsewhere && parts::is_empty(config).await? {
        return fail("there is no store in the database that store.postgres.url names")
            .hint("see that it names the right one, or begin with `pando serve`")
            .err();
    }
    let store = parts::open_store(config, &dir, purpose).await?;
    Ok(Access::Store(Open { store, lock }))
}

/// Opens the data that is there; a folder or a database without data is refused, and left as it
/// is. Otherwise a slip in `--data-dir` would make an empty store there, and back that up.
pub async fn open_existing(context: &Context) -> anyhow::Result<Access> {
    let dir = DataDir::new(&context.loaded.config.data_dir);
    let is_elsewhere = context.loaded.config.store.engine == EngineKind::Postgres;
    if !is_elsewhere && !dir.has_data() {
        return fail(format!("there is no data in {}", dir.path().display()))
            .hint("name the folder with --data-dir, or begin with `pando serve`")
            .err();
    }
    reach(context, Purpose::General, true).await
}

/// The key that requests to the server of `dir` carry.
pub fn key(dir: &DataDir) -> Option<String> {
    key_given().or_else(|| dir.read_root_key())
}

/// The key that was given in the environment, for servers elsewhere.
pub fn key_given() -> Option<String> {
    std::env::var(KEY_VARIABLE)
        .ok()
        .filter(|key| !key.is_empty())
}

/// Who holds the data directory, as people are told.
pub fn holder(held: &Held) -> String {
    match held.pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

impl Open {
    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Whether a server has the data directory, which was not asked for want of a key.
    pub fn is_beside_a_server(&self) -> bool {
        self.lock.is_none()
    }

    /// Finishes what was accepted, and gives the data directory up.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.store.close().await?)
    }
}

fn server(context: &Context, dir: DataDir, held: &Held) -> anyhow::Result<Server> {
    let Some(server) = &held.server else {
        return fail(format!(
            "{} has the data in {} open, and is not serving",
            holder(held),
            dir.path().display()
        ))
        .hint("wait until it is done, or stop it")
        .err();
    };
    let key = key(&dir);
    let certificate = context.loaded.config.tls.cert.as_deref();
    Ok(Server {
        client: client::connect(&server.url, key.as_deref(), certificate)?,
        url: server.url.clone(),
        dir,
    })
}

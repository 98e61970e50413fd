//! Opening a shard: where its store is, and where one may be made.

use crate::config::PostgresConfig;
use crate::fault::{Fault, Step, unavailable};
use crate::inspect;
use crate::open::{Facts, Holds, look, open};
use crate::pool::Pool;
use crate::tls::Origin;
use crate::topology::{Server, Topology};
use crate::trouble::Trouble;
use futures_util::future::join_all;
use pando_model::error::EngineError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon the servers are gone through again, where none could be opened.
const OPEN_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What was found on servers that hold no store that takes writes.
#[derive(Default)]
struct Found {
    empty: Vec<Arc<Server>>,
    copy: Option<Arc<Server>>,
    /// Why the first of those that are of no use is not.
    fault: Option<(Arc<Server>, Fault)>,
    /// What the first of the url's said that would say the same again.
    refusal: Option<(Arc<Server>, Fault)>,
}

/// Opens the store on whichever server takes writes, once there is one; those that the url names
/// are asked first. It is made only where none has one, not even a copy, and only on a server of
/// the url's, or the one that Patroni calls the primary: any other that is empty is a stranger.
/// Without Patroni's word all have to have been looked at: one that is down may have the store.
pub(super) async fn open_primary(
    topology: &Arc<Topology>,
    config: &PostgresConfig,
) -> Result<Facts, Trouble> {
    let deadline = Instant::now() + config.connect_timeout;
    loop {
        let mut found = Found::default();
        let (named, others): (Vec<_>, Vec<_>) =
            (topology.servers().into_iter()).partition(|server| server.origin == Origin::Url);
        for servers in [named, others] {
            if let Some(facts) = found.look_at(servers).await? {
                return Ok(facts);
            }
        }
        if let Some((server, fault)) = found.refusal.take_if(|_| found.copy.is_none()) {
            return Err(trouble(&server, fault));
        }
        let is_known = found.fault.is_none() || topology.has_patroni();
        if found.copy.is_none() && is_known {
            for server in &found.empty {
                if topology.may_begin_on(server).await {
                    let opened = server.writer.run(open).await;
                    return opened.map_err(|fault| trouble(server, fault));
                }
            }
        }
        if Instant::now() >= deadline {
            return Err(found.in_vain());
        }
        tokio::time::sleep(OPEN_AGAIN_AFTER).await;
    }
}

impl Found {
    /// Looks at servers at once, and goes by the first that holds the store.
    async fn look_at(&mut self, servers: Vec<Arc<Server>>) -> Result<Option<Facts>, Trouble> {
        let looks = servers.iter().map(|server| server.writer.run(look));
        let looked = join_all(looks).await;
        for (server, looked) in servers.into_iter().zip(looked) {
            match looked {
                Ok(Holds::Store(facts)) => return Ok(Some(*facts)),
                Ok(Holds::Older) => match server.writer.run(open).await {
                    Ok(facts) => return Ok(Some(facts)),
                    Err(fault) => return Err(trouble(&server, fault)),
                },
                Ok(Holds::Copy) => self.copy = Some(server),
                Ok(Holds::Nothing) => self.empty.push(server),
                Ok(Holds::EmptyCopy) => {}
                Err(fault)
                    if server.origin == Origin::Url
                        && !fault.is_lost()
                        && !fault.is_for_want_of_room() =>
                {
                    self.refusal.get_or_insert((server, fault));
                }
                Err(fault) => {
                    self.fault.get_or_insert((server, fault));
                }
            }
        }
        Ok(None)
    }

    /// Why nothing could be opened.
    fn in_vain(self) -> Trouble {
        let empty = self.empty.first().map(|server| &server.name);
        let reason = match (empty, self.copy, self.fault) {
            (Some(empty), Some(copy), _) => format!(
                "no server has the store and takes writes: {} has a copy of it, and {empty} is \
                 empty",
                copy.name
            ),
            (_, Some(copy), None) => {
                format!(
                    "no server takes writes; {} has a copy of the store",
                    copy.name
                )
            }
            (Some(empty), None, Some((server, _))) => format!(
                "no store is begun on {empty}, which is empty: {} cannot be looked at, and may \
                 have it",
                server.name
            ),
            (_, _, Some((server, fault))) => return trouble(&server, fault),
            (Some(empty), None, None) => format!(
                "no server has the store; {empty} is empty, and nobody calls it the primary"
            ),
            (None, None, None) => "no server has the store, and none takes writes".to_owned(),
        };
        Trouble {
            error: unavailable(reason, OPEN_AGAIN_AFTER),
            mend: Some(
                "see that the primary runs, and that store.postgres.url names it; a replica takes \
                 writes once it is promoted"
                    .to_owned(),
            ),
        }
    }
}

fn trouble(server: &Server, fault: Fault) -> Trouble {
    Trouble::of(fault, &server.name, &server.target, "open the database")
}

/// Whether servers could be looked at, and none of them holds a store or a copy of one. Nothing is
/// made.
pub async fn is_empty(config: &PostgresConfig) -> Result<bool, EngineError> {
    let places = inspect::places(config).await?;
    let looks = places.into_iter().map(|place| {
        let pool = Pool::new(place.target, config, 1);
        async move { pool.run(look).await }
    });
    let looked = join_all(looks).await;
    let is_store =
        |held: &Step<Holds>| matches!(held, Ok(Holds::Store(_) | Holds::Older | Holds::Copy));
    let is_nothing = |held: &Step<Holds>| matches!(held, Ok(Holds::Nothing));
    Ok(looked.iter().any(is_nothing) && !looked.iter().any(is_store))
}

//! What the server is, and whether it keeps what it confirms.

use super::ENGINE;
use super::fault::{invalid, unavailable};
use crate::connect::Connection;
use crate::link::Link;
use pando_model::broker::{Ability, BrokerError, BrokerInfo};
use pando_model::engine::Durability;
use redis::RedisResult;
use std::collections::HashMap;

/// How a server is set up, as far as it says.
#[derive(Clone, Debug)]
pub(super) struct Server {
    said: HashMap<String, String>,
    /// `appendfsync`; nothing where the server does not let us ask.
    appendfsync: Option<String>,
}

pub(super) async fn inspect(link: &Link) -> Result<Server, BrokerError> {
    let ask = async |mut connection: Connection| {
        let said: String = redis::cmd("INFO").query_async(&mut connection).await?;
        let mut config = redis::cmd("CONFIG");
        config.arg("GET").arg("appendfsync");
        let told: RedisResult<HashMap<String, String>> = config.query_async(&mut connection).await;
        Ok((said, told.ok()))
    };
    let (said, told) = link
        .call(ask)
        .await
        .map_err(|error| unavailable(&error.reason))?;
    let lines = said.lines().filter_map(|line| line.split_once(':'));
    let said = lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Ok(Server {
        said: said.collect(),
        appendfsync: told.and_then(|mut told| told.remove("appendfsync")),
    })
}

impl Server {
    fn says(&self, name: &str) -> &str {
        self.said.get(name).map_or("", String::as_str)
    }

    /// Whether a confirmed publish was synced. Replicas follow behind, and are not counted.
    pub(super) fn is_synced(&self) -> bool {
        self.says("aof_enabled") == "1" && self.appendfsync.as_deref() == Some("always")
    }

    pub(super) fn info(&self) -> BrokerInfo {
        BrokerInfo {
            engine: ENGINE,
            version: self.says("redis_version").to_owned(),
            durability: Durability {
                synced: self.is_synced(),
                copies: 1,
            },
        }
    }

    /// A server that is full and evicts would evict queues.
    pub(super) fn evicts_nothing(&self) -> Result<(), BrokerError> {
        let policy = self.says("maxmemory_policy");
        if policy == "noeviction" || self.says("maxmemory") == "0" {
            return Ok(());
        }
        Err(invalid(
            format!("Redis evicts by {policy} when it is full, and would evict queues"),
            "set maxmemory-policy noeviction, or take another Redis than the cache's",
        ))
    }

    /// What to do about an ability that is missing.
    pub(super) fn mend(&self, ability: Ability) -> String {
        match ability {
            Ability::Synced if self.appendfsync.is_none() => {
                "Redis does not say how it syncs: let its user CONFIG GET, with appendonly yes and \
                 appendfsync always"
            }
            Ability::Synced => {
                "Redis confirms before it syncs: set appendonly yes and appendfsync always"
            }
            Ability::Priority => "take a queue for each priority, or keep this one in the store",
            _ => "keep this queue in the store",
        }
        .to_owned()
    }
}

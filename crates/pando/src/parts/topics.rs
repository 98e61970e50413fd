//! Topics: what is between the processes, and how much they may take.

use crate::config::{Config, EngineKind};
use anyhow::Context;
use pando_engine_nats::{NatsBus, NatsConfig};
use pando_engine_redis::{RedisBus, RedisConfig};
use pando_model::bus::Bus;
use pando_queue::changes::{Changes, ChangesConfig};
use pando_queue::topics::{Topics, TopicsConfig};
use pando_store::Store;
use std::sync::Arc;

/// How the store is named as what is between the processes.
const STORE: &str = "store";
const BUS: &str = "topics.bus";
const PASSWORD_FILE: &str = "topics.bus_password_file";
const CREDENTIALS_FILE: &str = "topics.bus_credentials_file";
const CA_FILE: &str = "topics.bus_ca_file";

/// The topics of this process.
pub async fn open(config: &Config, store: &Store) -> anyhow::Result<Arc<Topics>> {
    let bus: Option<Arc<dyn Bus>> = match between(config) {
        Between::Nothing => None,
        Between::Store => store.engine().bus(),
        Between::Redis(redis) => {
            // Stores that share a Redis do not hear each other.
            let deployment = store.identity().await?;
            let bus = RedisBus::start(redis, &deployment).context("cannot use [topics] bus")?;
            Some(Arc::new(bus))
        }
        Between::Nats(nats) => {
            let deployment = store.identity().await?;
            let bus = NatsBus::start(nats, &deployment).context("cannot use [topics] bus")?;
            Some(Arc::new(bus))
        }
    };
    if let Some(bus) = &bus {
        tracing::info!(bus = bus.name(), "processes tell one another of topics");
    }
    let topics = Topics::over(bus, settings_of(config), Arc::clone(store.clock()));
    Ok(Arc::new(topics))
}

/// What is told of the store's changes.
pub fn changes(config: &Config, store: &Store) -> Arc<Changes> {
    let settings = ChangesConfig {
        subscribers_max: config.topics.max_subscribers as usize,
        ring: config.topics.ring as usize,
    };
    Arc::new(Changes::start(Arc::clone(store.engine()), settings))
}

/// What is between the processes.
enum Between {
    /// There is one.
    Nothing,
    Store,
    Redis(RedisConfig),
    Nats(NatsConfig),
}

fn between(config: &Config) -> Between {
    let topics = &config.topics;
    match topics.bus.as_deref() {
        None if config.store.engine == EngineKind::Postgres => Between::Store,
        None => Between::Nothing,
        Some(STORE) => Between::Store,
        Some(url) if is_nats(url) => {
            let mut nats = NatsConfig::new(url);
            nats.credentials_file
                .clone_from(&topics.bus_credentials_file);
            nats.ca_file.clone_from(&topics.bus_ca_file);
            Between::Nats(nats)
        }
        Some(url) => {
            let mut redis = RedisConfig::new(url);
            redis.password_file.clone_from(&topics.bus_password_file);
            redis.ca_file.clone_from(&topics.bus_ca_file);
            Between::Redis(redis)
        }
    }
}

fn is_nats(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    matches!(scheme, Some("nats" | "tls"))
}

/// Files that are named for another bus than the one there is.
fn useless_files(config: &Config, between: &Between) -> Vec<(&'static str, String)> {
    let topics = &config.topics;
    let is_redis = matches!(between, Between::Redis(_));
    let is_nats = matches!(between, Between::Nats(_));
    let files = [
        (PASSWORD_FILE, &topics.bus_password_file, is_redis, "Redis"),
        (
            CREDENTIALS_FILE,
            &topics.bus_credentials_file,
            is_nats,
            "NATS",
        ),
        (
            CA_FILE,
            &topics.bus_ca_file,
            is_redis || is_nats,
            "Redis or NATS",
        ),
    ];
    let useless = files
        .into_iter()
        .filter(|(_, file, is_used, _)| file.is_some() && !is_used);
    useless
        .map(|(path, _, _, whose)| {
            let message = format!("there is no {whose} in topics.bus that it is for");
            (path, message)
        })
        .collect()
}

fn faults_of_bus(config: &Config) -> Vec<(&'static str, String)> {
    let between = between(config);
    let mut faults = useless_files(config, &between);
    match between {
        Between::Store if config.store.engine != EngineKind::Postgres => {
            let message = "only PostgreSQL tells other processes anything; this store has one \
                           process, which needs no bus: leave it out";
            faults.push((BUS, message.to_owned()));
        }
        Between::Nothing | Between::Store => {}
        Between::Nats(nats) => {
            let fault = nats.validate().err();
            faults.extend(fault.map(|fault| (BUS, fault.to_string())));
        }
        Between::Redis(redis) => {
            if let Err(fault) = pando_engine_redis::validate_bus(&redis) {
                let path = match fault.setting {
                    "password_file" => PASSWORD_FILE,
                    "ca_file" => CA_FILE,
                    _ => BUS,
                };
                faults.push((path, fault.reason));
            }
        }
    }
    faults
}

/// What is wrong with what is set: the path of the setting, and why.
pub fn faults(config: &Config) -> Vec<(&'static str, String)> {
    let topics = &config.topics;
    let mut faults = faults_of_bus(config);
    let least = topics.max_message.bytes().saturating_mul(4);
    if topics.ring_memory.bytes() < least {
        let message = "must be at least four times topics.max_message, or a ring could not hold it";
        faults.push(("topics.ring_memory", message.to_owned()));
    }
    if topics.heartbeat.get() > config.limits.idle_timeout.get() / 2 {
        let message = "must be at most half of limits.idle_timeout: who listens to a quiet topic \
                       would be taken for one who is gone";
        faults.push(("topics.heartbeat", message.to_owned()));
    }
    faults
}

fn settings_of(config: &Config) -> TopicsConfig {
    let topics = &config.topics;
    let bytes =
        |size: crate::config::units::ByteSize| usize::try_from(size.bytes()).unwrap_or(usize::MAX);
    TopicsConfig {
        ring: topics.ring as usize,
        ring_bytes_max: bytes(topics.ring_memory),
        message_bytes_max: bytes(topics.max_message),
        subscribers_max: topics.max_subscribers as usize,
    }
}

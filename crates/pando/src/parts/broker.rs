//! The broker that a configuration names.

use crate::config::Messaging;
use anyhow::Context;
use pando_engine_nats::{NatsBroker, NatsConfig};
use pando_engine_rabbitmq::{RabbitBroker, RabbitConfig};
use pando_engine_redis::{RedisBroker, RedisConfig};
use pando_model::broker::{Broker, BrokerInfo};
use std::sync::Arc;

/// Which broker an address is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nats,
    Redis,
    Rabbit,
}

/// What may be written as `[queue] engine`.
const ENGINES: &str = "it is \"store\", or the address of a broker: nats://HOST:4222, \
                       redis://HOST:6379/0 or amqp://HOST:5672/VHOST";
/// Who asks a RabbitMQ where nobody is named.
const RABBIT_USER: &str = "guest";

/// Refuses what no broker can be reached by. Nobody is connected to.
pub fn check(written: &Messaging) -> Result<(), String> {
    let Some(url) = written.broker() else {
        return Ok(());
    };
    let refused = match kind_of(url) {
        None => return Err(format!("{:?}: {ENGINES}", shown(url))),
        Some(Kind::Nats) => nats(written, url)
            .validate()
            .err()
            .map(|error| error.to_string()),
        Some(Kind::Redis) => redis(written, url)
            .validate()
            .err()
            .map(|error| error.to_string()),
        Some(Kind::Rabbit) => rabbit(written, url)?
            .validate()
            .err()
            .map(|error| error.to_string()),
    };
    refused.map_or(Ok(()), Err)
}

/// Connects to the broker that is named, if one is.
pub async fn connect(written: &Messaging) -> anyhow::Result<Option<Arc<dyn Broker>>> {
    let Some(url) = written.broker() else {
        return Ok(None);
    };
    let broker: Arc<dyn Broker> = match kind_of(url) {
        Some(Kind::Nats) => {
            let broker = NatsBroker::connect(nats(written, url)).await;
            Arc::new(broker.with_context(|| cannot(url))?)
        }
        Some(Kind::Redis) => {
            let broker = RedisBroker::connect(&redis(written, url), &written.prefix).await;
            Arc::new(broker.with_context(|| cannot(url))?)
        }
        Some(Kind::Rabbit) => {
            let config = rabbit(written, url).map_err(anyhow::Error::msg)?;
            let broker = RabbitBroker::connect(config).await;
            Arc::new(broker.with_context(|| cannot(url))?)
        }
        None => anyhow::bail!("[queue] engine: {ENGINES}"),
    };
    let info = broker.info();
    tracing::info!(
        engine = info.engine,
        version = info.version,
        synced = info.durability.synced,
        copies = info.durability.copies,
        "a broker for queues"
    );
    Ok(Some(broker))
}

/// Which broker answers, if one is named; nothing is left connected.
pub async fn inspect(written: &Messaging) -> Option<anyhow::Result<BrokerInfo>> {
    let broker = match connect(written).await {
        Ok(broker) => broker?,
        Err(error) => return Some(Err(error)),
    };
    let info = broker.info();
    Some(broker.close().await.map(|()| info).map_err(Into::into))
}

/// Says which queues this process cannot serve, because they are on a broker that it is not told of.
pub fn warn_of_stranded(queues: &[String]) {
    if queues.is_empty() {
        return;
    }
    tracing::error!(
        queues = queues.join(", "),
        "these queues are on a broker, and [queue] engine names none: what is asked of them is \
         refused, and this server is not ready; name the broker again, and say engine = \"store\" \
         in [queues.NAME] of what shall come back from it"
    );
}

fn cannot(url: &str) -> String {
    format!("cannot use [queue] engine {:?}", shown(url))
}

fn kind_of(url: &str) -> Option<Kind> {
    match url.split_once("://")?.0 {
        "nats" | "tls" => Some(Kind::Nats),
        "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" => Some(Kind::Redis),
        "amqp" | "amqps" => Some(Kind::Rabbit),
        _ => None,
    }
}

/// An address without what may be secret in it.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

fn nats(written: &Messaging, url: &str) -> NatsConfig {
    NatsConfig {
        credentials_file: written.credentials_file.clone(),
        ca_file: written.ca_file.clone(),
        prefix: written.prefix.clone(),
        replicas: usize::try_from(written.copies).unwrap_or(usize::MAX),
        synced: written.synced,
        call_timeout: written.timeout.get(),
        ..NatsConfig::new(url)
    }
}

fn redis(written: &Messaging, url: &str) -> RedisConfig {
    RedisConfig {
        password_file: written.password_file.clone(),
        ca_file: written.ca_file.clone(),
        call_timeout: written.timeout.get(),
        ..RedisConfig::for_queues(url)
    }
}

fn rabbit(written: &Messaging, url: &str) -> Result<RabbitConfig, String> {
    let Some(password_file) = &written.password_file else {
        return Err(format!(
            "{:?} lets nobody in without a password: name a file that holds it as [queue] \
             password_file, and who asks as user (\"{RABBIT_USER}\" where nobody is named)",
            shown(url)
        ));
    };
    let user = written.user.as_deref().unwrap_or(RABBIT_USER);
    Ok(RabbitConfig {
        ca_file: written.ca_file.clone(),
        prefix: written.prefix.clone(),
        copies: written.copies,
        call_timeout: written.timeout.get(),
        ..RabbitConfig::new(url, user, password_file)
    })
}

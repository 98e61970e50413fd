//! The rules of queues, from what is declared of them.

use crate::config::{Config, EngineKind, Queue, QueueBackoff, QueuePlace, QueueSchedule};
use crate::failure::{Failure, fail};
use pando_model::engine::Durability;
use pando_queue::listeners::QUEUE_PREFIX;
use pando_queue::{Backoff, BackoffConfig, ConfigError, DedupConfig, Schedule, ScheduleError};
use pando_store::kv::check_name;
use pando_store::queue::{PRIORITIES_MAX, QueueRules, QueuesConfig, Scheduled, check_key};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest lease: [`pando_store::queue`] refuses a longer one too.
const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// As many bytes as one lease gives.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;

/// A setting below that of a queue, and what is wrong with it.
pub(super) type Fault = (String, String);

/// The rules of all queues. What is at fault was refused when the configuration was loaded.
pub fn rules(config: &Config) -> QueuesConfig {
    let each = config.queues.iter();
    QueuesConfig {
        declared: each
            .filter_map(|(name, queue)| {
                let mut rules = rules_of(queue).ok()?;
                rules.on_broker = is_on_broker(config, queue);
                rules.stays = queue.engine.is_some();
                Some((name.clone(), rules))
            })
            .chain(super::listeners::queues(config))
            .collect(),
        others: QueueRules {
            on_broker: config.queue.broker().is_some(),
            ..QueueRules::default()
        },
        exchanges: super::exchanges::rules(config),
        ..QueuesConfig::default()
    }
}

/// What is wrong with what is declared: the dotted path of each setting, and why.
pub fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Err(why) = super::broker::check(&config.queue) {
        faults.push(("queue.engine".to_owned(), why));
    }
    for (name, queue) in &config.queues {
        let mut found = faults_of(queue);
        if let Some(listener) = name.strip_prefix(QUEUE_PREFIX) {
            let why = format!(
                "is the queue of a listener: [listeners.{listener}] says what is set of it"
            );
            found.push((String::new(), why));
        }
        if let Err(refusal) = check_name("queue", name) {
            found.push((String::new(), refusal.message));
        }
        if let Err(fault) = rules_of(queue) {
            found.push(fault);
        }
        let is_keyed = |schedule: &QueueSchedule| schedule.ordering_key.is_some();
        if is_on_broker(config, queue) && !queue.ordered && queue.schedules.values().any(is_keyed) {
            let why = "a schedule has an ordering_key: on a broker that takes ordered = true";
            found.push((".ordered".to_owned(), why.to_owned()));
        }
        if queue.engine == Some(QueuePlace::Broker) && config.queue.broker().is_none() {
            let why =
                "there is no broker: name one as [queue] engine, such as \"nats://127.0.0.1:4222\"";
            found.push((".engine".to_owned(), why.to_owned()));
        }
        if queue.synced && config.store.engine == EngineKind::Memory {
            let why = "the engine `memory` syncs nothing: leave it out, or say [store] engine = \
                       \"sqlite\" or \"postgres\"";
            found.push((".synced".to_owned(), why.to_owned()));
        }
        let at = |(path, why): Fault| (format!("queues.{name}{path}"), why);
        faults.extend(found.into_iter().map(at));
    }
    faults
}

/// Refuses a queue whose answers have to mean that a message was synced where the engine, as its
/// server is set up, means less. A broker is asked by the store, queue by queue.
pub fn check_synced(config: &Config, durability: Durability) -> Result<(), Failure> {
    let mut queues = config.queues.iter();
    let asks = queues.find(|(_, queue)| queue.synced && !durability.synced);
    let Some((name, _)) = asks else {
        return Ok(());
    };
    let mend = match config.store.engine {
        EngineKind::Postgres => {
            "set fsync = on and synchronous_commit = on (or local, remote_write, remote_apply) in \
             PostgreSQL, for the role and the database too"
        }
        EngineKind::Sqlite | EngineKind::Memory => "take another [store] engine",
    };
    let message = format!(
        "queues.{name}.synced is set, and the store answers before what it was given is synced"
    );
    Err(fail(message)
        .hint(format!("{mend}; or leave synced out of [queues.{name}]"))
        .usage())
}

/// Whether a queue is on the broker.
fn is_on_broker(config: &Config, queue: &Queue) -> bool {
    match queue.engine {
        Some(place) => place == QueuePlace::Broker,
        None => config.queue.broker().is_some(),
    }
}

/// What is out of its range.
fn faults_of(queue: &Queue) -> Vec<Fault> {
    let visibility = queue.visibility.get();
    let bytes = queue.max_message.bytes();
    let kept = queue.retention.is_none_or(|kept| !kept.get().is_zero());
    let ranges = [
        (
            ".visibility",
            !visibility.is_zero() && visibility <= VISIBILITY_MAX,
            "must be more than nothing and 12h at most",
        ),
        (
            ".priorities",
            (1..=PRIORITIES_MAX).contains(&queue.priorities),
            "must be between 1 and 10",
        ),
        (".retention", kept, "must be more than nothing"),
        (
            ".max_depth",
            queue.max_depth != Some(0),
            "must be 1 at least",
        ),
        (
            ".max_in_flight",
            queue.max_in_flight > 0,
            "must be 1 at least",
        ),
        (
            ".max_message",
            (1..=MESSAGE_BYTES_MAX).contains(&bytes),
            "must be between 1B and 64MiB",
        ),
    ];
    let wrong = ranges.into_iter().filter(|(_, is_right, _)| !is_right);
    let mut faults: Vec<Fault> = wrong
        .map(|(path, _, why)| (path.to_owned(), why.to_owned()))
        .collect();
    for (place, group) in queue.groups.iter().enumerate() {
        if let Err(refusal) = check_key("a group", group) {
            faults.push((".groups".to_owned(), refusal.message));
        }
        if queue.groups[..place].contains(group) {
            faults.push((".groups".to_owned(), format!("{group:?} is there twice")));
        }
    }
    faults
}

fn rules_of(queue: &Queue) -> Result<QueueRules, Fault> {
    let backoff = backoff(queue.attempts, &queue.backoff);
    let dedup = DedupConfig {
        window: queue.dedup_window.get(),
    };
    dedup.validate().map_err(|error| fault(&error))?;
    Ok(QueueRules {
        visibility: queue.visibility.get(),
        backoff: backoff?,
        dedup,
        priorities: queue.priorities,
        groups: queue.groups.clone(),
        retention: queue.retention.map(|retention| retention.get()),
        max_depth: queue.max_depth,
        max_in_flight: queue.max_in_flight,
        message_bytes_max: usize::try_from(queue.max_message.bytes()).unwrap_or(usize::MAX),
        synced: queue.synced,
        // What the deployment's engine is says more of it.
        on_broker: false,
        stays: false,
        ordered: queue.ordered,
        schedules: schedules(queue)?,
    })
}

/// How attempts follow each other.
pub(super) fn backoff(attempts: u32, written: &QueueBackoff) -> Result<Backoff, Fault> {
    let backoff = Backoff::new(BackoffConfig {
        attempts_max: attempts,
        base: written.base.get(),
        cap: written.cap.get(),
        jitter: written.jitter,
    });
    backoff.map_err(|error| fault(&error))
}

fn fault(error: &ConfigError) -> Fault {
    let setting = match error.setting {
        "attempts_max" => "attempts",
        other => other,
    };
    let why = format!("is {}: it must be {}", error.value, error.must_be);
    (format!(".{setting}"), why)
}

fn schedules(queue: &Queue) -> Result<BTreeMap<String, Scheduled>, Fault> {
    let each = queue.schedules.iter().map(|(name, settings)| {
        let read = scheduled(queue, settings);
        let read = read.map_err(|(path, why)| (format!(".schedules.{name}{path}"), why));
        Ok((name.clone(), read?))
    });
    each.collect()
}

fn scheduled(queue: &Queue, settings: &QueueSchedule) -> Result<Scheduled, Fault> {
    let at = |path: &str, why: String| (path.to_owned(), why);
    let zone = settings.zone.as_deref().unwrap_or("UTC");
    if settings.cron.trim().is_empty() {
        let why = "is missing or empty, and has to say when: write cron = \"0 9 * * mon-fri\", \
                   for instance (minute, hour, day of the month, month, day of the week)";
        return Err(at(".cron", why.to_owned()));
    }
    let schedule = Schedule::parse(&settings.cron, zone);
    if settings.priority >= queue.priorities {
        let highest = queue.priorities.saturating_sub(1);
        let why = format!("is more than the queue's highest, {highest}");
        return Err(at(".priority", why));
    }
    if let Some(key) = &settings.ordering_key {
        check_key("an ordering_key", key)
            .map_err(|refusal| at(".ordering_key", refusal.message))?;
    }
    let body = settings.body.to_string();
    if body.len() as u64 > queue.max_message.bytes() {
        return Err(at(".body", "is larger than max_message".to_owned()));
    }
    Ok(Scheduled {
        schedule: schedule.map_err(|error| {
            let path = match error {
                ScheduleError::Zone { .. } => ".zone",
                _ => ".cron",
            };
            at(path, error.to_string())
        })?,
        body,
        priority: settings.priority,
        ordering_key: settings.ordering_key.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_has_to_be_synced_is_refused_on_an_engine_that_does_not() {
        let mut config = Config::default();
        config.store.engine = EngineKind::Postgres;
        let durability = |synced| Durability { synced, copies: 1 };
        config.queues.insert("mail".to_owned(), Queue::default());
        assert!(check_synced(&config, durability(false)).is_ok());
        let synced = Queue {
            synced: true,
            ..Queue::default()
        };
        config.queues.insert("bills".to_owned(), synced);
        assert!(check_synced(&config, durability(true)).is_ok());
        let refused = check_synced(&config, durability(false));
        let refused = refused.expect_err("it is not synced").to_string();
        assert!(refused.contains("queues.bills.synced"), "{refused}");
    }
}

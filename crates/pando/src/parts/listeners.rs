//! Listeners: what the configuration says of them.

use super::queues::{self, Fault};
use super::workers::told as told_of;
use crate::config::{Config, Listener, OnFailureName, PhaseName, StrategyName};
use crate::failure::fail;
use pando_model::working::WorkerReport;
use pando_queue::ScalingConfig;
use pando_queue::listeners::{ListenerReport, Listeners, Pattern, Phase, Registered, queue_of};
use pando_store::listening::Subscriber;
use pando_store::queue::{DEFAULT_GROUP, QueueRules};
use pando_workers::{
    Endpoint, EndpointConfig, EndpointError, Place, Secrets, UrlListener, WorkerConfig, Workers,
};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Names are labels of metrics, and parts of names of queues.
const NAME_BYTES_MAX: usize = 48;
/// How long one call may take.
const TIMEOUT_MIN: Duration = Duration::from_millis(10);
const TIMEOUT_MAX_BEFORE: Duration = Duration::from_secs(30);
const TIMEOUT_MAX_AFTER: Duration = Duration::from_secs(12 * 60 * 60);
const CONCURRENCY: RangeInclusive<u32> = 1..=1_000;
/// The largest message of a listener's queue: an item that is larger is not told of, but by its key.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How long what a killed process had in hand waits; leases are extended while somebody works.
const VISIBILITY: Duration = Duration::from_secs(5);
/// Within which time what waits is to be told, where that is a question of how many calls there are
/// at once: who hears of a change is waited for more often than who works on a message.
const PROMPTLY: Duration = Duration::from_secs(1);
/// A listener may lag behind, and be for later: nothing is refused for it.
const IN_FLIGHT_MAX: u64 = 1_000_000;

/// Those who hear of what was committed.
pub fn subscribers(config: &Config) -> Vec<Subscriber> {
    let own = after_commit(config);
    own.map(|(name, listener)| Subscriber {
        name: name.clone(),
        on: patterns(listener),
        records: listener.record,
    })
    .collect()
}

/// Those who are called by the process that writes: before commits, and after rollbacks.
pub fn called(config: &Config) -> anyhow::Result<Listeners> {
    let all = config.listeners.iter();
    let own = all.filter_map(|(name, listener)| Some((name, listener, phase_of(listener)?)));
    let each = own.map(|(name, listener, phase)| {
        let endpoint = endpoint(listener).map_err(|error| refusal(name, told_of(&error)))?;
        Ok(Registered {
            name: name.clone(),
            phase,
            on: patterns(listener),
            timeout: listener.timeout.get(),
            goes_on: listener.on_failure == OnFailureName::Allow,
            listener: Arc::new(UrlListener::new(name, endpoint)),
        })
    });
    Ok(Listeners::new(each.collect::<anyhow::Result<_>>()?))
}

/// The rules of their queues, by name. They are the store's, wherever other queues are: the journal
/// is written in one transaction.
pub fn queues(config: &Config) -> impl Iterator<Item = (String, QueueRules)> {
    after_commit(config).filter_map(|(name, listener)| {
        let rules = QueueRules {
            backoff: queues::backoff(listener.attempts, &listener.backoff).ok()?,
            groups: vec![DEFAULT_GROUP.to_owned()],
            max_in_flight: IN_FLIGHT_MAX,
            visibility: VISIBILITY,
            message_bytes_max: MESSAGE_BYTES_MAX,
            // A broker keeps no order of all items.
            stays: true,
            ..QueueRules::default()
        };
        Some((queue_of(name), rules))
    })
}

/// Starts what tells those who hear of commits, of a configuration that has no [`faults`].
pub(super) fn work(workers: &Workers, config: &Config) -> anyhow::Result<()> {
    for (name, listener) in after_commit(config) {
        let endpoint = endpoint(listener).map_err(|error| refusal(name, told_of(&error)))?;
        let worker = WorkerConfig {
            name: queue_of(name),
            place: Place {
                queue: queue_of(name),
                group: DEFAULT_GROUP.to_owned(),
            },
            scaling: ScalingConfig {
                workers_min: 1,
                workers_max: listener.concurrency,
                drain_target: PROMPTLY,
                oldest_objective: PROMPTLY,
                ..ScalingConfig::default()
            },
            rate: None,
            timeout: listener.timeout.get(),
            visibility: None,
        };
        let started = workers.start(worker, Arc::new(endpoint));
        started.map_err(|error| refusal(name, (error.setting.to_owned(), error.to_string())))?;
    }
    Ok(())
}

/// What is seen of those who hear of commits, from what works on their queues here.
pub fn told(config: &Config, workers: &[WorkerReport]) -> Vec<ListenerReport> {
    let each = after_commit(config).map(|(name, listener)| {
        let queue = queue_of(name);
        let mut own = workers.iter().filter(|worker| worker.name == queue);
        let own = own.next();
        let count = |of: fn(&WorkerReport) -> u64| own.map_or(0, of);
        let took = own.map_or(0.0, |worker| worker.took.sum_seconds);
        ListenerReport {
            name: name.clone(),
            phase: Phase::AfterCommit,
            on: patterns(listener).iter().map(Pattern::to_string).collect(),
            handler: own.map_or_else(String::new, |worker| worker.handler.clone()),
            calls: count(|worker| worker.begun),
            vetoes: 0,
            failures: count(|worker| worker.failed + worker.dead),
            dropped: 0,
            took: Duration::try_from_secs_f64(took).unwrap_or_default(),
            last_error: own.and_then(|worker| worker.last_error.clone()),
        }
    });
    each.collect()
}

/// All that are in the configuration, where nobody calls them.
pub fn declared(config: &Config) -> Vec<ListenerReport> {
    let called = config.listeners.iter();
    let called = called.filter_map(|(name, listener)| {
        let on = patterns(listener);
        Some(ListenerReport::new(name, phase_of(listener)?, &on))
    });
    let mut all = told(config, &[]);
    all.extend(called);
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// What is wrong with what is written of listeners: the dotted path of the setting, and why.
pub fn faults(config: &Config) -> Vec<Fault> {
    let each = config.listeners.iter().flat_map(|(name, listener)| {
        let mut found = faults_of(listener);
        found.extend(fault_of_behind(config, listener));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
            let reason = "a listener's name is of letters, digits, - and _, 48 at most";
            found.push((String::new(), reason.to_owned()));
        }
        let at = |(path, why): Fault| (format!("listeners.{name}{path}"), why);
        found.into_iter().map(at).collect::<Vec<Fault>>()
    });
    each.collect()
}

/// What is wrong with the files that are named: the dotted path of the setting, and why.
pub fn faults_of_files(config: &Config) -> Vec<Fault> {
    let each = config.listeners.iter().filter_map(|(name, listener)| {
        listener.url.as_ref()?;
        let (setting, reason) = told_of(&endpoint(listener).err()?);
        Some((format!("listeners.{name}.{setting}"), reason))
    });
    each.collect()
}

fn faults_of(listener: &Listener) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |path: &str, why: String| faults.push((path.to_owned(), why));
    if listener.on.is_empty() {
        let why = "is missing or empty, and has to name what is heard of: write \
                   on = [\"rest/orders:insert\", \"docs/*\"], for instance";
        fault(".on", why.to_owned());
    }
    for on in &listener.on {
        if let Err(error) = on.parse::<Pattern>() {
            fault(".on", error.to_string());
        }
    }
    match &listener.url {
        None => {
            let why = "is missing: a listener has a url, such as \
                       url = \"http://127.0.0.1:3000/hooks/orders\"";
            fault(".url", why.to_owned());
        }
        Some(_) => {
            if let Err(error) = endpoint_config(listener).validate() {
                let (setting, why) = told_of(&error);
                fault(&format!(".{setting}"), why);
            }
        }
    }
    let (max, words) = match listener.phase {
        PhaseName::AfterCommit => (TIMEOUT_MAX_AFTER, "between 10ms and 12h"),
        _ => (TIMEOUT_MAX_BEFORE, "between 10ms and 30s in this phase"),
    };
    if !(TIMEOUT_MIN..=max).contains(&listener.timeout.get()) {
        fault(".timeout", format!("must be {words}"));
    }
    if !CONCURRENCY.contains(&listener.concurrency) {
        fault(".concurrency", "must be between 1 and 1000".to_owned());
    }
    if let Err((path, why)) = queues::backoff(listener.attempts, &listener.backoff) {
        let path = match path.as_str() {
            own @ ".attempts" => own.to_owned(),
            other => format!(".backoff{other}"),
        };
        fault(&path, why);
    }
    faults
}

fn refusal(name: &str, (setting, reason): Fault) -> anyhow::Error {
    let failure = fail(format!("[listeners.{name}] {setting}: {reason}"));
    failure.usage().into()
}

/// The phase of a listener that the writing process calls itself.
fn phase_of(listener: &Listener) -> Option<Phase> {
    match listener.phase {
        PhaseName::BeforeCommit => Some(Phase::BeforeCommit),
        PhaseName::AfterRollback => Some(Phase::AfterRollback),
        PhaseName::AfterCommit => None,
    }
}

fn patterns(listener: &Listener) -> Vec<Pattern> {
    let all = listener.on.iter();
    all.filter_map(|on| on.parse().ok()).collect()
}

/// What is written behind is acknowledged before anybody knows what it comes to.
fn fault_of_behind(config: &Config, listener: &Listener) -> Option<Fault> {
    if listener.phase != PhaseName::BeforeCommit {
        return None;
    }
    let on = patterns(listener);
    let mut cached = config.cache.collections.iter();
    let (behind, _) = cached.find(|(name, cached)| {
        let is_behind = cached.strategy == Some(StrategyName::WriteBehind);
        is_behind && on.iter().any(|on| on.is_of(name))
    })?;
    let why = format!(
        "names {behind}, which is written behind: choose another strategy for it in \
         [cache.collections], or hear of it after the commit"
    );
    Some((".on".to_owned(), why))
}

fn after_commit(config: &Config) -> impl Iterator<Item = (&String, &Listener)> {
    let all = config.listeners.iter();
    all.filter(|(_, listener)| listener.phase == PhaseName::AfterCommit)
}

fn endpoint_config(listener: &Listener) -> EndpointConfig {
    EndpointConfig {
        url: listener.url.clone().unwrap_or_default(),
        dead_on: Vec::new(),
        ca_file: listener.ca_file.clone(),
        secrets: None,
    }
}

fn endpoint(listener: &Listener) -> Result<Endpoint, EndpointError> {
    let mut config = endpoint_config(listener);
    let secrets = listener.secret_file.as_deref().map(Secrets::load);
    config.secrets = secrets.transpose()?;
    Endpoint::new(config)
}

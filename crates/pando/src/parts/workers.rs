//! Workers: what the configuration says of them, over the queues of the store.

mod source;

use crate::config::{Config, Worker};
use crate::failure::fail;
use pando_model::clock::SystemClock;
use pando_queue::ScalingConfig;
use pando_store::Store;
use pando_store::queue::{DEFAULT_GROUP, check_place};
use pando_workers::{
    CommandConfig, CommandHandler, Endpoint, EndpointConfig, EndpointError, Handler, Place,
    Secrets, WorkerConfig, Workers,
};
use source::StoreSource;
use std::sync::Arc;

/// Who has gone says so, and is not asked again.
const DEAD_ON: [u16; 1] = [410];
/// Names are labels of metrics.
const NAME_BYTES_MAX: usize = 64;

/// What a worker is made of, without its files.
enum Kind {
    Url(EndpointConfig),
    Command(CommandConfig),
}

/// Starts the workers of a configuration that has no [`faults`].
pub fn start(store: &Arc<Store>, config: &Config) -> anyhow::Result<Workers> {
    let source = Arc::new(StoreSource::new(Arc::clone(store)));
    let workers = Workers::new(source, Arc::new(SystemClock));
    for (name, written) in &config.workers {
        let refuse = |(setting, reason): (String, String)| {
            let failure = fail(format!("[workers.{name}] {setting}: {reason}"));
            anyhow::Error::from(failure.usage())
        };
        let read = worker_config(name, written).map_err(refuse)?;
        let handler = handler(kind(written).map_err(refuse)?, written);
        let handler = handler.map_err(|error| refuse(told(&error)))?;
        let started = workers.start(read, handler);
        started.map_err(|error| refuse(setting_of(error)))?;
    }
    super::listeners::work(&workers, config)?;
    Ok(workers)
}

/// What is wrong with what is written of workers: the dotted path of the setting, and why.
pub fn faults(config: &Config) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for (name, written) in &config.workers {
        let mut fault = |setting: &str, reason: String| {
            let dot = if setting.is_empty() { "" } else { "." };
            faults.push((format!("workers.{name}{dot}{setting}"), reason));
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
            let reason = "a worker's name is of letters, digits, - _ and ., 64 at most";
            fault("", reason.to_owned());
        }
        if let Err((setting, reason)) = worker_config(name, written) {
            fault(&setting, reason);
        }
        if let Err((setting, reason)) = kind(written) {
            fault(&setting, reason);
        }
    }
    faults
}

/// What is wrong with the files that are named: the dotted path of the setting, and why.
pub fn faults_of_files(config: &Config) -> Vec<(String, String)> {
    let each = config.workers.iter().filter_map(|(name, written)| {
        let (setting, reason) = match handler(kind(written).ok()?, written) {
            Ok(_) => return None,
            Err(error) => told(&error),
        };
        Some((format!("workers.{name}.{setting}"), reason))
    });
    each.collect()
}

type Fault = (String, String);

fn worker_config(name: &str, written: &Worker) -> Result<WorkerConfig, Fault> {
    let queue = written.queue.clone().unwrap_or_else(|| name.to_owned());
    let group = written.group.clone();
    let group = group.unwrap_or_else(|| DEFAULT_GROUP.to_owned());
    check_place(&queue, &group).map_err(|refusal| {
        let setting = if written.group.is_some() {
            "group"
        } else {
            "queue"
        };
        (setting.to_owned(), refusal.message)
    })?;
    let rate = written.rate.as_deref().map(str::parse).transpose();
    let rate = rate.map_err(|error| ("rate".to_owned(), format!("{error}")))?;
    let scaling = &written.scaling;
    let config = WorkerConfig {
        name: name.to_owned(),
        place: Place { queue, group },
        scaling: ScalingConfig {
            workers_min: written.concurrency.min,
            workers_max: written.concurrency.max,
            utilisation: scaling.utilisation,
            drain_target: scaling.drain_target.get(),
            oldest_objective: scaling.oldest_objective.get(),
            down_after: scaling.down_after.get(),
            down_every: scaling.down_every.get(),
            ..ScalingConfig::default()
        },
        rate,
        timeout: written.timeout.get(),
        visibility: written.visibility.map(crate::config::units::Duration::get),
    };
    config.validate().map_err(setting_of)?;
    Ok(config)
}

/// A rule's word for a setting, as it is written in the file.
fn setting_of(error: pando_queue::ConfigError) -> Fault {
    let setting = match error.setting {
        "workers_min" => "concurrency.min".to_owned(),
        "workers_max" => "concurrency.max".to_owned(),
        own @ ("timeout" | "visibility") => own.to_owned(),
        other => format!("scaling.{}", other.trim_start_matches("scaling.")),
    };
    let must_be = error.must_be.replace("workers_max", "concurrency.max");
    (setting, format!("is {}: it must be {must_be}", error.value))
}

fn kind(written: &Worker) -> Result<Kind, Fault> {
    let fault = |setting: &str, reason: &str| Err((setting.to_owned(), reason.to_owned()));
    match (&written.url, &written.command) {
        (Some(url), None) => {
            let endpoint = EndpointConfig {
                url: url.clone(),
                dead_on: written.dead_on.clone().unwrap_or_else(|| DEAD_ON.to_vec()),
                ca_file: written.ca_file.clone(),
                secrets: None,
            };
            match endpoint.validate() {
                Ok(()) => Ok(Kind::Url(endpoint)),
                Err(error) => Err(told(&error)),
            }
        }
        (None, Some(words)) => {
            let of_url = [
                ("secret_file", written.secret_file.is_some()),
                ("ca_file", written.ca_file.is_some()),
            ];
            if let Some((setting, _)) = of_url.into_iter().find(|(_, is_set)| *is_set) {
                return fault(setting, "goes with a url, and this worker has a command");
            }
            let command = CommandConfig {
                words: words.clone(),
                dead_on: written.dead_on.clone().unwrap_or_default(),
            };
            match command.fault() {
                None => Ok(Kind::Command(command)),
                Some((setting, reason)) => Err((setting.to_owned(), reason)),
            }
        }
        (None, None) => fault(
            "",
            "has neither a url nor a command: write url = \"http://127.0.0.1:3000/hooks/mail\", \
             or command = [\"python3\", \"mail.py\"]",
        ),
        (Some(_), Some(_)) => fault("command", "a worker has a url or a command, not both"),
    }
}

fn handler(kind: Kind, written: &Worker) -> Result<Arc<dyn Handler>, EndpointError> {
    Ok(match kind {
        Kind::Command(command) => Arc::new(CommandHandler::new(command)),
        Kind::Url(mut endpoint) => {
            let secrets = written.secret_file.as_deref().map(Secrets::load);
            endpoint.secrets = secrets.transpose()?;
            Arc::new(Endpoint::new(endpoint)?)
        }
    })
}

pub(super) fn told(error: &EndpointError) -> Fault {
    let (setting, reason) = match error {
        EndpointError::Url(reason) => ("url", (*reason).to_owned()),
        EndpointError::Status(_) => ("dead_on", error.to_string()),
        EndpointError::File {
            setting,
            path,
            reason,
        } => (*setting, format!("cannot use {path}: {reason}")),
    };
    (setting.to_owned(), reason)
}

//! The exchanges, from what is declared of them.

use crate::config::{Config, Exchange, ExchangeBinding, ExchangeKind};
use pando_queue::{Exchange as Kind, RoutingError};
use pando_store::kv::check_name;
use pando_store::queue::{Binding, ExchangeRules};
use std::collections::BTreeMap;

/// How similar two names must be (Jaro-Winkler) for one to be offered for the other.
const NEAR: f64 = 0.75;

/// A setting, and what is wrong with it.
type Fault = (String, String);

/// The rules of all exchanges. What is at fault was refused when the configuration was loaded.
pub fn rules(config: &Config) -> BTreeMap<String, ExchangeRules> {
    let each = config.exchanges.iter();
    each.filter_map(|(name, exchange)| Some((name.clone(), compiled(exchange).ok()?)))
        .collect()
}

/// What is wrong with what is declared: the dotted path of each setting, and why.
pub fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, exchange) in &config.exchanges {
        let at = |path: &str| format!("exchanges.{name}{path}");
        if let Err(refusal) = check_name("exchange", name) {
            faults.push((at(""), refusal.message));
        }
        if exchange.bindings.is_empty() {
            let why = "has no binding, so nothing would go anywhere: write bindings = [{ queue = \
                       \"mail\", key = \"order.*\" }]";
            faults.push((at(""), why.to_owned()));
        }
        let numbered = exchange.bindings.iter().enumerate();
        for (number, binding) in numbered {
            if let Some(why) = fault_of(binding, exchange.kind, config) {
                let number = number + 1;
                faults.push((at(".bindings"), format!("binding {number}: {why}")));
            }
        }
        // What one of them shows has been said of it.
        if let Err(error @ RoutingError::TooMany) = compiled(exchange) {
            faults.push((at(".bindings"), error.to_string()));
        }
    }
    faults
}

fn fault_of(binding: &ExchangeBinding, kind: ExchangeKind, config: &Config) -> Option<String> {
    if !config.queues.contains_key(&binding.queue) {
        return Some(unknown_queue(&binding.queue, config));
    }
    let one = Exchange {
        kind,
        bindings: vec![binding.clone()],
    };
    compiled(&one).err().map(|error| error.to_string())
}

fn unknown_queue(queue: &str, config: &Config) -> String {
    let mend = format!("declare it with a line [queues.{queue}]");
    let near = config
        .queues
        .keys()
        .map(|name| (strsim::jaro_winkler(queue, name), name));
    let near = near.filter(|(near, _)| *near >= NEAR);
    match near.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((_, name)) => {
            format!("no queue {queue:?} is declared: did you mean {name:?}? Or {mend}")
        }
        None => format!("no queue {queue:?} is declared: {mend}"),
    }
}

fn compiled(exchange: &Exchange) -> Result<ExchangeRules, RoutingError> {
    let kind = match exchange.kind {
        ExchangeKind::Direct => Kind::Direct,
        ExchangeKind::Topic => Kind::Topic,
        ExchangeKind::Fanout => Kind::Fanout,
    };
    let bindings = exchange.bindings.iter().map(|binding| Binding {
        queue: binding.queue.clone(),
        key: binding.key.clone(),
    });
    ExchangeRules::new(kind, bindings.collect())
}

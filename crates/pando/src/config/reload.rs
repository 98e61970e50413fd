//! Reload: what a running server takes over from a configuration that changed.

use super::layers::leaves;
use super::{Config, keys};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a new configuration differs from the one in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Settings that the running server takes over.
    pub taken: Vec<String>,
    /// Settings that wait for the next start.
    pub waiting: Vec<String>,
}

/// Compares two configurations, setting by setting.
pub fn difference(old: &Config, new: &Config) -> Difference {
    let mut difference = Difference::default();
    let (old, new) = (flat(old), flat(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for path in paths {
        if old.get(path) == new.get(path) {
            continue;
        }
        let path = path.clone();
        if keys::has_mark(&path, "x-reload") {
            difference.taken.push(path);
        } else {
            difference.waiting.push(path);
        }
    }
    difference
}

/// The configuration that is in force after a reload: `old` with what can change taken
/// from `new`.
pub fn merged(old: &Config, new: &Config) -> Config {
    Config {
        auth: new.auth.clone(),
        // Another Redis waits for the next start.
        cache: super::Cache {
            collections: new.cache.collections.clone(),
            ..old.cache.clone()
        },
        cors: new.cors.clone(),
        // Turning encryption on or off takes other listeners; other files do too, for they
        // are read again under the names they had.
        tls: old.tls.clone(),
        log: super::Log {
            level: new.log.level.clone(),
            ..old.log.clone()
        },
        ..old.clone()
    }
}

fn flat(config: &Config) -> BTreeMap<String, Value> {
    let document = serde_json::to_value(config).unwrap_or_default();
    leaves(&document).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_what_a_merge_takes() {
        let old = Config::default();
        let mut new = Config::default();
        new.auth.required = true;
        new.cors.origins = vec!["https://a.example".to_owned()];
        new.cors.max_age = super::super::units::Duration::seconds(1);
        new.log.level = "debug".to_owned();
        let taken = difference(&old, &new);
        assert_eq!(taken.waiting, Vec::<String>::new());
        assert_eq!(difference(&merged(&old, &new), &new), Difference::default());

        new.data_dir = "elsewhere".into();
        assert_eq!(difference(&old, &new).waiting, ["data_dir"]);
        assert_eq!(difference(&merged(&old, &new), &new).waiting, ["data_dir"]);
    }
}

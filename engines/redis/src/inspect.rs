//! How Redis is set up, by what it says of its memory: what a cache may be asked everywhere.

use crate::connect::Connection;
use pando_model::inspection::{Shortfall, Weight};
use redis::{RedisResult, Value};

/// What `INFO memory` says: the server, where there are several, and its text.
pub(crate) type Memory = Vec<(Option<String>, String)>;

pub(crate) async fn memory(mut connection: Connection) -> RedisResult<Memory> {
    let said: Value = redis::cmd("INFO")
        .arg("memory")
        .query_async(&mut connection)
        .await?;
    Ok(match said {
        // A cluster's: by node.
        Value::Map(nodes) => nodes
            .into_iter()
            .filter_map(|(node, said)| Some((text(node), text(said)?)))
            .collect(),
        said => text(said).map(|said| (None, said)).into_iter().collect(),
    })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

pub(crate) fn shortfalls(memory: &Memory) -> Vec<Shortfall> {
    let mut found = Vec::new();
    for (server, said) in memory {
        let of = |name: &str| {
            let mut lines = said.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim())
        };
        let at = server
            .as_ref()
            .map_or(String::new(), |server| format!(" ({server})"));
        let mut tell = |setting, message: String, mend: &str| {
            found.push(Shortfall {
                setting,
                server: server.clone(),
                weight: Weight::Warning,
                message,
                mend: mend.to_owned(),
            });
        };
        if of("maxmemory") == Some("0") {
            let message = format!(
                "Redis{at} has no bound: the shared cache grows until the machine has no memory left"
            );
            tell(
                "maxmemory",
                message,
                "maxmemory 1gb  # what the shared cache may take",
            );
        }
        if of("maxmemory_policy") == Some("noeviction") {
            let message = format!(
                "Redis{at} evicts nothing: once it is full, what is loaded is shared no more"
            );
            tell("maxmemory-policy", message, "maxmemory-policy allkeys-lru");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_without_a_bound_or_without_eviction_is_told_with_the_setting() {
        let check = |said: &str, settings: &[&str]| {
            let found = shortfalls(&vec![(None, said.to_owned())]);
            let found: Vec<_> = found.iter().map(|shortfall| shortfall.setting).collect();
            assert_eq!(found, settings, "{said:?}");
        };
        check(
            "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n",
            &["maxmemory", "maxmemory-policy"],
        );
        check(
            "maxmemory:1048576\r\nmaxmemory_policy:noeviction\r\n",
            &["maxmemory-policy"],
        );
        check("maxmemory:1048576\r\nmaxmemory_policy:allkeys-lru\r\n", &[]);
        check("", &[]);
    }
}

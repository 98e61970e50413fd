//! `/admin/v1/queues`: which queues there are, where they are kept, and how full they are.

use super::ok;
use crate::error::ApiError;
use crate::reply::Reply;
use crate::web::Web;
use pando_store::queue::Home;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Callers name queues, so there may be any number.
const QUEUES_MAX: usize = 1_000;

/// The answer to `GET /admin/v1/queues`: the declared, those that somebody has leased from, and those
/// that were moved; of their groups the declared ones.
pub(super) async fn list(web: &Web) -> Result<Reply, ApiError> {
    let store = web.store();
    let homes = store.fetch_queue_homes().await?;
    let declared = &store.config().queues.declared;
    let mut names: BTreeSet<String> = declared.keys().chain(homes.keys()).cloned().collect();
    names.extend(store.fetch_queue_names().await?);
    let more = names.len() > QUEUES_MAX;
    let mut queues = Vec::new();
    for name in names.iter().take(QUEUES_MAX) {
        let home = homes.get(name).copied().unwrap_or_default();
        queues.push(json!({
            "name": name,
            "declared": declared.contains_key(name),
            "home": home_of(home),
            "groups": groups(web, name).await,
        }));
    }
    Ok(ok(&json!({ "queues": queues, "more": more })))
}

/// How much the groups have before them; where it is not known, why.
async fn groups(web: &Web, queue: &str) -> Vec<Value> {
    let mut groups = Vec::new();
    for group in web.store().queue_rules(queue).groups() {
        let depth = web.store().queue_depth_anywhere(queue, Some(group)).await;
        groups.push(match depth {
            Ok(depth) => json!({
                "group": group, "depth": depth.depth(), "ready": depth.ready,
                "in_flight": depth.in_flight, "waiting": depth.waiting,
                "scheduled": depth.scheduled, "dead": depth.dead,
            }),
            Err(error) => json!({ "group": group, "depth": null, "error": error.to_string() }),
        });
    }
    groups
}

fn home_of(home: Home) -> &'static str {
    if home.on_broker { "broker" } else { "store" }
}

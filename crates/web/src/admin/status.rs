//! `GET /admin/v1/status`: one look at the deployment.

use crate::error::ApiError;
use crate::health::Phase;
use crate::reply::{self, Reply};
use crate::web::Web;
use http::StatusCode;
use pando_model::engine::Engine;
use pando_model::inspection::{Inspection, Weight};
use pando_store::queue::BrokerState;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the broker may take to say how it does.
const BROKER_WITHIN: Duration = Duration::from_secs(1);

pub(super) async fn answer(web: &Web) -> Result<Reply, ApiError> {
    let store = web.store();
    let engine = store.engine();
    let info = engine.info();
    let statistics = engine.fetch_statistics().await?;
    let progress = engine.progress();
    let schema = store.schema();
    let broker = store.queue_broker_state(BROKER_WITHIN).await;
    let (servers, shortfalls) = inspection(&**engine).await;
    let position = json!({ "timeline": progress.high.timeline, "p": progress.high.p });
    Ok(reply::json(
        StatusCode::OK,
        &json!({
            "version": env!("CARGO_PKG_VERSION"),
            "phase": if web.phase() == Phase::Serving { "serving" } else { "draining" },
            "uptime_seconds": web.uptime().as_secs_f64(),
            "requests_in_flight": web.requests_in_flight(),
            "auth_required": web.auth_required(),
            "shards": [{
                "number": 0,
                "engine": { "name": info.name, "version": info.version },
                "durability": {
                    "synced": info.durability.synced,
                    "copies": info.durability.copies,
                },
                "position": position,
                "size_bytes": statistics.size_bytes,
                "commits": statistics.commits,
                "writes": statistics.writes,
                "queued": statistics.queued,
                "last_commit_seconds": statistics.last_commit.as_secs_f64(),
                "feed_depth": statistics.feed_depth,
                "servers": servers,
                "shortfalls": shortfalls,
            }],
            "caches": super::caches::caches(web),
            "broker": broker.as_ref().map(self::broker),
            "workers": super::workers::workers(web),
            "schema": {
                "version": schema.version,
                "tables": schema.tables.keys().collect::<Vec<_>>(),
            },
        }),
    ))
}

/// How the broker of queues does, and which ones are there.
pub fn broker(state: &BrokerState) -> Value {
    json!({
        "ok": state.fault.is_none(),
        "reason": state.fault,
        "engine": state.engine,
        "queues": state.queues,
    })
}

/// What is seen of the servers that keep the data: `servers` and `shortfalls`. Those that cannot
/// be looked at are told in other ways.
pub async fn inspection(engine: &dyn Engine) -> (Vec<Value>, Vec<Value>) {
    let found = engine.inspect().await.unwrap_or_default();
    let shortfalls = found.shortfalls.iter();
    let shortfalls = shortfalls.filter(|found| found.weight > Weight::Note);
    let shortfalls = shortfalls.map(|found| {
        json!({
            "setting": found.setting,
            "server": found.server,
            "breach": found.weight == Weight::Breach,
            "message": found.message,
            "mend": found.mend,
        })
    });
    (servers(&found), shortfalls.collect())
}

/// Each server: what it does, and how far it has got.
pub fn servers(found: &Inspection) -> Vec<Value> {
    let servers = found.servers.iter().map(|server| {
        let position = server.at;
        let behind = server.lag.map(|lag| {
            json!({
                "positions": lag.positions,
                "seconds": lag.time.map(|time| time.as_secs_f64()),
            })
        });
        json!({
            "name": server.name,
            "role": server.role.name(),
            "timeline": server.timeline,
            "position": position.map(|at| json!({ "timeline": at.timeline, "p": at.p })),
            "behind": behind,
        })
    });
    servers.collect()
}

//! `GET /admin/v1/status`: one look at the deployment.

use crate::error::ApiError;
use crate::health::Phase;
use crate::reply::{self, Reply};
use crate::web::Web;
use http::StatusCode;
use pando_model::engine::{Engine, Weight};
use serde_json::{Value, json};

pub(super) async fn answer(web: &Web) -> Result<Reply, ApiError> {
    let store = web.store();
    let engine = store.engine();
    let info = engine.info();
    let statistics = engine.fetch_statistics().await?;
    let progress = engine.progress();
    let schema = store.schema();
    let shortfalls = shortfalls(&**engine).await;
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
                "shortfalls": shortfalls,
            }],
            "schema": {
                "version": schema.version,
                "tables": schema.tables.keys().collect::<Vec<_>>(),
            },
        }),
    ))
}

/// What stands in the way of what is promised, in how the database is set up. One that cannot be
/// looked at is told in other ways.
pub async fn shortfalls(engine: &dyn Engine) -> Vec<Value> {
    let found = engine.inspect().await.unwrap_or_default().into_iter();
    let found = found.filter(|found| found.weight > Weight::Note);
    found
        .map(|found| {
            json!({
                "setting": found.setting,
                "breach": found.weight == Weight::Breach,
                "message": found.message,
                "mend": found.mend,
            })
        })
        .collect()
}

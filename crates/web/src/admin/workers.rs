//! `/admin/v1/workers`: what works on messages in this process, and why there is so much of it.

use crate::reply::{self, Reply};
use crate::web::Web;
use http::StatusCode;
use pando_model::working::WorkerReport;
use serde_json::{Value, json};

pub(super) fn list(web: &Web) -> Reply {
    let mut workers = workers(web);
    for (told, report) in workers.iter_mut().zip(web.admin().workers()) {
        let changes = report.changes.iter().map(|change| {
            json!({
                "at_us": change.at_us,
                "from": change.from,
                "to": change.to,
                "reason": change.reason,
            })
        });
        told["changes"] = changes.collect();
    }
    reply::json(StatusCode::OK, &json!(workers))
}

/// Each worker, without what changed.
pub(super) fn workers(web: &Web) -> Vec<Value> {
    web.admin().workers().iter().map(told).collect()
}

fn told(report: &WorkerReport) -> Value {
    let service = report.service.map(|took| took.as_secs_f64());
    json!({
        "name": report.name,
        "queue": report.queue,
        "group": report.group,
        "handler": report.handler,
        "concurrency": { "min": report.min, "max": report.max },
        "wanted": report.wanted,
        "busy": report.busy,
        "reason": report.reason,
        "begun": report.begun,
        "handled": report.handled,
        "failed": report.failed,
        "dead": report.dead,
        "gone": report.gone,
        "service_seconds": service,
        "backlog": report.backlog,
        "oldest_seconds": report.oldest.as_secs_f64(),
        "trouble": report.trouble,
        "last_error": report.last_error,
    })
}

//! `/admin/v1/listeners`: what of the application is called when data changes, as this process sees
//! it.

use crate::reply::{self, Reply};
use crate::web::Web;
use http::StatusCode;
use pando_queue::listeners::{ListenerReport, Phase, queue_of};
use serde_json::{Value, json};

pub(super) fn list(web: &Web) -> Reply {
    let listeners: Vec<Value> = web.admin().listeners().iter().map(told).collect();
    reply::json(StatusCode::OK, &json!(listeners))
}

fn told(report: &ListenerReport) -> Value {
    let mut told = json!({
        "name": report.name,
        "phase": report.phase.name(),
        "on": report.on,
        "handler": report.handler,
        "calls": report.calls,
        "vetoes": report.vetoes,
        "failures": report.failures,
        "dropped": report.dropped,
        "took_seconds": report.took.as_secs_f64(),
        "last_error": report.last_error,
    });
    if report.phase == Phase::AfterCommit {
        // What waits there, and what is dead, is looked at as with any queue.
        told["queue"] = queue_of(&report.name).into();
    }
    told
}

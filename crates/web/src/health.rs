//! Whether the server lives, has started, and can serve.

use crate::reply::{self, Reply};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use pando_store::Store;
use serde_json::json;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A probe that takes longer than this finds the store unwell.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It serves.
    Serving = 0,
    /// It has been told to stop and finishes what it has.
    Draining = 1,
}

/// The phase, shared by all connections.
#[derive(Debug, Default)]
pub(crate) struct Life(AtomicU8);

impl Life {
    pub(crate) fn phase(&self) -> Phase {
        if self.0.load(Ordering::Acquire) == Phase::Serving as u8 {
            Phase::Serving
        } else {
            Phase::Draining
        }
    }

    pub(crate) fn drain(&self) {
        self.0.store(Phase::Draining as u8, Ordering::Release);
    }
}

/// `/livez`: this process answers.
pub(crate) fn live() -> Reply {
    uncached(reply::json(StatusCode::OK, &json!({ "status": "live" })))
}

/// `/startupz`: the server listens only once it has started, so being asked is the answer.
pub(crate) fn started() -> Reply {
    uncached(reply::json(StatusCode::OK, &json!({ "status": "started" })))
}

/// `/readyz`: each thing that a request needs, by name.
///
/// A server that is told of no broker, though queues are on one, is not ready: its configuration is
/// wrong. A broker that does not answer is told, and the server stays ready: publishes are kept in
/// the store meanwhile, all else is served, and another server would have no other broker. So it is
/// with a task that keeps failing.
pub(crate) async fn ready(store: &Store, phase: Phase) -> Reply {
    let (probe, broker) = tokio::join!(
        tokio::time::timeout(PROBE_TIMEOUT, store.probe()),
        store.queue_broker_state(PROBE_TIMEOUT)
    );
    let is_missing = broker
        .as_ref()
        .is_some_and(|broker| broker.engine.is_none());
    let fault = match probe {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("it did not answer in time".to_owned()),
    };
    let is_ready = fault.is_none() && !is_missing && phase == Phase::Serving;
    let info = store.engine().info();
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut told = json!({
        "status": if is_ready { "ready" } else { "not ready" },
        "checks": {
            "server": {
                "ok": phase == Phase::Serving,
                "reason": (phase == Phase::Draining).then_some("it is stopping"),
            },
            "store": {
                "ok": fault.is_none(),
                "reason": fault,
                "engine": info.name,
            },
        },
    });
    for task in store.tasks().reports() {
        // What it panicked with is in the log.
        if task.fault.is_some() {
            let reason = format!("it panicked {} times and is begun anew", task.restarts);
            told["checks"][task.name] = json!({ "ok": false, "reason": reason });
        }
    }
    if let Some(broker) = broker {
        // Which queues is not for everybody.
        told["checks"]["broker"] = json!({
            "ok": broker.fault.is_none(),
            "reason": broker.fault,
            "engine": broker.engine,
        });
    }
    uncached(reply::json(status, &told))
}

fn uncached(mut reply: Reply) -> Reply {
    let value = HeaderValue::from_static("no-store");
    reply.headers_mut().insert(CACHE_CONTROL, value);
    reply
}

//! `/admin/v1/listeners`: what of the application is called when data changes, as this process sees
//! it; and the end of what one leaves behind that is no more.

use crate::error::ApiError;
use crate::reply::{self, Reply};
use crate::web::Web;
use http::{Method, StatusCode};
use pando_queue::listeners::{ListenerReport, Phase, queue_of};
use pando_store::queue::{DEFAULT_GROUP, check_place};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// For how long a process that has taken commits in is taken for one that goes on: as long as its turn.
const TERM: Duration = Duration::from_secs(5);

/// So many names are told to whoever asks for another one.
const NAMES_SHOWN: usize = 20;

pub(super) fn list(web: &Web) -> Reply {
    let listeners: Vec<Value> = web.admin().listeners().iter().map(told).collect();
    reply::json(StatusCode::OK, &json!(listeners))
}

/// Answers what concerns one listener: `listeners/search/forget`.
pub(super) async fn answer(web: &Web, method: &Method, path: &str) -> Result<Reply, ApiError> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let [name, "forget"] = segments.as_slice() else {
        return Err(ApiError::no_such_path());
    };
    if method != Method::POST {
        return Err(ApiError::method(method, "POST"));
    }
    let name = percent_decode_str(name).decode_utf8();
    let name = name.map_err(|_| ApiError::no_such_path())?;
    forget(web, &name).await
}

/// Removes what waits for a listener that is in no configuration any more, its dead letters among it;
/// and ends the journal where nobody hears of commits.
async fn forget(web: &Web, name: &str) -> Result<Reply, ApiError> {
    let reports = web.admin().listeners();
    let declared = reports.iter().find(|report| report.name == name);
    if declared.is_some_and(|report| report.phase == Phase::AfterCommit) {
        return Err(is_declared(name));
    }
    let store = web.store();
    check_place(&queue_of(name), DEFAULT_GROUP)?;
    let known = store.fetch_listener_names().await?;
    let removed = store.queue_forget(&queue_of(name)).await?;
    // Another process may have gone on with one that was forgotten here.
    if removed == 0 && !known.contains(name) {
        return Err(match declared {
            Some(_) => is_declared(name),
            None => never_told(name, known, &reports),
        });
    }
    let mut others = reports.iter();
    let others = others.any(|report| report.phase == Phase::AfterCommit);
    // What others do not hear of any more they would miss.
    let ended = !others && store.listeners_end(TERM).await?;
    // Where another process goes on it is said again, once that has stopped.
    if others || ended {
        store.listener_unnote(name).await?;
    }
    let journal = if ended { "ended" } else { "kept" };
    let answer = json!({ "name": name, "removed": removed, "journal": journal });
    Ok(reply::json(StatusCode::OK, &answer))
}

/// 409 for a name that this process calls. One that is called otherwise than after commits now can be
/// forgotten as it was.
fn is_declared(name: &str) -> ApiError {
    let message = format!("the listener {name:?} is in the configuration of this process");
    let error = ApiError::new(StatusCode::CONFLICT, "listener_declared", message);
    error.hint(format!(
        "Take [listeners.{name}] out, in every process, and restart them."
    ))
}

/// 404 for a name that nobody was told of commits under, with those that are left to forget.
fn never_told(name: &str, known: BTreeSet<String>, reports: &[ListenerReport]) -> ApiError {
    let message = format!("no listener {name:?} was ever told of commits, so nothing waits for it");
    let is_declared = |known: &String| reports.iter().any(|report| report.name == *known);
    let left: Vec<String> = known
        .into_iter()
        .filter(|known| !is_declared(known))
        .collect();
    let hint = match left.first() {
        None => "No listener is left to forget; `pando listeners list` shows those there are."
            .to_owned(),
        Some(first) => {
            let some = left
                .iter()
                .take(NAMES_SHOWN)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let more = match left.len().saturating_sub(NAMES_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("Left to forget: {some}{more}. Say `pando listeners forget {first}`.")
        }
    };
    ApiError::new(StatusCode::NOT_FOUND, "no_such_listener", message).hint(hint)
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

//! `/admin/v1/caches`: what is cached, by which rules, and how well.

use super::{json_of, ok};
use crate::error::ApiError;
use crate::reply::{self, Reply};
use crate::web::Web;
use http::{Method, StatusCode};
use pando_model::caching::{CacheReport, CollectionReport, WarmReport};
use pando_model::datetime;
use pando_model::schema::Behind;
use pando_store::Store;
use pando_store::kv::JournalReport;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// What may be done to one collection, and to what is kept of it.
const ALLOWED: &str = "GET, PATCH, DELETE";
const ALLOWED_ACTION: &str = "POST";

/// The answer to `GET /admin/v1/caches`.
pub(super) fn list(web: &Web) -> Reply {
    ok(&caches(web))
}

/// Drops what is kept of all collections.
pub(super) async fn flush_all(web: &Web) -> Result<Reply, ApiError> {
    web.admin().flush_caches(None).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// The caches of this process; `null` where there are none.
pub(super) fn caches(web: &Web) -> Value {
    let report = web.store().engine().caches();
    report.map_or(Value::Null, |report| told(&report, web))
}

/// Answers what concerns one collection: `caches/rest/reviews`, `caches/rest/reviews/flush`,
/// `caches/rest/reviews/warm`.
pub(super) async fn answer(
    web: &Web,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Reply, ApiError> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let (surface, name, action) = match segments.as_slice() {
        [surface, name] => (*surface, *name, None),
        [surface, name, action @ ("flush" | "warm")] => (*surface, *name, Some(*action)),
        _ => return Err(ApiError::no_such_path()),
    };
    let name = percent_decode_str(name)
        .decode_utf8()
        .map_err(|_| ApiError::no_such_path())?;
    let collection = format!("{surface}/{name}");
    if let Some(action) = action {
        if method != Method::POST {
            return Err(ApiError::method(method, ALLOWED_ACTION));
        }
        return act(web, &collection, action).await;
    }
    match *method {
        Method::GET | Method::HEAD => {}
        Method::PATCH => {
            let change: Map<String, Value> = json_of(body)?;
            let change = Value::Object(change);
            web.admin().change_cache(&collection, change).await?;
        }
        Method::DELETE => {
            web.admin().reset_cache(&collection).await?;
            return Ok(reply::empty(StatusCode::NO_CONTENT));
        }
        _ => return Err(ApiError::method(method, ALLOWED)),
    }
    let report = web.store().engine().caches();
    let found = report
        .iter()
        .flat_map(|report| &report.collections)
        .find(|found| found.collection == collection);
    match (found, web.admin().cache_rule(&collection)) {
        (Some(found), _) => Ok(ok(&one(found, web))),
        (None, Some(rule)) => {
            let strategy = &rule["strategy"]["value"];
            let told = json!({ "collection": collection, "strategy": strategy, "rule": rule });
            Ok(ok(&told))
        }
        (None, None) => Err(not_cached(&collection)),
    }
}

async fn act(web: &Web, collection: &str, action: &str) -> Result<Reply, ApiError> {
    let is_warming = action == "warm";
    let has_rule = match is_warming {
        true => web.admin().warm_cache(collection).await?,
        false => web.admin().flush_caches(Some(collection)).await?,
    };
    match (has_rule, is_warming) {
        (false, _) => Err(not_cached(collection)),
        (true, false) => Ok(reply::empty(StatusCode::NO_CONTENT)),
        // It goes on behind the answer.
        (true, true) => Ok(reply::json(
            StatusCode::ACCEPTED,
            &json!({ "status": "warming" }),
        )),
    }
}

fn not_cached(collection: &str) -> ApiError {
    let message = format!("{collection} is not cached");
    ApiError::new(StatusCode::NOT_FOUND, "not_found", message).hint(format!(
        "PATCH /admin/v1/caches/{collection} with {{\"strategy\": \"read-through\"}} has it cached."
    ))
}

fn told(report: &CacheReport, web: &Web) -> Value {
    json!({
        "following": report.is_following,
        "consumed": { "timeline": report.consumed.timeline, "p": report.consumed.p },
        "shared": report.shared,
        "loads": {
            "most": report.loads_max,
            "under_way": report.loads_under_way,
            "waiting": report.loads_waiting,
        },
        "collections": report.collections.iter().map(|of| one(of, web)).collect::<Vec<_>>(),
        "journals": journals(web.store()),
    })
}

/// What waits of each space that is written behind, when it was last looked.
pub fn journals(store: &Store) -> Vec<Value> {
    let journals = store.journal_reports();
    journals.iter().map(|of| journal(of, store)).collect()
}

/// What waits of a space that is written behind.
fn journal(of: &JournalReport, store: &Store) -> Value {
    let waits_us = of.oldest_us.map(|at| store.clock().now_us() - at);
    json!({
        "collection": format!("kv/{}", of.space),
        "state": match of.state {
            Behind::On => "on",
            Behind::Ending => "ending",
        },
        "rows": of.rows,
        "oldest_seconds": waits_us.map_or(0.0, |us| us.max(0) as f64 / 1e6),
        "error": of.error.as_deref(),
    })
}

fn one(found: &CollectionReport, web: &Web) -> Value {
    let store = web.store();
    let counts = &found.counts;
    let journals = store.journal_reports();
    let space = found.collection.strip_prefix("kv/");
    let own = journals.iter().find(|of| Some(&*of.space) == space);
    let estimates = found.estimates.iter().map(|estimate| {
        json!({
            "eviction": estimate.eviction,
            "capacity_bytes": estimate.capacity_bytes,
            "hit_ratio": (estimate.looked_at > 0).then_some(estimate.hit_ratio),
            "looked_at": estimate.looked_at,
        })
    });
    json!({
        "collection": found.collection,
        "strategy": found.strategy,
        "eviction": found.eviction,
        "capacity_bytes": found.capacity_bytes,
        "used_bytes": found.used_bytes,
        "entries": found.entries,
        "ttl_seconds": found.ttl_seconds,
        "hit_ratio": counts.hit_ratio(),
        "hits": counts.hits,
        "misses": counts.misses,
        "ahead": counts.ahead,
        "past": counts.past,
        "loads": counts.loads,
        "loads_failed": counts.loads_failed,
        "stale_on_error": counts.stale_on_error,
        "fills": counts.fills,
        "fills_refused": counts.fills_refused,
        "loads_not_admitted": counts.loads_not_admitted,
        "shared_hits": counts.shared_hits,
        "shared_waits": counts.shared_waits,
        "loads_unleased": counts.loads_unleased,
        "checked": counts.checked,
        "inconsistent": counts.inconsistent,
        "inconsistency_rate": counts.inconsistency_rate(),
        "estimates": estimates.collect::<Vec<_>>(),
        "journal": own.map(|of| journal(of, store)),
        "warming": found.warming.as_ref().map(warming),
        "rule": web.admin().cache_rule(&found.collection),
    })
}

/// How far it is loaded before it is asked for.
fn warming(of: &WarmReport) -> Value {
    json!({
        "query": of.query,
        "rate": of.rate,
        "state": of.state,
        "done": of.done,
        "total": of.total,
        "warmed": of.warmed,
        "last_warmed_at": of.warmed_at_us.map(instant),
        "error": of.error,
    })
}

/// RFC 3339, in UTC.
fn instant(us: i64) -> String {
    let mut out = Vec::with_capacity(32);
    datetime::write_timestamp(us, b'T', &mut out);
    out.push(b'Z');
    // Digits and punctuation only.
    String::from_utf8(out).unwrap_or_default()
}

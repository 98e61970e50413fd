//! `/admin/v1/queues`: which queues there are, where they are kept, and how full they are; and their
//! moves.

use super::{json_of, ok};
use crate::answer::Answer;
use crate::error::ApiError;
use crate::operate::NextLink;
use crate::params::{Params, malformed};
use crate::reply::Reply;
use crate::web::Web;
use http::request::Parts;
use http::{Method, StatusCode};
use pando_store::queue::Home;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

/// Queues of a page where it is not said: callers name queues, so there may be any number, and each
/// is counted.
const QUEUES: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveRequest {
    to: Place,
}

/// Where a queue can be.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Place {
    Store,
    Broker,
}

/// The answer to `GET /admin/v1/queues`: the declared, those that somebody has published to or leased
/// from, and those that were moved; of their groups the declared ones.
pub(super) async fn list(web: &Web, parts: &Parts) -> Result<Reply, ApiError> {
    let params = Params::read(&parts.uri, &["limit", "cursor"])?;
    let limit = params.number::<usize>("limit")?;
    if limit == Some(0) {
        return Err(malformed("limit is a number of queues, from 1"));
    }
    let store = web.store();
    let max = usize::try_from(store.config().max_rows).unwrap_or(usize::MAX);
    let limit = limit.map_or(QUEUES, |limit| limit.min(max));
    let page = store.fetch_queue_page(limit, params.text("cursor")).await?;
    let homes = store.fetch_queue_homes().await?;
    let declared = &store.config().queues.declared;
    let mut queues = Vec::new();
    for name in &page.names {
        let home = homes.get(name).copied().unwrap_or_default();
        queues.push(json!({
            "name": name,
            "declared": declared.contains_key(name),
            "home": place(home.on_broker),
            "wanted": place(store.queue_is_wanted_on_broker(name)),
            "groups": groups(web, name).await,
        }));
    }
    let more = page.cursor.is_some();
    let answer = json!({ "queues": queues, "more": more });
    let answer = Answer::json(StatusCode::OK, &answer);
    let answer = NextLink::of(parts).on_list(answer, queues.len(), more, page.cursor);
    Ok(answer.into_reply())
}

/// Answers what concerns one queue: `queues/mail/move`.
pub(super) async fn answer(
    web: &Web,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Reply, ApiError> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let [queue, "move"] = segments.as_slice() else {
        return Err(ApiError::no_such_path());
    };
    if method != Method::POST {
        return Err(ApiError::method(method, "POST"));
    }
    let queue = percent_decode_str(queue)
        .decode_utf8()
        .map_err(|_| ApiError::no_such_path())?;
    let MoveRequest { to } = json_of(body)?;
    let store = web.store();
    let home = store.queue_ask_to_move(&queue, to == Place::Broker).await?;
    Ok(ok(&moving(&queue, home, to)))
}

fn moving(queue: &str, home: Home, to: Place) -> Value {
    let wanted = place(to == Place::Broker);
    json!({ "name": queue, "home": place(home.on_broker), "wanted": wanted })
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

fn place(on_broker: bool) -> &'static str {
    if on_broker { "broker" } else { "store" }
}

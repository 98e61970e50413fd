//! Exchanges over HTTP: `/exchanges/v1/{exchange}/messages` publishes to each queue that a binding
//! sends a message to, all or none; `/exchanges/v1/{exchange}` tells the bindings.
//!
//! What an exchange is and does is RabbitMQ's (`pando_queue::Router`), and so are the names. Its own scope
//! is enough: who declares a binding says who may reach the queue by it.

use crate::answer::Answer;
use crate::error::ApiError;
use crate::operate::Asked;
use crate::params::Params;
use crate::queue::read_posted;
use crate::route::Place;
use crate::web::Web;
use http::{Method, StatusCode};
use pando_model::engine::Durability;
use pando_store::operation::Operation;
use pando_store::queue::{ExchangeRules, Published, Share};
use serde_json::{Map, Value, json};

/// What can be done at a place.
pub(crate) fn allowed(place: &Place<'_>) -> &'static str {
    match place.segments().as_slice() {
        [] => "OPTIONS,GET,HEAD",
        _ => "OPTIONS,POST",
    }
}

/// Plans what a request asks for.
pub(crate) async fn plan(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    let name = &*place.name;
    match (&asked.parts.method, place.segments().as_slice()) {
        (&Method::GET | &Method::HEAD, []) => read(web, name, &asked),
        (&Method::POST, ["messages"]) => publish(web, name, &asked).await,
        (method, [] | ["messages"]) => Err(ApiError::method(method, allowed(place))),
        _ => Err(ApiError::no_such_path()),
    }
}

fn read(web: &Web, name: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    let name = name.to_owned();
    let read = web.store().exchange_read(&name)?;
    Ok(read.map(move |exchange: ExchangeRules| {
        let bindings = exchange.bindings().iter();
        let bindings = bindings.map(|one| json!({ "queue": one.queue, "key": one.key }));
        let told = json!({
            "name": name,
            "kind": exchange.kind().name(),
            "bindings": bindings.collect::<Vec<_>>(),
        });
        Ok(Answer::json(StatusCode::OK, &told))
    }))
}

async fn publish(web: &Web, name: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let store = web.store();
    // Whether there is one is said before what is wrong with the body.
    store.exchange(name)?;
    let posted = read_posted(asked, web)?;
    let messages = posted.len();
    let shares = store.exchange_publish(name, posted).await?;
    let mut publishes = Vec::with_capacity(shares.len());
    let mut told = Vec::with_capacity(shares.len());
    let mut durability: Option<Durability> = None;
    for share in shares {
        let own = store.queue_durability(&share.queue);
        durability = Some(durability.map_or(own, |least| Durability {
            synced: least.synced && own.synced,
            copies: least.copies.min(own.copies),
        }));
        let Share {
            queue,
            places,
            now,
            later,
            publish,
        } = share;
        let count = asked.news.published(&queue, now, later);
        publishes.push(publish.map(move |published: Published| {
            count.set(published.new as u64);
            Ok(published.ids)
        }));
        told.push((queue, places));
    }
    let whole = Operation::all(publishes, |_| {});
    // A receipt is a write, also of a publish that comes to nothing.
    let whole = match asked.parts.headers.contains_key("idempotency-key") {
        true => whole.as_write(),
        false => whole,
    };
    Ok(whole.map(move |ids: Vec<Vec<i64>>| {
        let each = told.iter().zip(&ids);
        let each = each.map(|((queue, places), ids)| (queue.as_str(), places.as_slice(), ids));
        let answer = json!({
            "messages": by_message(messages, each),
            "durability": durability
                .map(|of| json!({ "synced": of.synced, "copies": of.copies })),
        });
        Ok(Answer::json(StatusCode::CREATED, &answer))
    }))
}

/// Of each message, to how many queues it went, and its id in each.
fn by_message<'a>(
    messages: usize,
    shares: impl Iterator<Item = (&'a str, &'a [usize], &'a Vec<i64>)>,
) -> Vec<Value> {
    let mut ids = vec![Map::new(); messages];
    for (queue, places, of_queue) in shares {
        for (place, id) in places.iter().zip(of_queue) {
            if let Some(of_message) = ids.get_mut(*place) {
                of_message.insert(queue.to_owned(), id.to_string().into());
            }
        }
    }
    let each = ids.into_iter();
    each.map(|ids| json!({ "routed": ids.len(), "ids": ids }))
        .collect()
}

//! Publishing: any body, or an event of CloudEvents.

use super::told;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::intake;
use crate::params::Params;
use crate::reply::{self, Reply};
use crate::web::Web;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Body;
use pando_queue::topics::{Publication, TopicError, TopicName};
use serde_json::json;
use std::pin::pin;

pub(super) async fn answer<B>(
    web: &Web,
    topic: &TopicName,
    parts: &Parts,
    body: &mut Option<B>,
    deadline: Deadline,
) -> Result<Reply, ApiError>
where
    B: Body<Data = Bytes>,
{
    let params = Params::read(&parts.uri, &["type"])?;
    let max = web.topics().message_bytes_max();
    let bytes_max = web.limits().max_body.min(max as u64);
    let body = deadline
        .for_body(pin!(intake::taken(body, bytes_max)))
        .await;
    let body = body.map_err(|error| match error.status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => told(TopicError::TooLarge { max }).close(),
        _ => error,
    })?;
    let headers = parts.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let headers: Vec<(&str, &[u8])> = headers.collect();
    let publication = Publication::read(&headers, params.text("type"), body).map_err(told)?;
    let published = pin!(async { web.topics().publish(topic, publication).await.map_err(told) });
    let published = deadline.for_write(published).await?;
    let answer = json!({
        "id": published.id.to_string(),
        "subscribers": published.subscribers,
    });
    Ok(reply::json(StatusCode::OK, &answer))
}

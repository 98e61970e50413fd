//! Topics over HTTP: `/topics/v1/{topic}`.

mod publish;
mod socket;
mod subscribe;
mod talk;

pub(crate) use socket::is_asked as websocket_is_asked;

use crate::deadline::Deadline;
use crate::error::{ApiError, unavailable};
use crate::gate::Caller;
use crate::params::malformed;
use crate::reply::{self, Reply};
use crate::web::Web;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body;
use pando_queue::topics::{TopicError, TopicName};
use std::time::Duration;

const ALLOWED: &str = "OPTIONS,GET,HEAD,POST";
/// When whoever found no room may come again.
const FULL_RETRY: Duration = Duration::from_secs(5);

/// Answers a request.
pub(crate) async fn answer<B>(
    web: &Web,
    name: &str,
    parts: &Parts,
    body: &mut Option<B>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Reply, ApiError>
where
    B: Body<Data = Bytes>,
{
    if parts.method == Method::OPTIONS {
        return Ok(reply::allowing(ALLOWED));
    }
    let topic = TopicName::new(name).map_err(told)?;
    match parts.method {
        Method::GET | Method::HEAD => subscribe::answer(web, &topic, parts, caller),
        Method::POST => publish::answer(web, &topic, parts, body, deadline).await,
        _ => Err(ApiError::method(&parts.method, ALLOWED)),
    }
}

/// What is wrong, as callers are told.
fn told(error: TopicError) -> ApiError {
    let text = error.to_string();
    match error {
        TopicError::Invalid(_) => malformed(text),
        TopicError::TooLarge { .. } => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "message_too_large", text).hint(
                "Tell where the rest is, such as a key of /kv/v1; or raise [topics] max_message.",
            )
        }
        TopicError::Full { .. } => unavailable("subscribers_full", text)
            .hint("[topics] max_subscribers says how many there may be in one process.")
            .retry_after(FULL_RETRY),
        TopicError::Unavailable { retry_after, .. } => {
            unavailable("bus_unavailable", text).retry_after(retry_after)
        }
        TopicError::Closed => unavailable("stopping", text).retry_after(Duration::from_secs(1)),
    }
}

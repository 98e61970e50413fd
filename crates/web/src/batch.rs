//! Batches of a model: a list of operations, all done or none.
//!
//! How a list is read, and what is the same for every model's operations.

use crate::error::ApiError;
use crate::gate;
use crate::object::Object;
use crate::operate::Asked;
use crate::params::{self, Params, malformed};
use crate::web::Web;
use pando_store::keys::{Surface, Verb};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The operations of a batch on `name`: those that read need the caller's leave to read, all
/// others its leave to write.
pub(crate) fn operations<T: DeserializeOwned>(
    web: &Web,
    asked: &Asked<'_>,
    surface: Surface,
    name: &str,
    reads: impl Fn(&T) -> bool,
) -> Result<Vec<T>, ApiError> {
    if !gate::may_read(asked.caller, surface, name) {
        require(asked, surface, Verb::Write, name)?;
    }
    Params::read(&asked.parts.uri, &[])?;
    let operations: Vec<Object<T>> = serde_json::from_slice(&asked.body)
        .map_err(|error| malformed(format!("the body is no list of operations: {error}")))?;
    let operations: Vec<T> = operations.into_iter().map(|Object(op)| op).collect();
    let max = web.limits().max_batch;
    if operations.len() > max {
        return Err(malformed(format!(
            "a batch has {max} operations at most, not {}",
            operations.len()
        )));
    }
    if operations.iter().any(&reads) {
        require(asked, surface, Verb::Read, name)?;
    }
    if !operations.iter().all(reads) {
        require(asked, surface, Verb::Write, name)?;
    }
    Ok(operations)
}

fn require(asked: &Asked<'_>, surface: Surface, verb: Verb, name: &str) -> Result<(), ApiError> {
    match asked.caller {
        Some(key) => gate::require(key, surface, verb, Some(name)),
        None => Ok(()),
    }
}

/// Refuses a field that the operation does not look at: of each field whether it is given,
/// whether it fits, and its name.
pub(crate) fn refuse_stray(fields: &[(bool, bool, &str)]) -> Result<(), ApiError> {
    match fields.iter().find(|(given, fits, _)| *given && !fits) {
        Some((_, _, name)) => Err(malformed(format!("{name} does not go with this op"))),
        None => Ok(()),
    }
}

/// How long a value lives, where that is said.
pub(crate) fn ttl(text: Option<&str>) -> Result<Option<Duration>, ApiError> {
    let read = |text: &str| {
        params::span(text)
            .ok_or_else(|| malformed(format!("ttl {text:?} is not a span of time, such as 60s")))
    };
    text.map(read).transpose()
}

//! Keys: made, listed, revoked. A secret is told once, when it is made.

use super::json_of;
use crate::error::ApiError;
use crate::reply::{self, Reply};
use http::StatusCode;
use pando_store::Store;
use pando_store::keys::{KeyInfo, Scopes};
use serde::Deserialize;
use serde_json::{Value, json};

/// Characters of a key's name at most, which fits what the store keeps in any script.
pub(crate) const NAME_CHARS_MAX: usize = 50;
/// What a key is called whose maker gave it no name.
const UNNAMED: &str = "unnamed";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKeyRequest {
    #[serde(default)]
    name: Option<String>,
    scopes: ScopesText,
}

/// `"rest:read,kv:*"` or `["rest:read", "kv:*"]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum ScopesText {
    One(String),
    Several(Vec<String>),
}

/// `GET /admin/v1/keys`.
pub(super) async fn list(store: &Store) -> Result<Reply, ApiError> {
    let keys = store.list_keys().await?;
    let keys: Vec<Value> = keys.iter().map(|key| described(key)).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "keys": keys })))
}

/// `POST /admin/v1/keys`.
pub(super) async fn create(store: &Store, body: &[u8]) -> Result<Reply, ApiError> {
    let request: NewKeyRequest = json_of(body)?;
    let text = match request.scopes {
        ScopesText::One(text) => text,
        ScopesText::Several(texts) => texts.join(","),
    };
    let scopes: Scopes = text.parse().map_err(|error| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "scope_malformed",
            "the scopes cannot be read",
        )
        .details(format!("{error}"))
        .hint("A scope is surface:verb or surface:verb:collection, such as rest:read.")
    })?;
    let name = request.name.unwrap_or_else(|| UNNAMED.to_owned());
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "name_malformed",
            format!("a key's name has 1 to {NAME_CHARS_MAX} characters"),
        ));
    }
    let made = store.create_key(&name, scopes).await?;
    let mut described = described(&made.info);
    described["key"] = Value::String(made.secret);
    Ok(reply::json(StatusCode::CREATED, &described))
}

/// `DELETE /admin/v1/keys/{id}`.
pub(super) async fn revoke(store: &Store, id: &str) -> Result<Reply, ApiError> {
    if store.revoke_key(id).await? {
        return Ok(reply::empty(StatusCode::NO_CONTENT));
    }
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        "key_unknown",
        "there is no valid key of this id",
    )
    .hint("GET /admin/v1/keys lists all keys."))
}

fn described(key: &KeyInfo) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes.iter().map(|scope| scope.to_string()).collect::<Vec<_>>(),
        "created_at_us": key.created_at_us,
        "last_used_at_us": key.last_used_at_us(),
        "revoked_at_us": key.revoked_at_us,
    })
}

//! `pando keys`: who may ask.

use super::Context;
use crate::access::{self, Access};
use crate::cli::KeysCommand;
use crate::client;
use crate::failure::fail;
use crate::report::columns;
use http::Method;
use pando_client::encoded;
use pando_store::Store;
use pando_store::keys::{KeyInfo, Scopes};
use serde_json::{Value, json};

/// Carries out `pando keys`.
pub async fn run(command: KeysCommand, context: &Context) -> anyhow::Result<()> {
    if let KeysCommand::Revoke { id, yes: false } = &command
        && !context.report.confirm(&format!("Revoke the key {id}?"))
    {
        return fail("nothing was revoked")
            .hint("say --yes where nobody can be asked")
            .usage()
            .err();
    }
    if let KeysCommand::Create { scopes, .. } = &command {
        // Before anything is opened: wrong scopes are wrong usage.
        parse_scopes(scopes)?;
    }
    let access = match &command {
        KeysCommand::Create { .. } => access::open(context).await?,
        KeysCommand::List | KeysCommand::Revoke { .. } => access::open_existing(context).await?,
    };
    let answer = match access {
        Access::Store(open) => {
            let answer = in_store(&command, open.store()).await;
            open.close().await?;
            answer?
        }
        Access::Server(server) => {
            let (method, path, body) = match &command {
                KeysCommand::Create { name, scopes } => (
                    Method::POST,
                    "/admin/v1/keys".to_owned(),
                    Some(json!({ "name": name, "scopes": scopes })),
                ),
                KeysCommand::List => (Method::GET, "/admin/v1/keys".to_owned(), None),
                KeysCommand::Revoke { id, .. } => (
                    Method::DELETE,
                    format!("/admin/v1/keys/{}", encoded(id)),
                    None,
                ),
            };
            client::call(&server.client, method, &path, body.as_ref()).await?
        }
    };
    context
        .report
        .answer(&answer, |answer| text(&command, answer))
}

async fn in_store(command: &KeysCommand, store: &Store) -> anyhow::Result<Value> {
    match command {
        KeysCommand::Create { name, scopes } => {
            let made = store.create_key(name, parse_scopes(scopes)?).await?;
            let mut answer = described(&made.info);
            answer["key"] = made.secret.into();
            Ok(answer)
        }
        KeysCommand::List => {
            let keys = store.list_keys().await?;
            let keys: Vec<Value> = keys.iter().map(|key| described(key)).collect();
            Ok(json!({ "keys": keys }))
        }
        KeysCommand::Revoke { id, .. } => match store.revoke_key(id).await? {
            true => Ok(Value::Null),
            false => fail(format!("there is no key {id} that could be revoked"))
                .hint("`pando keys list` shows the keys and their ids")
                .err(),
        },
    }
}

fn parse_scopes(scopes: &[String]) -> anyhow::Result<Scopes> {
    scopes.join(",").parse().map_err(|error| {
        fail(format!("{error}"))
            .hint("a scope is surface:verb or surface:verb:collection, such as rest:read:flights")
            .usage()
            .into()
    })
}

fn described(key: &KeyInfo) -> Value {
    let scopes = key.scopes.iter().map(ToString::to_string);
    json!({
        "id": key.id,
        "name": key.name,
        "scopes": scopes.collect::<Vec<_>>(),
        "created_at_us": key.created_at_us,
        "last_used_at_us": key.last_used_at_us(),
        "revoked_at_us": key.revoked_at_us,
    })
}

/// An instant in UTC as PostgreSQL writes it, to the second.
fn instant(us: &Value) -> String {
    let Some(us) = us.as_i64() else {
        return "–".to_owned();
    };
    let second = pando_model::value::Value::Timestamp(us - us.rem_euclid(1_000_000));
    let ty = pando_model::column::ColumnType::Timestamp;
    second.to_text(&ty).unwrap_or_default()
}

fn text(command: &KeysCommand, answer: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            items.join(",")
        }
        other => other.to_string(),
    };
    match command {
        KeysCommand::Create { .. } => format!(
            "{}\n\nThis is the only time the key is shown. It is {} and may {}.",
            shown(&answer["key"]),
            shown(&answer["id"]),
            shown(&answer["scopes"]),
        ),
        KeysCommand::List => {
            let head = ["id", "name", "scopes", "created", "last used", "revoked"];
            let mut rows = vec![head.map(str::to_owned).to_vec()];
            for key in answer["keys"].as_array().into_iter().flatten() {
                let mut row = ["id", "name", "scopes"]
                    .map(|field| shown(&key[field]))
                    .to_vec();
                let times = ["created_at_us", "last_used_at_us", "revoked_at_us"];
                row.extend(times.map(|field| instant(&key[field])));
                rows.push(row);
            }
            columns(&rows)
        }
        KeysCommand::Revoke { id, .. } => format!("the key {id} is revoked"),
    }
}

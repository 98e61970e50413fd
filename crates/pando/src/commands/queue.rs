//! `pando queue`: what operators, and scripts that work on messages, do with a queue.
//!
//! All of it is asked over the HTTP surface, of a server or of the web tier in this process, so that
//! it means the same both ways.

mod moving;
mod publish;
mod said;
mod text;

use super::Context;
use crate::access::{self, Access};
use crate::cli::QueueCommand;
use crate::config::units::Duration;
use crate::failure::fail;
use crate::parts;
use crate::surface::{Asked, Surface};
use pando_client::encoded;
use pando_store::Store;
use said::Said;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const JSON: &str = "application/json";

/// What is asked of a queue, besides a publish.
enum Ask {
    /// What is behind the queue's name.
    Get(String),
    /// The same, and a body if there is one.
    Post(String, Option<Value>),
}

/// Carries out `pando queue`.
pub async fn run(command: QueueCommand, context: &Context) -> anyhow::Result<()> {
    let queue = command.queue();
    if let QueueCommand::Purge { yes: false, .. } = &command
        && !context
            .report
            .confirm(&format!("Remove all messages of {queue}?"))
    {
        return fail("nothing was removed")
            .hint("say --yes where nobody can be asked")
            .usage()
            .err();
    }
    // Before anything is opened: what is no JSON is wrong usage.
    let messages = match &command {
        QueueCommand::Publish(args) => Some(publish::Messages::of(args)?),
        _ => None,
    };
    let answer = match access::open_existing(context).await? {
        Access::Store(open) => {
            let answer = here(&command, messages, context, open.store()).await;
            open.close().await?;
            answer?
        }
        Access::Server(server) => ask(&command, messages, &Surface::Server(server.client)).await?,
    };
    context
        .report
        .answer(&answer, |answer| text::of(&command, &answer.value))?;
    refuse_gone(&answer.value)
}

/// Asks the web tier in this process. What is published to a queue on a broker is handed over by
/// the next server.
async fn here(
    command: &QueueCommand,
    messages: Option<publish::Messages>,
    context: &Context,
    store: &Arc<Store>,
) -> anyhow::Result<Said> {
    parts::use_broker(store, &context.loaded.config).await?;
    // A server does it again and again.
    store.queue_release(0).await?;
    let surface = Surface::here(store, &context.loaded.config);
    ask(command, messages, &surface).await
}

async fn ask(
    command: &QueueCommand,
    messages: Option<publish::Messages>,
    surface: &Surface,
) -> anyhow::Result<Said> {
    if let QueueCommand::Move(args) = command {
        return Ok(moving::run(args, surface).await?.into());
    }
    if let QueueCommand::List = command {
        return Ok(list(surface).await?.into());
    }
    let base = format!("/queue/v1/{}", encoded(command.queue()));
    if let Some(messages) = messages {
        let path = match command {
            QueueCommand::Publish(args) if args.exchange => {
                format!("/exchanges/v1/{}/messages", encoded(&args.queue))
            }
            _ => format!("{base}/messages"),
        };
        return Ok(messages.publish(&path, surface).await?.into());
    }
    let (path, body) = match asked(command) {
        Ask::Get(rest) => (format!("{base}{rest}"), None),
        Ask::Post(rest, body) => (format!("{base}{rest}"), Some(body)),
    };
    let asked = match body {
        None => Asked::get(&path, JSON),
        Some(body) => {
            let body = body.map(|body| body.to_string()).unwrap_or_default();
            Asked::post(&path, body)
        }
    };
    call(surface, asked).await
}

/// All queues, page by page.
async fn list(surface: &Surface) -> anyhow::Result<Value> {
    let mut queues = Vec::new();
    let mut path = "/admin/v1/queues".to_owned();
    loop {
        let reply = surface.send(Asked::get(&path, JSON)).await;
        let reply = reply.map_err(|not| not.error)?;
        let mut page: Value = serde_json::from_slice(&reply.body)?;
        if let Some(some) = page["queues"].as_array_mut() {
            queues.append(some);
        }
        let Some(cursor) = reply.headers.get("pando-cursor") else {
            return Ok(json!({ "queues": queues }));
        };
        path = format!("/admin/v1/queues?cursor={}", encoded(cursor.to_str()?));
    }
}

async fn call(surface: &Surface, asked: Asked<'_>) -> anyhow::Result<Said> {
    let reply = surface.send(asked).await.map_err(|not| not.error)?;
    if reply.body.is_empty() {
        return Ok(Value::Null.into());
    }
    Ok(Said::read(&reply.body)?)
}

fn asked(command: &QueueCommand) -> Ask {
    match command {
        QueueCommand::Lease(args) => {
            let mut body = Map::new();
            body.insert("max".to_owned(), args.max.into());
            put(&mut body, "wait", args.wait.map(seconds));
            put(&mut body, "visibility", args.visibility.map(seconds));
            put(&mut body, "group", args.group.as_deref().map(Value::from));
            Ask::Post("/lease".to_owned(), Some(body.into()))
        }
        QueueCommand::Ack { leases, .. } => {
            Ask::Post("/ack".to_owned(), Some(json!({ "leases": leases })))
        }
        QueueCommand::Nack(args) => {
            let mut body = Map::new();
            body.insert("leases".to_owned(), json!(args.leases));
            put(&mut body, "delay", args.delay.map(seconds));
            put(&mut body, "error", args.error.as_deref().map(Value::from));
            Ask::Post("/nack".to_owned(), Some(body.into()))
        }
        QueueCommand::Peek(args) => {
            let group = args.group.as_deref();
            Ask::Get(format!("/messages?limit={}{}", args.limit, and(group)))
        }
        QueueCommand::Dead(args) => {
            let group = args.group.as_deref();
            Ask::Get(format!("/dead?limit={}{}", args.limit, and(group)))
        }
        QueueCommand::Redrive { group, ids, .. } => {
            let mut body = Map::new();
            put(&mut body, "group", group.as_deref().map(Value::from));
            put(&mut body, "ids", (!ids.is_empty()).then(|| json!(ids)));
            Ask::Post("/redrive".to_owned(), Some(body.into()))
        }
        QueueCommand::Purge { .. } => Ask::Post("/purge".to_owned(), None),
        QueueCommand::Replay { from, group, .. } => {
            let (from, group) = (encoded(from), and(group.as_deref()));
            Ask::Post(format!("/replay?from={from}{group}"), None)
        }
        QueueCommand::Depth { group, .. } => {
            let group = group.as_deref().map(encoded);
            Ask::Get(group.map_or(String::new(), |group| format!("?group={group}")))
        }
        // They have been done.
        QueueCommand::Publish(_) | QueueCommand::List | QueueCommand::Move(_) => {
            Ask::Get(String::new())
        }
    }
}

/// A lease that holds no more is a failure to a script: others may work on its message.
fn refuse_gone(answer: &Value) -> anyhow::Result<()> {
    match answer["gone"].as_u64() {
        None | Some(0) => Ok(()),
        Some(gone) => fail(format!(
            "{gone} of the leases had run out, or were settled before"
        ))
        .hint("a message whose lease ran out is given to others: lease with a longer --visibility")
        .err(),
    }
}

fn put(body: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value);
    }
}

fn seconds(span: Duration) -> Value {
    span.get().as_secs_f64().into()
}

/// The group, as a further parameter.
fn and(group: Option<&str>) -> String {
    group.map_or(String::new(), |group| format!("&group={}", encoded(group)))
}

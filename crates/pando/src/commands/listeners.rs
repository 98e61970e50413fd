//! `pando listeners`: which there are, and the end of what one leaves behind.

use super::Context;
use crate::access::{self, Access};
use crate::cli::ListenersCommand;
use crate::failure::fail;
use crate::report::columns;
use crate::surface::{Asked, Surface};
use pando_client::encoded;
use serde_json::Value;

const PATH: &str = "/admin/v1/listeners";
const FIELDS: [&str; 7] = [
    "name",
    "phase",
    "on",
    "calls",
    "vetoes",
    "failures",
    "last_error",
];

/// Carries out `pando listeners`.
pub async fn run(command: ListenersCommand, context: &Context) -> anyhow::Result<()> {
    if let ListenersCommand::Forget {
        listener,
        yes: false,
    } = &command
        && !context
            .report
            .confirm(&format!("Remove all that waits for {listener}?"))
    {
        return fail("nothing was removed")
            .hint("say --yes where nobody can be asked")
            .usage()
            .err();
    }
    let answer = match access::open_existing(context).await? {
        Access::Store(open) => {
            let surface = Surface::here(open.store(), &context.loaded.config);
            let answer = ask(&command, &surface).await;
            open.close().await?;
            answer?
        }
        Access::Server(server) => ask(&command, &Surface::Server(server.client)).await?,
    };
    context
        .report
        .answer(&answer, |answer| text(&command, answer))
}

async fn ask(command: &ListenersCommand, surface: &Surface) -> anyhow::Result<Value> {
    let path = match command {
        ListenersCommand::List => PATH.to_owned(),
        ListenersCommand::Forget { listener, .. } => format!("{PATH}/{}/forget", encoded(listener)),
    };
    let asked = match command {
        ListenersCommand::List => Asked::get(&path, "application/json"),
        ListenersCommand::Forget { .. } => Asked::post(&path, ""),
    };
    let reply = surface.send(asked).await.map_err(|not| not.error)?;
    Ok(serde_json::from_slice(&reply.body)?)
}

fn text(command: &ListenersCommand, answer: &Value) -> String {
    match command {
        ListenersCommand::List => listed(answer),
        ListenersCommand::Forget { listener, .. } => {
            let removed = answer["removed"].as_u64().unwrap_or_default();
            let journal = match answer["journal"] == "ended" {
                true => "nobody hears of commits any more, and the journal is ended",
                false => "the journal goes on for others",
            };
            format!("{removed} messages for {listener} are removed; {journal}")
        }
    }
}

fn listed(answer: &Value) -> String {
    let listeners = answer.as_array().map_or(&[][..], Vec::as_slice);
    if listeners.is_empty() {
        return "there is no listener".to_owned();
    }
    let head = FIELDS.iter().map(|field| field.replace('_', " "));
    let mut rows = vec![head.collect()];
    for listener in listeners {
        let shown = FIELDS.iter().map(|field| shown(&listener[*field]));
        rows.push(shown.collect());
    }
    columns(&rows)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

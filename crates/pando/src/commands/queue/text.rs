//! What `pando queue` tells people.

use crate::cli::QueueCommand;
use crate::report::{columns, grouped};
use serde_json::Value;

/// Longer bodies are cut: `--json` shows them whole.
const BODY_CHARS_MAX: usize = 80;

/// The answer to a command, as a text.
pub fn of(command: &QueueCommand, answer: &Value) -> String {
    let queue = command.queue();
    match command {
        QueueCommand::List => queues(answer),
        QueueCommand::Move(args) => match answer["home"] == args.to.name() {
            true => format!("what is published to {queue} is kept {} now", place(answer)),
            false => format!("{queue} will move once what its last move left behind is done"),
        },
        QueueCommand::Publish(args) if args.exchange => {
            let messages = answer["messages"].as_array().into_iter().flatten();
            let lines: Vec<_> = messages.map(routed).collect();
            lines.join("\n")
        }
        QueueCommand::Publish(_) => {
            let ids = answer["ids"].as_array().into_iter().flatten();
            let ids: Vec<_> = ids.map(shown).collect();
            ids.join("\n")
        }
        QueueCommand::Lease(_) => listed(answer, &["id", "attempt", "lease", "body"]),
        QueueCommand::Peek(_) => {
            let fields = ["id", "state", "attempts", "priority", "enqueued_at", "body"];
            listed(answer, &fields)
        }
        QueueCommand::Dead(_) => listed(answer, &["id", "attempts", "died_at", "error", "body"]),
        QueueCommand::Ack { .. } => format!("{} acknowledged", count(answer, "acked")),
        QueueCommand::Nack(_) => format!("{} given back", count(answer, "nacked")),
        QueueCommand::Redrive { .. } => {
            let redriven = count(answer, "redriven");
            match answer["more"] == true {
                true => format!(
                    "{redriven} dead letters of {queue} have another chance; there are more: say it again"
                ),
                false => format!("{redriven} dead letters of {queue} have another chance"),
            }
        }
        QueueCommand::Purge { .. } => {
            format!(
                "{} messages of {queue} are removed",
                count(answer, "purged")
            )
        }
        QueueCommand::Replay { from, .. } => {
            format!("what {queue} keeps is given again from {from} on")
        }
        QueueCommand::Depth { .. } => {
            let fields = answer.as_object().into_iter().flatten();
            let rows = fields.map(|(name, value)| vec![name.replace('_', " "), shown(value)]);
            columns(&rows.collect::<Vec<_>>())
        }
    }
}

fn listed(answer: &Value, fields: &[&str]) -> String {
    let messages = answer["messages"].as_array().map_or(&[][..], Vec::as_slice);
    if messages.is_empty() {
        return "there is no message".to_owned();
    }
    let head = fields.iter().map(|field| field.replace('_', " "));
    let mut rows = vec![head.collect()];
    for message in messages {
        let row = fields.iter().map(|field| match *field {
            // Its text, as it was published.
            "body" => cut(message[*field].as_str().unwrap_or_default()),
            field => shown(&message[field]),
        });
        rows.push(row.collect());
    }
    columns(&rows)
}

/// Where a message of an exchange went.
fn routed(message: &Value) -> String {
    let ids = message["ids"].as_object().into_iter().flatten();
    let ids: Vec<_> = ids
        .map(|(queue, id)| format!("{queue} {}", shown(id)))
        .collect();
    match ids.is_empty() {
        true => "to no queue: no binding matches its routing key".to_owned(),
        false => ids.join(", "),
    }
}

/// A line for each group of each queue.
fn queues(answer: &Value) -> String {
    let queues = answer["queues"].as_array().map_or(&[][..], Vec::as_slice);
    if queues.is_empty() {
        return "there is no queue yet; `pando queue publish NAME BODY` makes one".to_owned();
    }
    let head = [
        "queue",
        "kept in",
        "group",
        "depth",
        "in flight",
        "scheduled",
        "dead",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for queue in queues {
        let kept = match queue["home"] == queue["wanted"] {
            true => shown(&queue["home"]),
            false => format!(
                "{}, moves to {}",
                shown(&queue["home"]),
                shown(&queue["wanted"])
            ),
        };
        for group in queue["groups"].as_array().into_iter().flatten() {
            let counts = ["depth", "in_flight", "scheduled", "dead"];
            let mut row = vec![shown(&queue["name"]), kept.clone(), shown(&group["group"])];
            row.extend(counts.map(|count| shown(&group[count])));
            rows.push(row);
        }
    }
    columns(&rows)
}

fn place(answer: &Value) -> &'static str {
    if answer["home"] == "broker" {
        "on the broker"
    } else {
        "in the store"
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(BODY_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn count(answer: &Value, name: &str) -> String {
    grouped(answer[name].as_u64().unwrap_or(0))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

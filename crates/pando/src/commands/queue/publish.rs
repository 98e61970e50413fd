//! `pando queue publish`: bodies that were typed, or lines of standard input.

use crate::cli::PublishArgs;
use crate::failure::fail;
use crate::surface::{Asked, Surface};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::io::{self, BufRead};

/// Messages of one request, and bytes of their bodies, at most: less than a server takes.
const MESSAGES_MAX: usize = 500;
const BYTES_MAX: usize = 4 << 20;

/// What is published.
pub struct Messages {
    bodies: Vec<Box<RawValue>>,
    /// What is said of each.
    how: Map<String, Value>,
}

impl Messages {
    /// Reads them; what is no JSON is refused, and nothing is published then.
    pub fn of(args: &PublishArgs) -> anyhow::Result<Messages> {
        let texts: Vec<String> = match args.bodies.is_empty() {
            true => io::stdin().lock().lines().collect::<Result<_, _>>()?,
            false => args.bodies.clone(),
        };
        let texts = texts.iter().filter(|text| !text.trim().is_empty());
        let bodies = texts.map(|text| read(text));
        let bodies: Vec<_> = bodies.collect::<anyhow::Result<_>>()?;
        if bodies.is_empty() {
            return fail("there is no message to publish")
                .hint("write bodies behind the queue's name, or lines to standard input")
                .usage()
                .err();
        }
        if args.dedup_id.is_some() && bodies.len() > 1 {
            return fail("--dedup-id is of one message")
                .hint("publish one at a time, or leave it out")
                .usage()
                .err();
        }
        let mut how = Map::new();
        let delay = args.delay.map(|delay| json!(delay.get().as_secs_f64()));
        super::put(&mut how, "delay", delay);
        super::put(&mut how, "at", args.at.as_deref().map(Value::from));
        super::put(&mut how, "priority", args.priority.map(Value::from));
        let key = args.ordering_key.as_deref().map(Value::from);
        super::put(&mut how, "ordering_key", key);
        let id = args.dedup_id.as_deref().map(Value::from);
        super::put(&mut how, "dedup_id", id);
        let routing_key = args.routing_key.as_deref().map(Value::from);
        super::put(&mut how, "routing_key", routing_key);
        super::put(&mut how, "mandatory", args.mandatory.then_some(true.into()));
        Ok(Messages { bodies, how })
    }

    /// Publishes them, so many at a time; what is answered to all of them.
    pub async fn publish(self, path: &str, surface: &Surface) -> anyhow::Result<Value> {
        let mut whole = json!({});
        let mut done = 0;
        let mut left = self.bodies.as_slice();
        while !left.is_empty() {
            let (some, rest) = left.split_at(fitting(left));
            let body = self.request(some)?;
            let reply = surface.send(Asked::post(path, body)).await;
            let reply = reply.map_err(|not| match done {
                0 => not.error,
                done => not.error.context(format!("{done} messages were published")),
            })?;
            done += some.len();
            gather(&mut whole, serde_json::from_slice(&reply.body)?);
            left = rest;
        }
        Ok(whole)
    }

    fn request(&self, bodies: &[Box<RawValue>]) -> anyhow::Result<String> {
        let how = match self.how.is_empty() {
            true => String::new(),
            false => {
                let how = serde_json::to_string(&self.how)?;
                format!(",{}", how.trim_start_matches('{').trim_end_matches('}'))
            }
        };
        // A body goes as it was typed: a number may have more digits than a double.
        let each = bodies
            .iter()
            .map(|body| format!("{{\"body\":{body}{how}}}"));
        Ok(format!("[{}]", each.collect::<Vec<_>>().join(",")))
    }
}

/// Puts the answer to some messages behind that to those before: lists grow, and what else is told of
/// the last holds.
fn gather(whole: &mut Value, answer: Map<String, Value>) {
    for (name, value) in answer {
        match (&mut whole[name], value) {
            (Value::Array(known), Value::Array(more)) => known.extend(more),
            (known, value) => *known = value,
        }
    }
}

/// How many of them fit into one request; one at least.
fn fitting(bodies: &[Box<RawValue>]) -> usize {
    let mut bytes = 0;
    let fits = bodies.iter().take(MESSAGES_MAX).take_while(|body| {
        bytes += body.get().len();
        bytes <= BYTES_MAX
    });
    fits.count().max(1)
}

fn read(text: &str) -> anyhow::Result<Box<RawValue>> {
    serde_json::from_str(text).map_err(|error| {
        fail(format!("{text:?} is not JSON: {error}"))
            .hint("a body is JSON: a text stands in double quotes, such as '\"hello\"'")
            .usage()
            .into()
    })
}

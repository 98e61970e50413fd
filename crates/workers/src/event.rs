//! A message as the CloudEvent that it is, or is made into: binary mode, as headers.

use crate::handler::Job;
use jiff::Timestamp;
use pando_queue::{Attribute, Event, Mode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a message is that was not published as an event.
const TYPE: &str = "pando.message";

/// The headers of a message's attributes, `ce-id` and the like. What it was published as stays;
/// what an event must have besides is put in.
pub(crate) fn headers(job: &Job) -> Vec<(String, String)> {
    let given = given(job);
    // What was taken in was checked then; if a version knew less, it is an event without them.
    let key = job.message.ordering_key.clone();
    let event = made(job, given, key).or_else(|| made(job, BTreeMap::new(), None));
    event.map_or_else(Vec::new, |event| event.write(Mode::Binary).headers)
}

fn made(
    job: &Job,
    mut attributes: BTreeMap<String, Attribute>,
    key: Option<String>,
) -> Option<Event> {
    let message = &job.message;
    let queue = utf8_percent_encode(&job.place.queue, NON_ALPHANUMERIC);
    let text = |text: String| Attribute::String(text);
    for (name, value) in [
        ("specversion", Some("1.0".to_owned())),
        ("id", Some(message.id.to_string())),
        ("source", Some(format!("/queue/v1/{queue}"))),
        ("type", Some(TYPE.to_owned())),
        ("time", time(message.published_at_us)),
        // https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/partitioning.md
        ("partitionkey", key),
    ] {
        if let Some(value) = value {
            attributes
                .entry(name.to_owned())
                .or_insert_with(|| text(value));
        }
    }
    Event::new(attributes, None).ok()
}

/// The attributes that it was published with. Its content type is a header of its own.
fn given(job: &Job) -> BTreeMap<String, Attribute> {
    let attributes = job.message.attributes.as_deref().unwrap_or("{}");
    let Ok(Value::Object(given)) = serde_json::from_str(attributes) else {
        return BTreeMap::new();
    };
    let each = given.into_iter().filter_map(|(name, value)| {
        let value = match value {
            Value::String(text) => Attribute::String(text),
            Value::Bool(truth) => Attribute::Boolean(truth),
            Value::Number(number) => match number.as_i64().and_then(|n| i32::try_from(n).ok()) {
                Some(whole) => Attribute::Integer(whole),
                None => Attribute::String(number.to_string()),
            },
            _ => return None,
        };
        (name != "datacontenttype").then_some((name, value))
    });
    each.collect()
}

/// RFC 3339.
pub(crate) fn time(us: i64) -> Option<String> {
    Timestamp::from_microsecond(us)
        .ok()
        .map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::tests::job;

    fn header(job: &Job, name: &str) -> Option<String> {
        let headers = headers(job).into_iter();
        let mut found = headers.filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value)
    }

    #[test]
    fn a_message_that_was_no_event_becomes_one() {
        let mut job = job(7);
        job.message.ordering_key = Some("user 1".to_owned());
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "7"),
            ("ce-source", "/queue/v1/mail"),
            ("ce-type", "pando.message"),
            ("ce-time", "1970-01-01T00:00:01Z"),
            ("ce-partitionkey", "user%201"),
        ] {
            assert_eq!(header(&job, name).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn what_it_was_published_as_stays_and_what_cannot_be_is_left_out() {
        let mut job = job(7);
        let given =
            r#"{"id":"a1","type":"order.paid","count":3,"sure":true,"datacontenttype":"x/y"}"#;
        job.message.attributes = Some(given.to_owned());
        for (name, value) in [
            ("ce-id", Some("a1")),
            ("ce-type", Some("order.paid")),
            ("ce-source", Some("/queue/v1/mail")),
            ("ce-count", Some("3")),
            ("ce-sure", Some("true")),
            ("content-type", None),
        ] {
            assert_eq!(header(&job, name).as_deref(), value, "{name}");
        }
        job.message.attributes = Some(r#"{"Not A Name":"x","id":""}"#.to_owned());
        assert_eq!(header(&job, "ce-id").as_deref(), Some("7"));
    }
}

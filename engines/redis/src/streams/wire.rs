//! Messages and leases, as Redis has them: an entry's fields have names of one letter, which are
//! stored with each of them.

use bytes::Bytes;
use pando_model::broker::{Dead, Delivery, Lease, Message, QueueSpec, Settled};
use std::time::Duration;

/// What a script answers of an entry: its id, its attempt, and its fields.
pub(super) type Raw = (String, u32, Vec<Vec<u8>>);

/// An entry, read.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    id: String,
    attempt: u32,
    pub(super) message: Message,
}

/// What the script of a publish is told of a message.
pub(super) fn write(message: &Message, arguments: &mut Vec<Vec<u8>>) {
    let key = message.ordering_key.as_ref();
    arguments.extend([
        message.id.to_string().into_bytes(),
        message.published_at_us.to_string().into_bytes(),
        message.content_type.clone().into_bytes(),
        message.attributes.clone().into_bytes(),
        message.body.to_vec(),
        u8::from(key.is_some()).to_string().into_bytes(),
        key.cloned().unwrap_or_default().into_bytes(),
    ]);
}

pub(super) fn read_all(said: Vec<Raw>) -> Vec<Entry> {
    let each = said.into_iter();
    each.map(|(id, attempt, fields)| Entry {
        message: message(&id, Fields(fields)),
        id,
        attempt,
    })
    .collect()
}

/// An entry of the dead; its id says when.
pub(super) fn dead(id: &str, fields: Vec<Vec<u8>>) -> Dead {
    let fields = Fields(fields);
    let attempts = fields.text("t").and_then(|text| text.parse().ok());
    Dead {
        error: fields.text("e").unwrap_or_default(),
        attempts: attempts.unwrap_or(0),
        died_at_us: ms_of(id).saturating_mul(1_000),
        message: message(id, fields),
    }
}

/// The id behind which everything is of a time or later.
pub(super) fn id_before(from_us: i64) -> String {
    match (from_us / 1_000).max(0) {
        0 => "0-0".to_owned(),
        ms => format!("{}-{}", ms - 1, u64::MAX),
    }
}

/// The part of a lease that the scripts know, if it is of this queue and group.
pub(super) fn lease_of<'a>(lease: &'a Lease, queue: &str, group: &str) -> Option<&'a str> {
    let mut parts = lease.as_str().splitn(3, ' ');
    let is_it = parts.next()? == queue && parts.next()? == group;
    // Longer is none, and nothing that is to be sent.
    let rest = parts.next().filter(|rest| rest.len() < 100);
    rest.filter(|_| is_it)
}

impl Entry {
    pub(super) fn delivery(self, queue: &str, group: &str) -> Delivery {
        Delivery {
            lease: Lease::new(format!("{queue} {group} {}/{}", self.id, self.attempt)),
            message: self.message,
            attempt: self.attempt,
        }
    }
}

/// What somebody else added has what it has; without an id, the negative of its time.
fn message(id: &str, mut fields: Fields) -> Message {
    Message {
        id: fields.number("i").unwrap_or_else(|| -ms_of(id)),
        published_at_us: fields.number("p").unwrap_or(0),
        content_type: fields.text("c").unwrap_or_default(),
        attributes: fields.text("a").unwrap_or_else(|| "{}".to_owned()),
        ordering_key: fields.text("k"),
        priority: 0,
        body: fields.take("b").map_or(Bytes::new(), Bytes::from),
    }
}

fn ms_of(id: &str) -> i64 {
    let ms = id.split('-').next().and_then(|ms| ms.parse().ok());
    ms.unwrap_or(0)
}

/// Names and values, in turn.
struct Fields(Vec<Vec<u8>>);

impl Fields {
    fn place(&self, name: &str) -> Option<usize> {
        let mut pairs = self.0.chunks_exact(2);
        pairs
            .position(|pair| pair[0] == name.as_bytes())
            .map(|at| at * 2 + 1)
    }

    fn text(&self, name: &str) -> Option<String> {
        let bytes = &self.0[self.place(name)?];
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        let at = self.place(name)?;
        Some(std::mem::take(&mut self.0[at]))
    }
}

/// Whether what is done with is kept, as scripts are told it.
pub(super) fn keeps(queue: &QueueSpec) -> Vec<u8> {
    number(usize::from(queue.retention.is_some()))
}

pub(super) fn number(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

pub(super) fn ms(span: Duration) -> Vec<u8> {
    span.as_millis().to_string().into_bytes()
}

/// What became of leases, by whether each was done.
pub(super) fn settled(leases: &[Lease], done: &[bool]) -> Settled {
    let each = leases.iter().zip(done);
    let gone = each.filter(|(_, done)| !**done);
    let gone: Vec<Lease> = gone.map(|(lease, _)| lease.clone()).collect();
    Settled {
        done: leases.len() - gone.len(),
        gone,
    }
}

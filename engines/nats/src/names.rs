//! What streams, subjects and consumers are called.
//!
//! | what | name |
//! |---|---|
//! | the stream of a queue | `PREFIX-q-QUEUE` |
//! | messages without an ordering key | `PREFIX.q.QUEUE.free` |
//! | those of a lane of keys | `PREFIX.q.QUEUE.k.LANE` |
//! | a group's consumers | `GROUP`, and `GROUP-K` and the lane |
//! | the dead of a queue, and of a group | `PREFIX-dead-QUEUE`, `PREFIX.dead.QUEUE.GROUP` |
//!
//! Names of queues and groups have no capital letters, so that no group is called like a lane.

/// Keys are spread over so many lanes, each with one message out at a time. More lanes are more
/// consumers on the server, and more questions for each lease.
pub(crate) const LANES: u32 = 8;

#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
    queue: String,
}

impl Names {
    pub(crate) fn new(prefix: &str, queue: &str) -> Names {
        Names {
            prefix: prefix.to_owned(),
            queue: queue.to_owned(),
        }
    }

    pub(crate) fn stream(&self) -> String {
        format!("{}-q-{}", self.prefix, self.queue)
    }

    pub(crate) fn subjects(&self) -> String {
        format!("{}.q.{}.>", self.prefix, self.queue)
    }

    /// Where a message is published to.
    pub(crate) fn subject(&self, ordering_key: Option<&str>) -> String {
        self.subject_of(ordering_key.map(lane))
    }

    /// The subject of a lane, or of what has no key.
    pub(crate) fn subject_of(&self, lane: Option<u32>) -> String {
        let rest = lane.map_or("free".to_owned(), |lane| format!("k.{lane}"));
        format!("{}.q.{}.{rest}", self.prefix, self.queue)
    }

    pub(crate) fn dead_stream(&self) -> String {
        format!("{}-dead-{}", self.prefix, self.queue)
    }

    pub(crate) fn dead_subjects(&self) -> String {
        format!("{}.dead.{}.*", self.prefix, self.queue)
    }

    pub(crate) fn dead_subject(&self, group: &str) -> String {
        format!("{}.dead.{}.{group}", self.prefix, self.queue)
    }
}

/// The consumer of a group for a lane, or for what has no key.
pub(crate) fn consumer(group: &str, lane: Option<u32>) -> String {
    lane.map_or(group.to_owned(), |lane| format!("{group}-K{lane}"))
}

/// The group of a consumer.
pub(crate) fn group(consumer: &str) -> &str {
    consumer
        .split_once("-K")
        .map_or(consumer, |(group, _)| group)
}

/// Frozen: a key that changed its lane would overtake itself.
fn lane(key: &str) -> u32 {
    (xxhash_rust::xxh3::xxh3_64(key.as_bytes()) % u64::from(LANES)) as u32
}

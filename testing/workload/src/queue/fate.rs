//! What became of one message, as far as it is known.

use super::Moment;

/// What is known of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    No,
    Perhaps,
    Yes,
}

#[derive(Clone, Debug)]
pub(super) struct Fate {
    pub(super) key: Option<String>,
    /// Its place among those of its key.
    pub(super) place: usize,
    pub(super) published: Published,
    /// Acknowledgements that are under way, or were never answered.
    pub(super) acks_open: u32,
    /// When it was known that it is acknowledged.
    pub(super) acked: Option<Moment>,
    pub(super) is_dead: bool,
    /// It takes its place among those of its key anew then.
    pub(super) has_died: bool,
    pub(super) lease: Option<Lasting>,
    /// When it was known that it had come for the first time.
    pub(super) came: Option<Moment>,
    pub(super) deliveries: u64,
}

/// A lease: at the latest it was given at `at_us`, at the earliest it ends at `until_us`.
#[derive(Clone, Debug)]
pub(super) struct Lasting {
    pub(super) lease: String,
    pub(super) at_us: i64,
    pub(super) until_us: i64,
}

impl Fate {
    pub(super) fn is_acked(&mut self, now: Moment) {
        self.acked = Some(now);
        self.lease = None;
    }

    pub(super) fn is_settled(&self) -> bool {
        self.acked.is_some() || self.published == Published::No
    }

    pub(super) fn is_open(&self) -> bool {
        let is_acked = self.acked.is_some() || self.acks_open > 0;
        self.published == Published::Yes && !is_acked && !self.is_dead
    }
}

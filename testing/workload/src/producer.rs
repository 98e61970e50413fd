//! What the producers of a queue publish, drawn at random.

use rand::Rng;
use std::time::Duration;

/// The table of rows that messages are about.
pub const ORDER: &str = "order_placed";
/// What makes the table.
pub const ORDER_DDL: &str =
    "CREATE TABLE order_placed (id bigint PRIMARY KEY, producer bigint NOT NULL);";
/// Priorities that messages of no key have: 0, 1.
pub const PRIORITIES: u8 = 2;

/// Messages of one publish at most.
const MESSAGES_MAX: u64 = 5;
/// Ordering keys of a producer.
const KEYS: u64 = 3;
/// Numbers of a producer's rows and messages lie below that.
const NUMBERS: u64 = 1_000_000;

/// A message that is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its body, which no other has.
    pub body: String,
    /// Messages of a key are all one producer's.
    pub key: Option<String>,
    /// What tells a repetition.
    pub dedup_id: Option<String>,
    /// Of no key: one that comes later takes its place then, and not among those published before.
    pub delay: Option<Duration>,
    /// Of no key: a higher one comes first.
    pub priority: u8,
}

/// What a producer publishes at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The messages: all or none.
    pub drafts: Vec<Draft>,
    /// The row that they are about, inserted in the same transaction.
    pub row: Option<Row>,
}

/// A row of [`ORDER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its primary key.
    pub id: u64,
    /// Whose it is.
    pub producer: u64,
    /// Whether it is there already: the insert and the publish are refused.
    pub is_taken: bool,
}

/// One producer: it publishes one batch after the other.
#[derive(Clone, Debug)]
pub struct Producer {
    number: u64,
    next: u64,
    /// The last row that is there for sure.
    last_row: Option<u64>,
}

impl Producer {
    /// One that has published nothing.
    pub fn new(number: u64) -> Producer {
        Producer {
            number,
            next: 0,
            last_row: None,
        }
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next batch; delays are `delay_max` at most. Half of them are about a row, and of the
    /// others half can be repeated.
    pub fn draw(&mut self, delay_max: Duration, chance: &mut impl Rng) -> Batch {
        let with_row = chance.random_bool(0.5);
        let with_ids = !with_row && chance.random_bool(0.5);
        let row = with_row.then(|| self.row(chance));
        let count = chance.random_range(1..=MESSAGES_MAX);
        let drafts = (0..count).map(|_| self.draft(with_ids, delay_max, chance));
        Batch {
            drafts: drafts.collect(),
            row,
        }
    }

    /// A batch was published with its row.
    pub fn has_row(&mut self, row: Row) {
        self.last_row = Some(row.id);
    }

    fn row(&mut self, chance: &mut impl Rng) -> Row {
        let taken = self.last_row.filter(|_| chance.random_bool(0.1));
        let id = taken.unwrap_or_else(|| self.number * NUMBERS + self.count());
        Row {
            id,
            producer: self.number,
            is_taken: taken.is_some(),
        }
    }

    fn draft(&mut self, with_id: bool, delay_max: Duration, chance: &mut impl Rng) -> Draft {
        let number = self.count();
        let body = format!("p{}-{number}", self.number);
        let key = chance.random_bool(0.5);
        let key = key.then(|| format!("p{}-k{}", self.number, chance.random_range(0..KEYS)));
        let is_later = key.is_none() && chance.random_bool(0.3);
        let priority = match key {
            Some(_) => 0,
            None => chance.random_range(0..PRIORITIES),
        };
        Draft {
            dedup_id: with_id.then(|| format!("id of {body}")),
            delay: is_later.then(|| delay_max.mul_f64(chance.random_range(0.1..1.0))),
            body,
            key,
            priority,
        }
    }

    fn count(&mut self) -> u64 {
        self.next += 1;
        assert!(self.next < NUMBERS, "a producer has so many numbers");
        self.next
    }
}

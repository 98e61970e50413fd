//! One suite for the port [`pando_model::level2::Level2`], run on every engine of it.
//!
//! An engine's `tests/conformance.rs` supplies a [`Subject`] and calls [`run`]. Cases share the
//! engine and have keys of their own.

mod leases;
mod random;
mod records;

use async_trait::async_trait;
use bytes::Bytes;
use pando_model::level2::{Level2, Record};
use pando_model::stamp::Position;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// An engine of the port.
#[async_trait]
pub trait Subject: Send + Sync {
    /// It.
    fn level2(&self) -> Arc<dyn Level2>;

    /// Lets so much time go by, as records and leases count it.
    async fn pass(&self, span: Duration);
}

/// What a case has: an engine, and keys that no other case has.
#[derive(Clone)]
struct Bench {
    subject: Arc<dyn Subject>,
    level2: Arc<dyn Level2>,
    case: &'static str,
}

type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Case {
    name: &'static str,
    run: fn(Bench) -> CaseFuture,
}

/// Names cases by their functions.
macro_rules! cases {
    ($module:ident: $($case:ident),+ $(,)?) => {
        vec![$($crate::level2::Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |bench| Box::pin($module::$case(bench)),
        }),+]
    };
}

fn all() -> Vec<Case> {
    let mut all = cases![records:
        what_was_laid_down_is_fetched_until_its_time_is_over,
        an_older_record_does_not_replace_a_newer_one,
        an_invalidation_removes_what_is_older_and_nothing_else,
        positions_are_compared_as_numbers_by_timeline_first,
        a_body_comes_back_byte_by_byte,
        keys_of_any_bytes_and_length_are_told_apart,
        of_many_that_are_laid_down_at_once_the_newest_lies_there,
        what_is_true_as_of_an_invalidation_survives_it_whichever_comes_first,
    ];
    all.extend(cases![leases:
        one_of_many_who_ask_at_once_is_granted_the_load,
        a_lease_ends_with_its_span_or_is_prolonged_by_its_holder,
        only_its_holder_gives_a_lease_back,
        who_asks_after_something_was_laid_down_is_told_of_it,
        who_asks_while_the_holder_lays_down_and_lets_go_is_never_told_to_load,
        a_lease_is_of_its_key_alone,
    ]);
    all.extend(cases![random:
        late_doubled_and_mixed_up_messages_leave_the_newest,
        every_answer_is_what_the_contract_says,
    ]);
    all
}

/// Runs all cases, and prints their names.
///
/// # Panics
/// Once all have run, if one or more failed; their names are in the message.
pub async fn run(subject: Arc<dyn Subject>) {
    let mut failed = Vec::new();
    let cases = all();
    let count = cases.len();
    for case in cases {
        let bench = Bench {
            level2: subject.level2(),
            subject: Arc::clone(&subject),
            case: case.name,
        };
        match tokio::spawn((case.run)(bench)).await {
            Ok(()) => println!("conformance level2::{} ... ok", case.name),
            Err(error) => {
                println!("conformance level2::{} ... FAILED", case.name);
                failed.push(format!("{}: {error}", case.name));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(count > 0);
}

/// Longer than a suite takes.
const LONG: Duration = Duration::from_secs(3_600);
/// Long enough for several calls, and short enough to be waited for.
const SHORT: Duration = Duration::from_millis(1_500);

impl Bench {
    fn key(&self, name: &str) -> Vec<u8> {
        format!("{}/{name}", self.case).into_bytes()
    }

    async fn put(&self, key: &[u8], record: &Record) -> bool {
        let put = self.level2.put(key, record.clone(), LONG).await;
        put.expect("put")
    }

    async fn fetch(&self, key: &[u8]) -> Option<Record> {
        self.level2.fetch(key).await.expect("fetch")
    }
}

fn at(p: u64) -> Position {
    Position { timeline: 1, p }
}

fn record(at: Position, body: &str) -> Record {
    Record {
        at,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

//! One suite for the port [`pando_model::broker::Broker`], run on every engine of it.
//!
//! An engine's `tests/conformance.rs` supplies a [`Subject`] and calls [`run`]. Cases share the broker
//! and have queues of their own; they run at the same time, but for those that kill the broker. Where
//! an ability is missing, the case asserts that it is refused.
//!
//! `PANDO_CASE=order` runs only the cases with that in their name.

mod crash;
mod dead;
mod leases;
mod log;
mod order;
mod publish;
mod refusals;

use async_trait::async_trait;
use bytes::Bytes;
use pando_model::broker::{
    Ability, Broker, BrokerError, Delivery, Lease, LeaseAsk, Message, QueueSpec,
};
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// An engine of the port, and the broker that it is on.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The engine.
    fn broker(&self) -> Arc<dyn Broker>;

    /// Another one, as a second process would have it.
    async fn another(&self) -> Arc<dyn Broker>;

    /// Kills the broker (SIGKILL).
    async fn kill(&self);

    /// Starts it again on what it has.
    async fn start(&self);

    /// Removes what a queue lies in, behind the engine's back.
    async fn remove(&self, queue: &str);
}

/// What a case has.
#[derive(Clone)]
struct Bench {
    subject: Arc<dyn Subject>,
    broker: Arc<dyn Broker>,
}

type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Case {
    name: &'static str,
    run: fn(Bench) -> CaseFuture,
}

/// Names cases by their functions.
macro_rules! cases {
    ($module:ident: $($case:ident),+ $(,)?) => {
        vec![$($crate::broker::Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |bench| Box::pin($module::$case(bench)),
        }),+]
    };
}

fn at_once() -> Vec<Case> {
    let mut all = cases![leases:
        what_is_published_is_leased_as_it_is_until_it_is_acked,
        who_leases_waits_for_what_is_published_meanwhile,
        what_is_acked_is_not_delivered_again,
        a_lease_that_ran_out_is_delivered_again_and_its_ack_is_gone,
        a_lease_that_is_extended_outlives_its_time,
        nobody_gets_what_another_has,
        another_process_settles_a_lease_or_is_told_that_it_is_gone,
        what_is_no_lease_is_gone,
        what_is_given_back_comes_again_with_one_more_attempt,
        what_is_given_back_with_a_delay_does_not_come_before_it,
    ];
    all.extend(cases![publish:
        an_id_is_one_message_within_the_window,
        each_group_gets_every_message_and_acks_for_itself,
        a_declaration_that_is_repeated_or_changed_keeps_what_is_there,
    ]);
    all.extend(cases![dead:
        a_message_whose_attempts_are_used_up_is_dead_with_its_error_until_it_is_redriven,
        a_message_whose_last_lease_ran_out_is_dead_too,
        a_redriven_message_is_for_its_group_alone,
    ]);
    all.extend(cases![order:
        messages_of_a_key_come_one_at_a_time_and_in_order_whoever_fails,
        a_dead_message_lets_the_next_of_its_key_go,
    ]);
    all.extend(cases![log:
        a_group_is_set_back_to_a_time,
        counts_tell_what_waits_what_is_out_and_what_is_dead,
        who_peeks_takes_nothing,
        a_purge_empties_the_queue_for_all_groups,
    ]);
    all.extend(cases![refusals:
        a_queue_that_asks_for_more_than_there_is_is_refused_by_name,
        what_was_not_declared_is_no_queue,
        what_was_removed_is_no_queue_until_it_is_declared_again,
        calls_have_bounds,
    ]);
    all
}

/// Those that need the broker for themselves.
fn alone() -> Vec<Case> {
    cases![crash:
        nothing_confirmed_is_lost_when_the_broker_is_killed,
        what_is_acked_well_before_the_broker_is_killed_is_not_delivered_again,
    ]
}

/// Runs all cases, and prints their names.
///
/// # Panics
/// Once all have run, if one or more failed; their names are in the message.
pub async fn run(subject: Arc<dyn Subject>) {
    let wanted = std::env::var("PANDO_CASE").unwrap_or_default();
    let bench = Bench {
        broker: subject.broker(),
        subject,
    };
    let mut failed = Vec::new();
    let mut passed = 0;
    let mut tell = |name: &str, began: Instant, done: Result<(), tokio::task::JoinError>| {
        let took = began.elapsed().as_secs_f32();
        match done {
            Ok(()) => {
                println!("conformance broker::{name} ... ok ({took:.1} s)");
                passed += 1;
            }
            Err(error) => {
                println!("conformance broker::{name} ... FAILED ({took:.1} s)");
                failed.push(format!("{name}: {error}"));
            }
        }
    };
    let began = Instant::now();
    let is_wanted = |case: &Case| case.name.contains(&wanted);
    let started: Vec<_> = at_once()
        .into_iter()
        .filter(is_wanted)
        .map(|case| (case.name, tokio::spawn((case.run)(bench.clone()))))
        .collect();
    for (name, task) in started {
        tell(name, began, task.await);
    }
    for case in alone().into_iter().filter(is_wanted) {
        let began = Instant::now();
        let task = tokio::spawn((case.run)(bench.clone()));
        tell(case.name, began, task.await);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed > 0, "no case has {wanted:?} in its name");
}

/// Longer than a case takes.
const LONG: Duration = Duration::from_secs(120);
/// Long enough for some calls on a busy machine, and short enough to be waited for.
const SHORT: Duration = Duration::from_secs(2);
/// What does not come within this does not come; what comes, comes sooner.
const PATIENCE: Duration = Duration::from_secs(30);
const NOW: Duration = Duration::ZERO;
const GROUP: &str = "default";

static QUEUES: AtomicU32 = AtomicU32::new(0);
static IDS: AtomicI64 = AtomicI64::new(1);

impl Bench {
    fn has(&self, ability: Ability) -> bool {
        self.broker.abilities().has(ability)
    }

    /// A queue that is this case's, with leases that last.
    fn spec(&self) -> QueueSpec {
        let number = QUEUES.fetch_add(1, Ordering::Relaxed);
        let mut spec = QueueSpec::new(format!("q{number}"));
        spec.visibility = LONG;
        spec
    }

    async fn declare(&self, change: impl FnOnce(&mut QueueSpec)) -> Queue {
        let mut spec = self.spec();
        change(&mut spec);
        self.broker.declare(&spec).await.expect("declared");
        Queue {
            broker: Arc::clone(&self.broker),
            spec,
        }
    }

    /// A queue, or nothing where the broker refuses it, as it should without the ability.
    async fn declare_if(
        &self,
        ability: Ability,
        change: impl FnOnce(&mut QueueSpec),
    ) -> Option<Queue> {
        if self.has(ability) {
            return Some(self.declare(change).await);
        }
        let mut spec = self.spec();
        change(&mut spec);
        self.is_refused(self.broker.declare(&spec).await, ability);
        None
    }

    fn is_refused<T: Debug>(&self, said: Result<T, BrokerError>, expected: Ability) {
        let name = self.broker.info().engine;
        match said {
            Err(BrokerError::Unsupported {
                engine,
                ability,
                mend,
            }) => {
                assert_eq!((engine, ability), (name, expected));
                assert!(!mend.is_empty(), "{name} says no way out");
            }
            said => panic!("{expected} is not refused: {said:?}"),
        }
    }
}

/// A queue of a case.
#[derive(Clone)]
struct Queue {
    broker: Arc<dyn Broker>,
    spec: QueueSpec,
}

impl Queue {
    fn name(&self) -> &str {
        &self.spec.name
    }

    async fn publish(&self, messages: &[Message]) {
        let said = self.broker.publish(self.name(), messages).await;
        let said = said.expect("publish");
        assert_eq!(said.len(), messages.len());
        for said in said {
            said.expect("confirmed");
        }
    }

    /// Publishes so many, and answers their ids.
    async fn fill(&self, count: usize) -> Vec<i64> {
        let messages: Vec<Message> = (0..count).map(|_| message()).collect();
        self.publish(&messages).await;
        messages.iter().map(|message| message.id).collect()
    }

    fn ask(&self, max: usize, wait: Duration) -> LeaseAsk {
        LeaseAsk {
            max,
            visibility: self.spec.visibility,
            wait,
        }
    }

    async fn lease_of(&self, group: &str, max: usize, wait: Duration) -> Vec<Delivery> {
        let ask = self.ask(max, wait);
        let leased = self.broker.lease(self.name(), group, &ask).await;
        let leased = leased.expect("lease");
        assert!(leased.len() <= max, "{} are more than {max}", leased.len());
        leased
    }

    async fn lease(&self, max: usize, wait: Duration) -> Vec<Delivery> {
        self.lease_of(GROUP, max, wait).await
    }

    /// The one that comes next.
    async fn one(&self) -> Delivery {
        let mut leased = self.lease(1, PATIENCE).await;
        leased.pop().expect("a message")
    }

    /// Leases so many, in as many calls as that takes.
    async fn collect(&self, group: &str, count: usize) -> Vec<Delivery> {
        let mut all = Vec::new();
        while all.len() < count {
            let some = self.lease_of(group, count - all.len(), PATIENCE).await;
            assert!(!some.is_empty(), "{} of {count} came", all.len());
            all.extend(some);
        }
        all
    }

    /// Acknowledges; all are done.
    async fn ack(&self, deliveries: &[Delivery]) {
        let settled = self.broker.ack(self.name(), &leases(deliveries)).await;
        let settled = settled.expect("ack");
        assert_eq!((settled.done, settled.gone), (deliveries.len(), vec![]));
    }

    async fn nack(&self, delivery: &Delivery, delay: Duration, error: &str) {
        let leases = [delivery.lease.clone()];
        let settled = self.broker.nack(self.name(), &leases, delay, error).await;
        let settled = settled.expect("nack");
        assert_eq!((settled.done, settled.gone), (1, vec![]));
    }
}

fn leases(deliveries: &[Delivery]) -> Vec<Lease> {
    let leases = deliveries.iter().map(|delivery| delivery.lease.clone());
    leases.collect()
}

fn ids(deliveries: &[Delivery]) -> Vec<i64> {
    let ids = deliveries.iter().map(|delivery| delivery.message.id);
    ids.collect()
}

/// A message that no other case has.
fn message() -> Message {
    let id = IDS.fetch_add(1, Ordering::Relaxed);
    Message {
        id,
        body: Bytes::from(format!("message {id}")),
        content_type: "text/plain".to_owned(),
        attributes: "{}".to_owned(),
        ordering_key: None,
        priority: 0,
        published_at_us: now_us(),
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_micros() as i64
}

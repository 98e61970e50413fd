//! A broker in memory that does as it is told: what a real one does seldom, or not to be seen.

use async_trait::async_trait;
use pando_model::broker::{
    Abilities, Ability, Broker, BrokerError, BrokerInfo, Counts, Dead, Delivery, Lease, LeaseAsk,
    Message, QueueSpec, Result, Settled,
};
use pando_model::engine::Durability;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Duration;

/// One group of one queue.
#[derive(Debug, Default)]
pub struct FakeBroker(Mutex<State>);

#[derive(Debug, Default)]
pub struct State {
    /// What was published, in order, and how often each was delivered.
    pub ready: VecDeque<(Message, u32)>,
    pub out: Vec<(Message, u32)>,
    pub dead: Vec<Dead>,
    /// Bodies that are not taken.
    pub refuses: Vec<&'static str>,
    /// With what delays messages were given back.
    pub delays: Vec<Duration>,
    /// Nothing is counted and nothing purged.
    pub is_down: bool,
    /// A purge is done, and nobody is told so.
    pub loses_answers: bool,
}

impl FakeBroker {
    pub fn with<T>(&self, about: impl FnOnce(&mut State) -> T) -> T {
        about(&mut self.0.lock())
    }

    /// Bodies of what was published and not leased.
    pub fn ready(&self) -> Vec<String> {
        let body = |(message, _): &(Message, u32)| String::from_utf8_lossy(&message.body).into();
        self.with(|state| state.ready.iter().map(body).collect())
    }

    fn down() -> BrokerError {
        BrokerError::Unavailable {
            engine: "fake",
            reason: "it is down".into(),
            retry_after: Duration::ZERO,
        }
    }

    fn cannot() -> BrokerError {
        BrokerError::Unsupported {
            engine: "fake",
            ability: Ability::Peek,
            mend: "take another one".into(),
        }
    }

    pub fn message(number: i64) -> Message {
        Message {
            id: number,
            body: format!("there {number}").into(),
            content_type: "text/plain".into(),
            attributes: "{}".into(),
            ordering_key: None,
            priority: 0,
            published_at_us: number,
        }
    }
}

impl State {
    /// Takes leases back, each named by its message's id.
    fn take(&mut self, leases: &[Lease]) -> (Vec<(Message, u32)>, Settled) {
        let (mut taken, mut settled) = (Vec::new(), Settled::default());
        for lease in leases {
            let is_it = |(message, _): &(Message, u32)| message.id.to_string() == lease.as_str();
            match self.out.iter().position(is_it) {
                Some(at) => taken.push(self.out.remove(at)),
                None => settled.gone.push(lease.clone()),
            }
        }
        settled.done = taken.len();
        (taken, settled)
    }
}

#[async_trait]
impl Broker for FakeBroker {
    fn info(&self) -> BrokerInfo {
        BrokerInfo {
            engine: "fake",
            version: "1".into(),
            durability: Durability {
                synced: true,
                copies: 1,
            },
        }
    }

    fn abilities(&self) -> Abilities {
        Abilities::of(&[Ability::NackDelay, Ability::Counts, Ability::SharedLeases])
    }

    async fn declare(&self, _: &QueueSpec) -> Result<()> {
        Ok(())
    }

    async fn publish(&self, _: &str, messages: &[Message]) -> Result<Vec<Result<()>>> {
        let each = messages.iter().map(|message| {
            self.with(|state| {
                if state.refuses.iter().any(|body| message.body == *body) {
                    return Err(BrokerError::Unavailable {
                        engine: "fake",
                        reason: "not this one".into(),
                        retry_after: Duration::ZERO,
                    });
                }
                state.ready.push_back((message.clone(), 0));
                Ok(())
            })
        });
        Ok(each.collect())
    }

    async fn lease(&self, _: &str, _: &str, ask: &LeaseAsk) -> Result<Vec<Delivery>> {
        self.with(|state| {
            let count = ask.max.min(state.ready.len());
            let some: Vec<_> = state.ready.drain(..count).collect();
            let each = some.into_iter().map(|(message, attempts)| {
                state.out.push((message.clone(), attempts + 1));
                Delivery {
                    lease: Lease::new(message.id.to_string()),
                    attempt: attempts + 1,
                    message,
                }
            });
            Ok(each.collect())
        })
    }

    async fn ack(&self, _: &str, leases: &[Lease]) -> Result<Settled> {
        Ok(self.with(|state| state.take(leases).1))
    }

    async fn nack(&self, _: &str, leases: &[Lease], delay: Duration, _: &str) -> Result<Settled> {
        self.with(|state| {
            let (taken, settled) = state.take(leases);
            state.delays.extend(taken.iter().map(|_| delay));
            state.ready.extend(taken);
            Ok(settled)
        })
    }

    async fn extend(&self, _: &str, _: &[Lease], _: Duration) -> Result<Vec<Option<Lease>>> {
        Err(FakeBroker::cannot())
    }

    async fn counts(&self, _: &str, _: &str) -> Result<Counts> {
        self.with(|state| {
            if state.is_down {
                return Err(FakeBroker::down());
            }
            Ok(Counts {
                depth: state.ready.len() as u64,
                in_flight: Some(state.out.len() as u64),
                dead: state.dead.len() as u64,
                oldest_us: None,
            })
        })
    }

    async fn peek(&self, _: &str, _: &str, _: usize) -> Result<Vec<Message>> {
        Err(FakeBroker::cannot())
    }

    async fn dead(&self, _: &str, _: &str, max: usize) -> Result<Vec<Dead>> {
        Ok(self.with(|state| state.dead.iter().take(max).cloned().collect()))
    }

    async fn redrive(&self, _: &str, _: &str, max: usize) -> Result<u64> {
        self.with(|state| {
            let count = max.min(state.dead.len());
            let raised: Vec<Dead> = state.dead.drain(..count).collect();
            let each = raised.into_iter().map(|dead| (dead.message, 0));
            state.ready.extend(each);
            Ok(count as u64)
        })
    }

    async fn purge(&self, _: &str) -> Result<()> {
        self.with(|state| {
            if state.is_down {
                return Err(FakeBroker::down());
            }
            state.ready.clear();
            match state.loses_answers {
                true => Err(BrokerError::OutcomeUnknown {
                    engine: "fake",
                    reason: "the answer is lost".into(),
                }),
                false => Ok(()),
            }
        })
    }

    async fn replay(&self, _: &str, _: &str, _: i64) -> Result<()> {
        Err(FakeBroker::cannot())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

//! The store's queues, as what workers take their messages from.

use async_trait::async_trait;
use pando_store::Store;
use pando_store::error::StoreError;
use pando_store::operation::Operation;
use pando_store::queue::{self, Acked, LeaseToken, Nack, Settle};
use pando_store::session::Session;
use pando_workers::{Back, Backlog, Delivery, Lease, Message, Place, Settled, Source, SourceError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often is looked for messages where there are none: often at first, as what is busy stays so.
const LOOK_FIRST: Duration = Duration::from_millis(10);
const LOOK_LAST: Duration = Duration::from_millis(250);

type Result<T> = std::result::Result<T, SourceError>;

/// See the module.
pub struct StoreSource {
    store: Arc<Store>,
}

impl StoreSource {
    /// The queues of a store.
    pub fn new(store: Arc<Store>) -> StoreSource {
        StoreSource { store }
    }

    /// Carries a change out, and gives what it concluded.
    async fn carry_out<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T> {
        let kept = Arc::new(Mutex::new(None));
        let place = Arc::clone(&kept);
        let operation = operation.map(move |concluded| {
            *place.lock() = Some(concluded);
            Ok(Vec::new())
        });
        let session = Session::default();
        let done = self.store.carry_out(&operation, None, &session).await;
        done.map_err(|error| refused(&error))?;
        let concluded = kept.lock().take();
        concluded.ok_or_else(|| SourceError {
            message: "the store concluded nothing".to_owned(),
            may_pass: true,
        })
    }

    async fn answer<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T> {
        let answered = self.store.answer(&operation, &Session::default()).await;
        Ok(answered.map_err(|error| refused(&error))?.0)
    }

    /// Whether the group has as much out as it may, whoever has it: workers wait then, as others are
    /// told to.
    fn is_full(&self, of: &Place) -> bool {
        let admitted = self.store.queue_admit_lease(&of.queue, Some(&of.group));
        admitted.is_err()
    }

    async fn has_some(&self, of: &Place) -> Result<bool> {
        let some = self.store.queue_has_some(&of.queue, &asked(of, 1, None));
        self.answer(some.map_err(|error| refused(&error))?).await
    }
}

#[async_trait]
impl Source for StoreSource {
    fn visibility(&self, of: &Place) -> Duration {
        self.store.queue_rules(&of.queue).visibility
    }

    async fn lease(&self, of: &Place, max: usize, visibility: Duration) -> Result<Vec<Delivery>> {
        let (store, queue) = (&self.store, of.queue.as_str());
        store.queue_reach(queue).map_err(|error| refused(&error))?;
        if self.is_full(of) {
            return Ok(Vec::new());
        }
        let asked = asked(of, max, Some(visibility));
        let leased = if store.queue_is_brokered(queue) {
            let leased = store.queue_lease_anywhere(queue, &asked, Duration::ZERO);
            leased.await.map_err(|error| refused(&error))?
        } else {
            let lease = store.queue_lease(queue, &asked);
            self.carry_out(lease.map_err(|error| refused(&error))?)
                .await?
        };
        Ok(leased.into_iter().map(delivery).collect())
    }

    async fn wait(&self, of: &Place, within: Duration) {
        let until = Instant::now() + within;
        let mut pause = LOOK_FIRST;
        if self.store.queue_is_brokered(&of.queue) || self.is_full(of) {
            // A broker is asked by a lease alone; and what is out is not looked at.
            return sleep(LOOK_LAST.min(within)).await;
        }
        while Instant::now() < until {
            // What stands in the way of looking is told by whoever leases.
            if self.has_some(of).await != Ok(false) {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_LAST);
        }
    }

    async fn ack(&self, of: &Place, leases: &[Lease]) -> Result<Settled> {
        let (here, there) = tokens(leases)?;
        // The store's first, and both: neither waits for the other to be there.
        let settled = match here.is_empty() {
            true => Ok(Acked::default()),
            false => self.settle(self.store.queue_ack(&of.queue, here)).await,
        };
        let brokered = self.settle_there(of, there, &Settle::Ack).await;
        Ok(sum(settled?, brokered?))
    }

    async fn give_back(&self, of: &Place, leases: &[Lease], back: &Back) -> Result<Settled> {
        let (store, queue) = (&self.store, of.queue.as_str());
        let (here, there) = tokens(leases)?;
        // No broker buries a message at once, or counts an attempt back: there it is given back.
        let nack = match back {
            Back::Failed { error, delay } => Nack {
                delay: *delay,
                error: Some(error.clone()),
            },
            Back::Dead { error } => Nack {
                delay: None,
                error: Some(error.clone()),
            },
            Back::Unused => Nack {
                delay: Some(Duration::ZERO),
                error: None,
            },
        };
        let how = Settle::Nack(nack.clone());
        let settled = if here.is_empty() {
            Ok(Acked::default())
        } else {
            let given_back = match back {
                Back::Failed { .. } => store.queue_nack(queue, here, nack),
                Back::Dead { error } => store.queue_bury(queue, here, error.clone()),
                Back::Unused => store.queue_unlease(queue, here),
            };
            self.settle(given_back).await
        };
        let brokered = self.settle_there(of, there, &how).await;
        Ok(sum(settled?, brokered?))
    }

    async fn extend(
        &self,
        of: &Place,
        leases: &[Lease],
        visibility: Duration,
    ) -> Result<Vec<Option<Lease>>> {
        let store = &self.store;
        let (here, there) = tokens(leases)?;
        // It is told how many had run out, not which; who settles them finds out.
        let how = Settle::Extend(Some(visibility));
        let settled = if here.is_empty() {
            Ok(Acked::default())
        } else {
            let extended = store.queue_extend(&of.queue, here, Some(visibility));
            self.settle(extended).await
        };
        let brokered = self.settle_there(of, there, &how).await;
        settled?;
        brokered?;
        Ok(leases.iter().cloned().map(Some).collect())
    }

    async fn fetch_backlog(&self, of: &Place) -> Result<Backlog> {
        let measured = self.store.queue_measure_lately(&of.queue, Some(&of.group));
        let depth = measured.await.map_err(|error| refused(&error))?;
        let mut backlog = Backlog {
            ready: depth.ready,
            oldest_us: depth.oldest_us,
        };
        if self.store.queue_is_brokered(&of.queue) {
            // Nobody has counted what is there, and somebody has to look.
            backlog.ready = backlog.ready.max(1);
        } else if backlog.ready == 0 && depth.depth() > 0 && self.has_some(of).await? {
            // What is to be tried again is due, so that somebody has to be there for it.
            backlog.ready = 1;
        }
        Ok(backlog)
    }
}

impl StoreSource {
    async fn settle(
        &self,
        operation: pando_store::session::Result<Operation<Acked>>,
    ) -> Result<Acked> {
        self.carry_out(operation.map_err(|error| refused(&error))?)
            .await
    }

    async fn settle_there(
        &self,
        of: &Place,
        leases: Vec<LeaseToken>,
        how: &Settle,
    ) -> Result<Acked> {
        if leases.is_empty() {
            return Ok(Acked::default());
        }
        let settled = self.store.queue_settle_brokered(&of.queue, &leases, how);
        settled.await.map_err(|error| refused(&error))
    }
}

fn sum(one: Acked, other: Acked) -> Settled {
    Settled {
        done: one.acked + other.acked,
        gone: one.gone + other.gone,
    }
}

fn asked(of: &Place, max: usize, visibility: Option<Duration>) -> queue::Lease {
    queue::Lease {
        max: Some(max as u64),
        visibility,
        group: Some(of.group.clone()),
    }
}

fn delivery(leased: queue::Leased) -> Delivery {
    let message = leased.message;
    Delivery {
        lease: Lease(leased.lease.to_text().into()),
        attempt: leased.attempt,
        message: Message {
            id: message.id,
            body: message.body,
            content_type: message.content_type,
            attributes: message.attributes,
            priority: message.priority,
            ordering_key: message.ordering_key,
            published_at_us: message.published_at_us,
        },
    }
}

/// Those of the store, and those of a broker.
fn tokens(leases: &[Lease]) -> Result<(Vec<LeaseToken>, Vec<LeaseToken>)> {
    let each = leases.iter().map(|lease| LeaseToken::read(&lease.0));
    let tokens: std::result::Result<Vec<_>, _> = each.collect();
    let tokens = tokens.map_err(|refusal| refused(&StoreError::from(refusal)))?;
    Ok(tokens.into_iter().partition(|token| !token.is_of_broker()))
}

fn refused(error: &StoreError) -> SourceError {
    SourceError {
        message: error.to_string(),
        may_pass: matches!(error, StoreError::Engine(_)),
    }
}

//! Before a commit: a write whose changes somebody hears of is worked out, taken back, asked about,
//! and then carried out if it comes to the same.
//!
//! While a listener is asked nothing is locked and no transaction is open: on either engine a shard
//! has one writer at a time, and all others would wait for the application. So a write that is
//! heard of is carried out twice. The first time its conclusion refuses it, which undoes it alone;
//! what it would have changed is noted by then ([`super::watch`]). The second time it is committed
//! exactly if it changes what the listeners have allowed; else they are asked about that. A write
//! that nobody hears of is committed the first time.

use super::watch::{Watch, bared};
use crate::store::Store;
use pando_model::engine::{Finish, LaidDown, Result, Write, WriteAnswer};
use pando_model::error::{EngineError, Refusal};
use pando_queue::listeners::{Change, Listeners, Objection, Phase, RolledBack};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// What a write is refused with whose changes are to be asked about.
const ASK: &str = "PDASK";
/// How often a write is worked out whose items change while listeners are asked.
const TRIES_MAX: usize = 5;
/// The codes of refusals by listeners.
const VETOED: &str = "vetoed";
const FAILED: &str = "listener_failed";

impl Store {
    /// Has these listeners asked before commits and told of rollbacks, from now on; once.
    pub fn use_listeners(&self, listeners: Arc<Listeners>) {
        let is_heard = listeners.has(Phase::BeforeCommit) || listeners.has(Phase::AfterRollback);
        if is_heard {
            // It is said once, by whoever opens the store.
            let _ = self.listeners_cell().set(listeners);
        }
    }

    /// How listeners do that are called by this process itself.
    pub fn listeners(&self) -> Option<&Arc<Listeners>> {
        self.listeners_cell().get()
    }

    /// Carries a caller's write out: listeners are asked about it.
    pub(crate) async fn commit(
        &self,
        write: Write,
        lay_down: Vec<LaidDown>,
    ) -> Result<WriteAnswer> {
        match self.listeners() {
            Some(listeners) => Box::pin(self.commit_asked(listeners, write, lay_down)).await,
            None => self.engine().write_through(write, lay_down).await,
        }
    }

    async fn commit_asked(
        &self,
        listeners: &Arc<Listeners>,
        write: Write,
        lay_down: Vec<LaidDown>,
    ) -> Result<WriteAnswer> {
        let finish: Arc<Mutex<Finish>> = Arc::new(Mutex::new(write.finish));
        let mut allowed: Option<Vec<Change>> = None;
        for _ in 0..TRIES_MAX {
            let watch = Arc::new(Watch::new(listeners));
            let attempt = Write {
                schema_version: write.schema_version,
                steps: watch.over(&write.steps),
                receipt: write.receipt.clone(),
                finish: decide(&watch, &finish, allowed.take()),
            };
            let done = self.engine().write_through(attempt, lay_down.clone());
            let refusal = match done.await {
                Err(EngineError::Refused(refusal)) => refusal,
                other => return other,
            };
            let changes = watch.changes();
            if refusal.code != ASK {
                tell(listeners, changes, &refusal)?;
                return Err(refusal.into());
            }
            if let Err(objection) = listeners.ask(&random_id()?, &changes).await {
                let refusal = refusal_of(objection);
                tell(listeners, changes, &refusal)?;
                return Err(refusal.into());
            }
            // Who is told of rollbacks alone was asked about nothing.
            allowed = Some(watch.asked());
        }
        Err(EngineError::Unavailable {
            reason: "what is written changes while listeners are asked about it".to_owned(),
            retry_after: Duration::from_secs(1),
        })
    }
}

/// Concludes a write as its own conclusion does, and refuses it where what it changes was not
/// allowed yet.
fn decide(watch: &Arc<Watch>, finish: &Arc<Mutex<Finish>>, allowed: Option<Vec<Change>>) -> Finish {
    let (watch, finish) = (Arc::clone(watch), Arc::clone(finish));
    Box::new(move |outcomes| {
        let answer = (finish.lock())(bared(outcomes))?;
        let asked = watch.asked();
        match asked.is_empty() || allowed.as_ref().is_some_and(|allowed| *allowed == asked) {
            true => Ok(answer),
            false => Err(Refusal::new(ASK, "listeners have to be asked")),
        }
    })
}

fn tell(listeners: &Arc<Listeners>, changes: Vec<Change>, refusal: &Refusal) -> Result<()> {
    if listeners.has(Phase::AfterRollback) && !changes.is_empty() {
        listeners.tell_rolled_back(&RolledBack {
            id: random_id()?,
            changes,
            code: refusal.code.to_string(),
            message: refusal.message.clone(),
        });
    }
    Ok(())
}

fn refusal_of(objection: Objection) -> Refusal {
    let told = objection.to_string();
    match objection {
        Objection::Veto { listener, message } => {
            Refusal::new(VETOED, message).details(format!("the listener {listener:?} refuses it"))
        }
        Objection::Failed { listener, .. } => {
            // Where it is asked, and what it says, is for the operator.
            tracing::warn!(told, "a write was refused");
            let message =
                format!("the listener {listener:?}, which is asked before, did not answer");
            Refusal::new(FAILED, message)
                .hint("Nothing was written. Try again later; the server's log has the reason.")
        }
    }
}

fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| EngineError::internal("make an id", error.to_string()))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

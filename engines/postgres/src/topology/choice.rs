//! Which server answers a read, and whether its answer will do.

use super::{Role, Server, Topology};
use crate::fault::{Fault, Step};
use crate::open::read_shard;
use crate::shard::ShardRow;
use pando_model::engine::{Copies, Freshness};
use pando_model::error::EngineError;
use pando_model::stamp::{Position, Reach};
use rand::seq::IndexedRandom;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A replica that had everything so short a time ago is asked in the hope that it has caught up.
const HOPE_WITHIN: Duration = Duration::from_secs(2);
/// How long somebody waits before looking again who may answer.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How long an answer waits for the primary to show what it shows.
const CONFIRM_TIME: Duration = Duration::from_secs(1);
const CONFIRM_AGAIN: Duration = Duration::from_millis(1);

/// What a read needs of the copy that answers it.
pub(crate) struct Demand {
    copies: Copies,
    seen: Option<Position>,
    /// The copy has to contain this; what the caller has seen, or what the primary had so long
    /// ago.
    floor: Option<Position>,
    deadline: Instant,
    /// Who was asked in vain.
    tried: Vec<Arc<Server>>,
    /// Only the primary will do.
    needs_primary: bool,
    /// Until then somebody may know of a primary that has got as far as the caller.
    patient_until: Option<Instant>,
    /// Answers that nobody could confirm.
    unconfirmed: usize,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It will do.
    Good {
        /// What the caller has seen is in no history that goes on.
        lost: bool,
    },
    /// It shows what a failover may yet take back: somebody has to ask the primary.
    Unsafe {
        /// See [`Verdict::Good`].
        lost: bool,
    },
    /// Somebody else has to be asked.
    TooOld,
}

impl Demand {
    /// Whether nobody waits for it any more.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

impl Topology {
    /// What a read needs from now on.
    pub(crate) fn demand(&self, freshness: &Freshness) -> Demand {
        let known = self.known.lock();
        let (mut floor, mut needs_primary) = (None, false);
        match freshness.copies {
            Copies::Owner => needs_primary = true,
            Copies::Any => {}
            Copies::Covering | Copies::Latest => {
                // What is lost can be waited for no more; what came before it can.
                let kept = |seen| known.history.kept(seen, known.at);
                floor = freshness.seen.map(kept);
            }
            Copies::Within(age) => {
                let mut samples = known.samples.iter();
                let sample = samples.find(|(when, _)| when.elapsed() < age);
                floor = sample.map(|(_, at)| *at);
                needs_primary = sample.is_none();
            }
        }
        Demand {
            copies: freshness.copies,
            seen: freshness.seen,
            floor,
            deadline: Instant::now() + self.config.reader_wait,
            tried: Vec::new(),
            needs_primary,
            patient_until: None,
            unconfirmed: 0,
        }
    }

    /// Somebody to ask.
    pub(crate) async fn choose(&self, demand: &mut Demand) -> Step<Arc<Server>> {
        if demand.needs_primary {
            let primary = self.primary(demand.deadline).await?;
            let was_asked = demand.tried.iter().any(|one| Arc::ptr_eq(one, &primary));
            if was_asked {
                demand.tried.clear();
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            return Ok(primary);
        }
        loop {
            if let Some(server) = self.candidate(demand) {
                return Ok(server);
            }
            if Instant::now() >= demand.deadline {
                return Err(match self.servers().iter().any(|server| server.is_up()) {
                    true => EngineError::Behind.into(),
                    false => Fault::Lost("no copy of the database can be reached".to_owned()),
                });
            }
            demand.tried.clear();
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn candidate(&self, demand: &Demand) -> Option<Arc<Server>> {
        let primary = self.primary.borrow().clone();
        let untried = |server: &&Arc<Server>| {
            let mut tried = demand.tried.iter();
            server.is_up() && !tried.any(|one| Arc::ptr_eq(one, server))
        };
        let servers = self.servers();
        let primary = primary.as_ref().filter(untried);
        if demand.copies == Copies::Latest {
            let furthest = servers.iter().filter(untried);
            return primary
                .or_else(|| furthest.max_by_key(|server| server.standing().at))
                .cloned();
        }
        let (mut good, mut others) = (Vec::new(), Vec::new());
        for server in servers.iter().filter(untried) {
            let standing = server.standing();
            if primary.is_some_and(|primary| Arc::ptr_eq(primary, server)) {
                good.push(server);
                continue;
            }
            let is_fresh = standing
                .fresh_at
                .is_some_and(|at| at.elapsed() <= self.config.max_lag);
            let covers = demand
                .floor
                .is_none_or(|floor| self.covers(standing.at, floor));
            match standing.role {
                Role::Replica if is_fresh && (covers || server.is_hopeful(HOPE_WITHIN)) => {
                    good.push(server);
                }
                // Without a primary nobody knows who is fresh, and a server that says that it is
                // a primary may have been one.
                _ => others.push(server),
            }
        }
        if good.is_empty() {
            // What the primary has shown is safe; of the rest, who has got furthest.
            let shown = self.known.lock().at;
            let rank = |server: &&Arc<Server>| {
                let at = server.standing().at;
                let covers = demand.floor.is_none_or(|floor| self.covers(at, floor));
                (covers && at <= shown, at)
            };
            return others.into_iter().max_by_key(rank).cloned();
        }
        let two = good.choose_multiple(&mut rand::rng(), 2);
        two.min_by_key(|server| server.load())
            .map(|server| Arc::clone(server))
    }

    fn covers(&self, at: Position, floor: Position) -> bool {
        let known = self.known.lock();
        known.history.reach(floor, at) == Reach::Contained
    }

    /// Whether an answer will do that was made of a snapshot of a server's.
    pub(crate) fn judge(
        &self,
        demand: &mut Demand,
        server: &Arc<Server>,
        shard: &ShardRow,
        begun: Instant,
    ) -> Verdict {
        server.reach(shard.at);
        if self.is_primary(server) {
            self.see(shard, begun);
            let reach = demand.seen.map(|seen| shard.history.reach(seen, shard.at));
            return match reach {
                None | Some(Reach::Contained) => Verdict::Good { lost: false },
                Some(Reach::Lost) => Verdict::Good { lost: true },
                // Another process may know of a later primary than this one does.
                Some(Reach::Ahead) => {
                    let now = Instant::now();
                    let until = *demand.patient_until.get_or_insert(now + CONFIRM_TIME);
                    if now >= until {
                        return Verdict::Good { lost: true };
                    }
                    self.look_at_all();
                    Verdict::TooOld
                }
            };
        }
        let known = self.known.lock();
        let reaches = |wanted| match shard.history.reach(wanted, shard.at) {
            Reach::Contained => true,
            Reach::Ahead | Reach::Lost => known.history.reach(wanted, shard.at) == Reach::Contained,
        };
        // A branch that was left is no copy of what goes on.
        let is_left = known.history.reach(shard.at, known.at) == Reach::Lost;
        if demand.needs_primary || is_left || demand.floor.is_some_and(|floor| !reaches(floor)) {
            return Verdict::TooOld;
        }
        let lost = demand
            .seen
            .is_some_and(|seen| known.history.reach(seen, known.at) == Reach::Lost);
        let is_safe = self.standbys() == 0 || shard.at <= known.at;
        match is_safe {
            true => Verdict::Good { lost },
            false => Verdict::Unsafe { lost },
        }
    }

    /// Whether somebody else may do what failed with this: the server or the connection is lost,
    /// or it is a copy that knows an older schema, had to give up for what it replays, or has too
    /// much to do.
    pub(crate) fn is_of_the_server(&self, server: &Arc<Server>, fault: &Fault) -> bool {
        let knows_less = matches!(fault, Fault::Engine(EngineError::SchemaChanged { .. }));
        fault.is_lost() || !self.is_primary(server) && (knows_less || !fault.is_about_the_request())
    }

    /// Waits until the primary shows as much as `at`; whether it has.
    pub(crate) async fn confirm(self: &Arc<Topology>, at: Position) -> bool {
        let deadline = Instant::now() + CONFIRM_TIME;
        while self.known.lock().at < at {
            let Some(primary) = self.primary.borrow().clone() else {
                return false;
            };
            let begun = Instant::now();
            let asked = tokio::time::timeout_at(deadline.into(), primary.read(read_shard));
            match asked.await {
                Ok(Ok(shard)) if shard.at < at => tokio::time::sleep(CONFIRM_AGAIN).await,
                Ok(Ok(shard)) => self.see(&shard, begun),
                Ok(Err(_)) | Err(_) => return false,
            }
        }
        true
    }

    /// What a copy has shown could not be confirmed. Whether it is answered all the same: nobody
    /// else is left to ask.
    pub(crate) fn is_last_resort(&self, demand: &mut Demand) -> bool {
        demand.unconfirmed += 1;
        let up = self.servers().iter().filter(|one| one.is_up()).count();
        demand.unconfirmed >= up || demand.is_over()
    }

    /// A server's answer was too old, or there was none.
    pub(crate) fn pass_over(&self, demand: &mut Demand, server: &Arc<Server>) {
        server.miss();
        demand.tried.push(server.clone());
    }
}

//! The office of the primary: who holds it, who takes it, who has lost it.

use super::probe::Sight;
use super::{Server, Topology, lost};
use crate::fault::{Fault, NO_CONNECTION, Step};
use crate::tls::Origin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

impl Topology {
    /// Whether there is a primary.
    pub(crate) fn has_primary(&self) -> bool {
        self.primary.borrow().is_some()
    }

    /// The primary, once there is one.
    pub(crate) async fn primary(&self, deadline: Instant) -> Step<Arc<Server>> {
        let mut primary = self.primary.subscribe();
        let waited = tokio::time::timeout_at(deadline.into(), primary.wait_for(Option::is_some));
        let found = match waited.await {
            Ok(Ok(found)) => found.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        found.ok_or_else(|| {
            let is_full = self.servers().iter().any(|server| server.is_full());
            let reason = match is_full {
                true => NO_CONNECTION,
                false => "there is no primary that takes writes",
            };
            Fault::Lost(reason.to_owned())
        })
    }

    /// Whether this is the primary that everybody goes by.
    pub(crate) fn is_primary(&self, server: &Arc<Server>) -> bool {
        let primary = self.primary.borrow();
        primary.as_ref().is_some_and(|one| Arc::ptr_eq(one, server))
    }

    pub(super) fn depose(&self, server: &Arc<Server>) {
        self.primary.send_if_modified(|primary| {
            let is_it = primary
                .as_ref()
                .is_some_and(|primary| Arc::ptr_eq(primary, server));
            if is_it {
                *primary = None;
            }
            is_it
        });
    }

    /// A server says that it is a primary: it becomes ours, unless a later one is known.
    pub(super) fn propose(
        self: &Arc<Topology>,
        server: Arc<Server>,
        timeline: u32,
        sight: &Sight,
        is_news: bool,
    ) {
        let Sight {
            system, standbys, ..
        } = *sight;
        if self.is_outranked(&server, timeline) || self.reigning.swap(true, Relaxed) {
            return;
        }
        let topology = self.clone();
        tokio::spawn(async move {
            let done = topology.crown(&server, system, timeline).await;
            match done {
                Ok(()) => topology.standbys.store(standbys, Relaxed),
                Err(fault) if is_news => {
                    tracing::info!(server = server.name, ?fault, "not taken for the primary");
                }
                Err(_) => {}
            }
            topology.reigning.store(false, Relaxed);
        });
    }

    /// Whether another one is the primary, and no failover has made this one its successor: it is
    /// the same under another name, or one that was left behind.
    pub(super) fn is_outranked(&self, server: &Arc<Server>, timeline: u32) -> bool {
        let another = self.has_primary() && !self.is_primary(server);
        let known = self.known.lock();
        another && (known.reign.as_ref()).is_some_and(|(_, last)| timeline <= *last)
    }

    pub(super) async fn crown(&self, server: &Arc<Server>, system: i64, timeline: u32) -> Step<()> {
        let (ours, reign) = {
            let known = self.known.lock();
            (known.system, known.reign.clone())
        };
        if let Some((_, known_timeline)) = reign
            && ours == Some(system)
            && timeline < known_timeline
        {
            return Err(Fault::Lost(format!(
                "it is on timeline {timeline}, and {known_timeline} is known"
            )));
        }
        if self.patroni.is_some() && self.patroni_says(server).await != Some(true) {
            return Err(Fault::Lost(
                "Patroni does not call it the primary".to_owned(),
            ));
        }
        let shard = server.writer.run(crate::reign::begin).await?;
        if server.is_dropped() {
            return Err(lost(&server.name));
        }
        let mut known = self.known.lock();
        known.system = Some(system);
        known.reign = Some((server.clone(), timeline));
        known.history = shard.history.clone();
        known.at = shard.at;
        known.samples.clear();
        drop(known);
        tracing::info!(server = server.name, timeline, at = ?shard.at, "this is the primary");
        self.primary.send_replace(Some(server.clone()));
        Ok(())
    }

    /// Whether Patroni says who the primary is.
    pub(crate) fn has_patroni(&self) -> bool {
        self.patroni.is_some()
    }

    /// Whether a store may be begun on a server that is empty: it is where the settings have the
    /// primary, or Patroni does.
    pub(crate) async fn may_begin_on(&self, server: &Server) -> bool {
        match self.patroni {
            None => server.origin == Origin::Url,
            Some(_) => self.patroni_says(server).await == Some(true),
        }
    }

    /// Whether Patroni calls it the primary; `None` where it says nothing.
    async fn patroni_says(&self, server: &Server) -> Option<bool> {
        let rest = self.rests.lock().get(&server.name).cloned()?;
        self.patroni.as_ref()?.is_primary(&rest).await
    }

    /// Patroni may have taken the office away from a server that does not know it yet.
    pub(super) fn keep_watch_over(self: &Arc<Topology>, server: &Arc<Server>) {
        let Some(patroni) = self.patroni.clone() else {
            return;
        };
        let Some(rest) = self.rests.lock().get(&server.name).cloned() else {
            return;
        };
        let (topology, server) = (Arc::downgrade(self), server.clone());
        tokio::spawn(async move {
            if patroni.is_primary(&rest).await == Some(false)
                && let Some(topology) = topology.upgrade()
            {
                topology.depose(&server);
            }
        });
    }
}

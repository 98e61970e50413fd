//! What stands between a cache and the store.

use super::Cache;
use super::count::Count;
use super::load::is_fault;
use crate::admission::{Admission, Asked, NotAdmitted, Permit};
use crate::sharing::{Prefix, Sharing};
use pando_model::error::EngineError;
use std::sync::Arc;
use std::time::Duration;

/// What a cache goes by on its way to the store; by default nothing.
#[derive(Clone, Debug)]
pub struct Backing {
    /// The way to what several processes share, one for all caches of this one; and what this
    /// collection's keys begin with there.
    pub sharing: Option<(Arc<Sharing>, Prefix)>,
    /// How many loads may be on the store at once, one for all caches of a store. Reads that only
    /// the store may answer are no loads of the cache's, and are not held up.
    pub admission: Option<Arc<Admission>>,
    /// How long a load waits for a place on the store before it fails.
    pub admission_patience: Duration,
}

impl Default for Backing {
    fn default() -> Backing {
        Backing {
            sharing: None,
            admission: None,
            admission_patience: Duration::from_secs(5),
        }
    }
}

/// Where the line drains at once, asking again at once would only fill it.
const RETRY_AFTER_MIN: Duration = Duration::from_millis(100);

impl Backing {
    pub(super) fn prefix(&self) -> Option<Prefix> {
        self.sharing.as_ref().map(|(_, prefix)| prefix.clone())
    }
}

impl Cache {
    /// Leave to load, where that is asked for: at once, in line, or not at all.
    pub(super) async fn admitted(&self) -> Result<Option<Permit>, Arc<EngineError>> {
        let Some(admission) = &self.backing.admission else {
            return Ok(None);
        };
        let patience = self.backing.admission_patience;
        let refused = match admission.ask(patience) {
            Ok(Asked::Admitted(permit)) => return Ok(Some(permit)),
            Ok(Asked::InLine(place)) => {
                match tokio::time::timeout(patience, place.admitted()).await {
                    Ok(Ok(permit)) => return Ok(Some(permit)),
                    Ok(Err(refused)) => refused,
                    Err(_) => NotAdmitted::TooLate,
                }
            }
            Err(refused) => refused,
        };
        self.counts.add(Count::NotAdmitted);
        let retry_after = match refused {
            NotAdmitted::LineFull { retry_after, .. } => retry_after,
            NotAdmitted::TooLate => patience,
        };
        Err(Arc::new(EngineError::Unavailable {
            reason: refused.to_string(),
            retry_after: retry_after.max(RETRY_AFTER_MIN),
        }))
    }
}

/// Says what became of a load that was let through.
pub(super) fn tell<T>(permit: Option<Permit>, loaded: &Result<T, Arc<EngineError>>) {
    match (permit, loaded) {
        (Some(permit), Err(error)) if is_fault(error) => permit.failed(),
        (Some(permit), _) => permit.succeeded(),
        (None, _) => {}
    }
}

//! Decisions, and why they were taken, for the log and for who looks.

use std::fmt;
use std::time::Duration;

/// How many workers there should be, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// How many there are.
    pub now: u32,
    /// How many there should be.
    pub workers: u32,
    /// Why.
    pub reason: Reason,
    /// Which bound stands in the way of what is wanted.
    pub ceiling: Option<Ceiling>,
}

/// Why there should be so many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// More are wanted.
    Up(Demand),
    /// As many are wanted as there are.
    Enough(Demand),
    /// Fewer are enough, and have been for a while.
    Down(Demand),
    /// The store has no room for so many.
    Headroom(Demand),
    /// Fewer are enough, and more were wanted not long ago.
    WantedOfLate {
        /// What is wanted now.
        demand: Demand,
        /// How many were.
        highest: u32,
    },
    /// Fewer are enough, and those who were to go still have leases.
    Draining {
        /// What is wanted now.
        demand: Demand,
        /// So many of them.
        draining: u32,
    },
    /// Fewer are enough, and some have gone just now.
    SteppedDown(Demand),
}

/// By what so many are wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// By what arrives.
    Arrival {
        /// Messages a second.
        per_s: f64,
        /// How long each takes.
        service: Duration,
        /// Which share of their time workers are to be busy.
        utilisation: f64,
    },
    /// By what waits.
    Backlog {
        /// So many messages.
        backlog: u64,
        /// How long each takes.
        service: Duration,
        /// Within which time they are to be worked off.
        drain_target: Duration,
    },
    /// By the age of the oldest.
    Oldest {
        /// How old it is.
        oldest: Duration,
        /// How old it may be.
        objective: Duration,
        /// How many workers were not enough.
        workers: u32,
    },
    /// Nothing was finished yet, so nobody knows how long a message takes.
    Unmeasured,
}

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// `workers_min`.
    Min,
    /// `workers_max`.
    Max,
    /// What the store has room for.
    Headroom,
}

impl Decision {
    /// How many workers are to take no more leases, and to go once they have none.
    pub fn drain(&self) -> u32 {
        self.now.saturating_sub(self.workers)
    }

    /// How many are to be started, or to take leases again if they were to go.
    pub fn start(&self) -> u32 {
        self.workers.saturating_sub(self.now)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, workers) = (self.now, self.workers);
        match now == workers {
            true => write!(f, "{workers} workers stay: {}", self.reason)?,
            false => write!(f, "{now} to {workers} workers: {}", self.reason)?,
        }
        match self.ceiling {
            Some(ceiling) => write!(f, "; bounded by {ceiling}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Up(demand) | Reason::Enough(demand) => write!(f, "{demand}"),
            Reason::Down(demand) => write!(f, "fewer are enough for {demand}"),
            Reason::Headroom(demand) => {
                write!(f, "the store has no room for more; wanted now for {demand}")
            }
            Reason::WantedOfLate { demand, highest } => {
                write!(f, "{highest} were wanted of late, now {demand}")
            }
            Reason::Draining { demand, draining } => {
                write!(
                    f,
                    "{draining} still finish what they have, then fewer for {demand}"
                )
            }
            Reason::SteppedDown(demand) => {
                write!(f, "some have gone just now, then fewer for {demand}")
            }
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Demand::Arrival {
                per_s,
                service,
                utilisation,
            } => write!(
                f,
                "{per_s:.1} messages/s of {service:?} each, at {utilisation} utilisation"
            ),
            Demand::Backlog {
                backlog,
                service,
                drain_target,
            } => write!(
                f,
                "{backlog} messages of {service:?} each that wait, in {drain_target:?}"
            ),
            Demand::Oldest {
                oldest,
                objective,
                workers,
            } => write!(
                f,
                "the oldest message waits for {oldest:.1?} and may for {objective:?}, with \
                 {workers} workers busy"
            ),
            Demand::Unmeasured => f.write_str("no message was finished yet"),
        }
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ceiling::Min => "workers_min",
            Ceiling::Max => "workers_max",
            Ceiling::Headroom => "the store's headroom",
        })
    }
}

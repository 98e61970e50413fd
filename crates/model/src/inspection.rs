//! What is seen of the servers that keep the data: how they do, and how they are set up.

use crate::stamp::Position;
use std::time::Duration;

/// All servers, and what does not do in how they are set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// None for an engine without servers.
    pub servers: Vec<ServerSight>,
    /// What stands in the way of what is promised.
    pub shortfalls: Vec<Shortfall>,
}

/// How a server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSight {
    /// Where it is: `host:port`.
    pub name: String,
    /// What it does.
    pub role: ServerRole,
    /// Its own timeline, where it could be reached.
    pub timeline: Option<u32>,
    /// How far it has got; none where it holds no store.
    pub at: Option<Position>,
    /// How far it is behind the primary; of replicas of it.
    pub lag: Option<Lag>,
}

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerRole {
    /// It takes the writes.
    Primary,
    /// It copies the primary.
    Replica,
    /// It takes writes too, and gets none: a later primary is known.
    Deposed,
    /// It holds something else, and is asked nothing.
    Stranger,
    /// It could not be looked at.
    Unreachable,
}

impl ServerRole {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ServerRole::Primary => "primary",
            ServerRole::Replica => "replica",
            ServerRole::Deposed => "deposed",
            ServerRole::Stranger => "stranger",
            ServerRole::Unreachable => "unreachable",
        }
    }
}

/// How far a replica is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Transactions that it has not replayed; not known over a failover.
    pub positions: Option<u64>,
    /// What it has not replayed is no older than this; not known of one that has replayed nothing.
    pub time: Option<Duration>,
}

/// A setting of the database that does not do, or will not some day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Which setting.
    pub setting: &'static str,
    /// Which server, where it is of one; the message names it too unless it is the primary.
    pub server: Option<String>,
    /// How bad it is.
    pub weight: Weight,
    /// What it takes from what is promised.
    pub message: String,
    /// The line to change, or the command to run.
    pub mend: String,
}

/// How bad a shortfall is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing that is in use today is affected.
    Note,
    /// It works until something else fails.
    Warning,
    /// What was answered can be lost, or is not kept.
    Breach,
}

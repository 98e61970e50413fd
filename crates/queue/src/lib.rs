//! The queue tier: the rules of queues and their workers, before any engine keeps a message.
//!
//! | word | meaning |
//! |---|---|
//! | lease | a message that one worker has, until it acknowledges, gives back, or lets the time run out |
//! | attempt | one lease of a message; the first is attempt 1 |
//! | dead letter | a message whose attempts are used up, kept with its last error |
//! | occurrence | an instant at which a [`Schedule`] publishes |
//! | binding | a pattern, and the queue that gets what matches it |
//! | window | how long a repeated id is the same message |
//!
//! All of it is rules: what is decided depends on what is handed in, the time and chance
//! included. Nothing here does I/O, keeps a timer or starts a thread; that is done by whoever
//! keeps the messages, `pando_store::queue`, and runs the workers
//! (`docs/decisions/0011-queues.md`).

mod backoff;
pub mod changes;
mod cloudevents;
mod config;
mod dedup;
pub mod listeners;
mod ring;
mod routing;
mod scaling;
mod schedule;
pub mod topics;

pub use backoff::{Backoff, BackoffConfig, Dead, Failure, Next};
pub use cloudevents::{Attribute, Event, EventError, HttpMessage, Mode, Place};
pub use config::ConfigError;
pub use dedup::{
    DedupConfig, DedupError, DedupId, ID_BYTES_MAX as DEDUP_ID_BYTES_MAX, Seen, Sifted, Sifting,
};
pub use routing::{Exchange, Router, RoutingError, UnknownExchange};
pub use scaling::{Ceiling, Decision, Demand, Load, Reason, Scaler, ScalingConfig};
pub use schedule::{CatchUp, Due, Fault, Field, Schedule, ScheduleError};

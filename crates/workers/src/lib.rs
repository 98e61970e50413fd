//! The runtime of workers: leases messages of a queue and has them worked on, by a URL of the
//! application, a command, or a handler in Rust.
//!
//! | word | meaning |
//! |---|---|
//! | place | room for one message; a worker has as many as the load wants, within its bounds |
//! | attempt | one call of a handler with a message |
//! | settle | to tell the queue what came of an attempt: acknowledge, or give back |
//!
//! Each worker has four tasks. The dispatcher leases as many messages as it has free places and runs
//! an attempt in each ([`dispatch`]); the settler tells what came of them, many in one call
//! ([`settle`]); the keeper extends leases while attempts last ([`keep`]); and the follower
//! decides once a second how many places there are to be ([`follow`]). The rules of all that are
//! `pando_queue`'s; where messages lie is behind the port [`Source`].
//!
//! At least once: a message is acknowledged after its handler succeeded. Where the process ends in
//! between, the message comes again once its lease has run out.

mod command;
mod complaint;
mod config;
mod dispatch;
mod endpoint;
mod event;
mod follow;
mod hand;
mod handler;
mod keep;
mod listener;
mod rate;
mod settle;
mod source;
mod stats;
mod worker;
mod workers;

pub use command::{CommandConfig, CommandHandler};
pub use config::WorkerConfig;
pub use endpoint::{Endpoint, EndpointConfig, EndpointError, Secrets};
pub use handler::{Failure, Handler, Job, Verdict};
pub use listener::{Hearing, UrlListener};
pub use rate::{NoRate, Rate};
pub use source::{Back, Backlog, Delivery, Lease, Message, Place, Settled, Source, SourceError};
pub use worker::Stopped;
pub use workers::Workers;

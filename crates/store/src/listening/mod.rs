//! Listeners at the store: which change of which row is what to them, and the journal of what was
//! committed (`docs/decisions/0014-listeners.md`).
//!
//! The journal is two things that were there already. The feed has each committed change, written in
//! the change's own transaction; so nothing can get lost between the commit and a listener. From
//! the feed changes are taken into a queue for each listener, in order and once, in the transaction
//! that writes down how far the feed is taken in. What comes then, repetitions, order and dead
//! letters, is the queues'.

mod asking;
mod by_key;
mod item;
mod journal;
mod names;
mod records;
mod watch;

pub use item::committed_of;
pub use journal::{Intake, Subscriber, TakenIn};

//! Random transactions over all five models, and what they leave: what the crash tests write
//! and compare with.
//!
//! Each [`Writer`] has things of its own in every model (rows, keys and a counter, documents,
//! wide rows, nodes and edges) and sends one transaction at a time, so that what it was
//! answered says exactly what must be there: the [`State`] after its last transaction, or, if
//! one was not answered, that state or the one after it, whole ([`Writer::judge`]). What
//! writers share, a counter and the hubs of the graph, must be the sum of theirs.
//!
//! Beside them [`Producer`]s publish to a queue, and a [`QueueHistory`] judges what its users saw
//! of it.
//!
//! Nothing here asks anything of Pando: a test carries the [`Op`]s out, by whatever way it
//! tests, and reads a [`View`] back.

mod draw;
mod names;
mod op;
mod producer;
mod queue;
mod state;
mod writer;

pub use names::{
    COLLECTION, COUNTER, GRAPH, HUBS, KINDS, NODE_KIND, Names, SEARCHED, SPACE, SPACE_OF_ALL,
    TABLE, TABLE_DDL, WIDE,
};
pub use op::{Op, Transaction};
pub use producer::{Batch, Draft, ORDER, ORDER_DDL, PRIORITIES, Producer, Row};
pub use queue::{Delivery, Held, Moment, QueueCounts, QueueHistory};
pub use state::{Shared, State, View};
pub use writer::{Found, Writer};

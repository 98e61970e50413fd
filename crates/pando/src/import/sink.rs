//! Where an import stores: the store of this process, or a server over HTTP; models besides
//! tables by requests, wherever those go.

mod kept;
mod local;
mod models;
mod remote;

pub use kept::Run;
pub use local::Local;
pub use models::Models;
pub use remote::Remote;

use super::chunk::{Fault, RawChunk};
use super::identity::Identity;
use crate::failure::fail;

/// How much was dealt with once a chunk is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records: the next one is where to go on.
    pub records: u64,
    /// Of these, rows that are stored.
    pub written: u64,
    /// Of these, rows that were left out.
    pub rejected: u64,
}

/// The table that an import goes into is not there.
pub fn no_such_table(name: &str) -> anyhow::Error {
    fail(format!("there is no table {name}"))
        .hint("make it with a migration, then `pando migrate`; `pando status` lists the tables")
        .into()
}

/// Why rows were not stored.
#[derive(Debug)]
pub enum NotStored {
    /// At least one of them breaks a rule; none is stored.
    Refused {
        /// Which of the items it is, where that was told.
        at: Option<usize>,
        /// Which rule.
        fault: Fault,
    },
    /// They are more than can be stored at once; none is. The fault is for an item that is too
    /// large by itself.
    TooLarge(Fault),
    /// It cannot go on.
    Failed(anyhow::Error),
}

/// An item that no request can hold.
fn too_large() -> Fault {
    Fault::new("too_large", "the record is larger than a request may be")
}

/// Stores rows.
pub trait Sink: Send + Sync + 'static {
    /// A record, ready to be stored.
    type Item: Send + 'static;
    /// What all records of a chunk share.
    type Layout;

    /// Looks at a chunk as a whole.
    fn layout(&self, raw: &RawChunk) -> anyhow::Result<Self::Layout>;

    /// Makes a record ready; on a worker's thread.
    fn prepare(
        &self,
        layout: &Self::Layout,
        raw: &RawChunk,
        at: usize,
    ) -> Result<Self::Item, Fault>;

    /// Puts a chunk's records into the order in which they are stored fastest.
    fn arrange(&self, items: &mut [(usize, Self::Item)]);

    /// What is wrong with a record by itself, when its chunk was refused.
    fn check(&self, item: &Self::Item) -> Option<Fault>;

    /// Stores all of the items and the progress, or nothing.
    fn commit(
        &self,
        items: Vec<Self::Item>,
        tally: Tally,
    ) -> impl Future<Output = Result<(), NotStored>> + Send;

    /// Tries to store all of the items and stores nothing; `None` where that is impossible.
    fn rehearse(
        &self,
        items: Vec<Self::Item>,
    ) -> impl Future<Output = Option<Result<(), NotStored>>> + Send;

    /// How far this import got before, if it is the same.
    fn fetch_progress(
        &self,
        identity: &Identity,
    ) -> impl Future<Output = anyhow::Result<Option<(Tally, bool)>>> + Send;

    /// Notes that the import is done.
    fn finish(&self, tally: Tally) -> impl Future<Output = anyhow::Result<()>> + Send;
}

//! The port of the data tier: what every engine does, and how.
//!
//! An engine keeps one shard. It carries out whole use cases ("read this plan
//! at this stamp", "write this batch under these fences"); there is no
//! connection and no cursor in it.
//!
//! # What every engine keeps
//!
//! - **One snapshot** for all selects of a read, and for a write's own reads.
//! - **All or nothing**: a write's changes, its receipt, its feed events and
//!   its position are one transaction. An error leaves nothing behind.
//! - **Durable before answered**, as [`EngineInfo::durability`] says.
//! - **Bounded**: the rows that one read, its children, or all steps of one request give take no
//!   more than [`crate::budget`] allows; what is more is refused while it is read.
//! - **The row's rules**: each row about to be stored passes
//!   [`crate::constraint::complete_row`] (generated columns, NOT NULL, CHECK),
//!   then keys and foreign keys; each breach is the [`Refusal`] that
//!   [`crate::constraint`] words, so that all engines refuse in the same bytes.
//!   For a row with several faults: NOT NULL and CHECK, then primary key, then
//!   uniques in order of declaration, then foreign keys in order of declaration;
//!   the first row with a fault decides.
//! - **Slots**: a row is stored under the slot of its shard key
//!   ([`crate::canonical::slot_of_row`]); the engine reads that slot's fence in the
//!   same transaction and answers [`EngineError::Moved`] where it does not own it.
//!   An update that changes the shard key moves the row.
//! - **Schema check**: a plan for another version than the one in force is
//!   answered [`EngineError::SchemaChanged`], inside the transaction for writes. The version that
//!   it names is in force for whoever reads from then on.
//!
//! # Cancellation
//!
//! Dropping a read's future abandons it. Dropping a write's future does not undo
//! the write: it goes on to its end, which a receipt can tell.

mod feed;
mod read;

pub use feed::{FeedCursor, FeedEvent, FeedKind, FeedPage};
pub use read::{
    Cacheable, Copies, Expiry, Freshness, LaidDown, Read, ReadAnswer, ReadSteps, StepsAnswer,
};

use crate::bus::Bus;
use crate::caching::CacheReport;
use crate::error::{EngineError, Refusal};
use crate::inspection::Inspection;
use crate::plan::{Change, RowSet, Tree};
use crate::schema::SchemaStep;
use crate::slot::Slot;
use crate::stamp::{History, Position};
use async_trait::async_trait;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An engine's answer or error.
pub type Result<T> = std::result::Result<T, EngineError>;

/// One shard of the store.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Which engine this is, and what its acknowledgement means. Memory only.
    fn info(&self) -> EngineInfo;

    /// Whether other processes may read and write the same data at the same time. Memory only.
    fn is_shared(&self) -> bool {
        false
    }

    /// What processes over the same data can tell one another over, where the engine has it. Each call
    /// connects anew; must be called within a runtime.
    fn bus(&self) -> Option<Arc<dyn Bus>> {
        None
    }

    /// The position up to which everything is committed and visible, and the
    /// forks that led there. Memory only.
    fn progress(&self) -> Progress;

    /// The schema version in force; 0 before the first [`Engine::apply`].
    async fn fetch_schema_version(&self) -> Result<u64>;

    /// Carries out a read in one snapshot, of a copy that is as fresh as the read asks for.
    /// [`EngineError::Behind`] where none is yet.
    async fn read(&self, read: Read) -> Result<ReadAnswer>;

    /// The same, of a collection that may have rules of caching. Who keeps no answers reads.
    async fn read_of(&self, read: Read, of: &Cacheable) -> Result<ReadAnswer> {
        let _ = of;
        self.read(read).await
    }

    /// Takes steps that read, and decide what to read next, in one snapshot. A decision is asked
    /// where it holds nobody up, and may be asked again.
    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer>;

    /// The same, of a collection that may have rules of caching. Who keeps no answers reads.
    async fn read_steps_of(&self, read: ReadSteps, of: &Cacheable) -> Result<StepsAnswer> {
        let _ = of;
        self.read_steps(read).await
    }

    /// Carries out a write as one transaction, durable when it answers.
    ///
    /// With a receipt, the key is looked up first, in the same transaction and wherever on
    /// the shard its receipt lies: if it is known for the same request, nothing is done and the stored answer is given
    /// ([`WriteAnswer::Replayed`]); for another request, [`EngineError::KeyReused`].
    /// Receipts past their `expires_at_us` count as absent and are removed in passing.
    async fn write(&self, write: Write) -> Result<WriteAnswer>;

    /// Whether a write of a collection is to lay down what it wrote ([`Engine::write_through`]).
    /// Memory only.
    fn lays_down(&self, collection: &str) -> bool {
        let _ = collection;
        false
    }

    /// The same as [`Engine::write`]; and these questions are answered inside the transaction, for
    /// whoever keeps answers, as of its position.
    async fn write_through(&self, write: Write, lay_down: Vec<LaidDown>) -> Result<WriteAnswer> {
        let _ = lay_down;
        self.write(write).await
    }

    /// Removes receipts that had run out by `now_us` (microseconds since 1970), the oldest
    /// first and `max` at most; gives how many. It takes no position: nobody could see them.
    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64>;

    /// Changes the physical schema, writes `record` and raises the schema version, all in
    /// one transaction. `SchemaChanged` if `from_version` is not in force. All fences carry
    /// the new version afterwards.
    async fn apply(&self, change: SchemaChange) -> Result<Position>;

    /// Registers a follower of the feed, or returns the cursor where a known one stands.
    /// From here on every committed change enters the feed in the same transaction;
    /// while nobody follows, nothing is recorded.
    async fn follow(&self, follower: &str) -> Result<FeedCursor>;

    /// Up to `max` events after `after`, in commit order, with the position up to which
    /// the feed is then known. Never skips: a cursor that lies before what is kept, or on
    /// another timeline past its fork, is answered with [`FeedPage::gap`].
    async fn fetch_feed(&self, after: FeedCursor, max: usize) -> Result<FeedPage>;

    /// The follower has dealt with everything up to `cursor`; what all followers have
    /// dealt with is removed. Unknown followers are ignored.
    async fn acknowledge_feed(&self, follower: &str, cursor: FeedCursor) -> Result<()>;

    /// Removes a follower; unknown ones are ignored.
    async fn unfollow(&self, follower: &str) -> Result<()>;

    /// Writes a consistent, verified copy to `path`, which must not exist, while reads and
    /// writes go on. `progress` is told (pages done, pages in all).
    async fn backup(&self, path: &Path, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<()>;

    /// Checks the data's integrity, and answers what is wrong, one line each.
    async fn verify(&self) -> Result<Vec<String>>;

    /// Its servers, and what stands in the way of what is promised, in how they are set up.
    async fn inspect(&self) -> Result<Inspection> {
        Ok(Inspection::default())
    }

    /// The caches in front of it, if there are any. Memory only.
    fn caches(&self) -> Option<CacheReport> {
        None
    }

    /// How large it is and how it does, for `status` and `/metrics`.
    async fn fetch_statistics(&self) -> Result<Statistics>;

    /// Takes no more writes, finishes those accepted, and closes the files. Idempotent.
    async fn close(&self) -> Result<()>;
}

/// What an engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// `sqlite`, `memory`, …
    pub name: &'static str,
    /// The engine's own version.
    pub version: String,
    /// What its acknowledgement of a write means.
    pub durability: Durability,
}

/// What an acknowledged write has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durability {
    /// It was synced to stable storage.
    pub synced: bool,
    /// How many copies hold it.
    pub copies: u32,
}

/// How far an engine has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here is visible.
    pub low: Position,
    /// Nothing beyond here is visible.
    pub high: Position,
    /// The forks of its history.
    pub history: History,
}

/// A write: all of it or nothing.
pub struct Write {
    /// The schema that the steps were planned for.
    pub schema_version: u64,
    /// What is done, in order; later steps see what the earlier ones did.
    pub steps: Vec<Step>,
    /// The idempotency key, where the caller sent one.
    pub receipt: Option<Receipt>,
    /// Makes the answer from the outcomes, inside the transaction; what it
    /// returns is stored with the receipt. A refusal rolls everything back.
    pub finish: Finish,
}

/// One step of a write.
///
/// Each leaves one [`Outcome`], but for [`Step::Decide`]: the steps it gives leave theirs.
#[derive(Clone)]
pub enum Step {
    /// Rows are changed. Shared, because steps are handed out again where a write is tried
    /// again, and rows can be large.
    Change(Arc<Change>),
    /// Rows are read, as the transaction has them now; the outcome holds them. They stay as
    /// they are until the write ends: other writers do not come between.
    Read {
        /// What to read.
        tree: Arc<Tree>,
        /// Whether the root's rows are to be counted past its limit.
        count: bool,
    },
    /// What comes next depends on what was done and read so far.
    Decide(Decide),
    /// Steps by themselves: their outcomes lie in this one's [`Outcome::group`], and their
    /// decisions look at no others.
    Group(Vec<Step>),
}

/// Gives the steps that come next, from the outcomes so far of the list or group that it
/// stands in. A refusal rolls the write back. It must not block, and gives the same for the
/// same outcomes: an engine whose transaction failed as a whole may ask it again.
pub type Decide = Arc<dyn Fn(&[Outcome]) -> std::result::Result<Vec<Step>, Refusal> + Send + Sync>;

impl Step {
    /// A step that decides.
    pub fn decide(
        decide: impl Fn(&[Outcome]) -> std::result::Result<Vec<Step>, Refusal> + Send + Sync + 'static,
    ) -> Step {
        Step::Decide(Arc::new(decide))
    }

    /// Reads a tree without counting.
    pub fn read(tree: Tree) -> Step {
        Step::Read {
            tree: Arc::new(tree),
            count: false,
        }
    }
}

impl From<Change> for Step {
    fn from(change: Change) -> Step {
        Step::Change(Arc::new(change))
    }
}

/// See [`Write::finish`]. It must not block: other writers wait for it. An engine whose
/// transaction failed as a whole may carry a write out again, and then calls it again.
pub type Finish = Box<dyn FnMut(Vec<Outcome>) -> std::result::Result<Vec<u8>, Refusal> + Send>;

/// An idempotency key and what it was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where the receipt lies: the written slot if the request names one slot only, else
    /// the slot of the hash of caller and key.
    pub slot: Slot,
    /// Whose key it is: a digest of caller, method and path.
    pub scope: [u8; 16],
    /// The key as the caller sent it.
    pub key: String,
    /// A digest of the request.
    pub request: [u8; 32],
    /// Now, by the store's clock, in microseconds since 1970.
    pub now_us: i64,
    /// When it may be forgotten.
    pub expires_at_us: i64,
}

/// What one step did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Rows inserted, updated or deleted.
    pub affected: u64,
    /// Of these, rows that are new.
    pub inserted: u64,
    /// What was read, or what the change was asked to return.
    pub rows: Option<RowSet>,
    /// What the steps of a group did.
    pub group: Vec<Outcome>,
}

impl Outcome {
    /// What a read found.
    pub fn found(rows: RowSet) -> Outcome {
        Outcome {
            rows: Some(rows),
            ..Outcome::default()
        }
    }
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteAnswer {
    /// It was done now; its stamp, and what `finish` made.
    Done {
        /// The position of its transaction.
        at: Position,
        /// What [`Write::finish`] returned.
        answer: Vec<u8>,
    },
    /// It had been done before under the same key; the position covers it.
    Replayed {
        /// A position that covers the first execution.
        at: Position,
        /// What was answered then.
        answer: Vec<u8>,
    },
}

/// A change of the schema.
pub struct SchemaChange {
    /// The version it was planned from.
    pub from_version: u64,
    /// The version it leads to.
    pub to_version: u64,
    /// What to do, in order.
    pub steps: Vec<SchemaStep>,
    /// Rows of the catalog's own tables, written in the same transaction,
    /// under the schema as it will be.
    pub record: Vec<Change>,
}

/// How an engine does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Bytes on disk, or in memory for an engine without one.
    pub size_bytes: u64,
    /// Transactions committed since it was opened.
    pub commits: u64,
    /// Writes carried by them.
    pub writes: u64,
    /// Writes that wait for their turn.
    pub queued: u64,
    /// The last time a commit took, sync included.
    pub last_commit: Duration,
    /// Events in the feed that a follower has yet to deal with.
    pub feed_depth: u64,
}

//! The cache tier: what a process holds in memory of what its store would answer.
//!
//! | word | meaning |
//! |---|---|
//! | collection | a table, a document collection, a key space, …: it has a [`Cache`] of its own |
//! | entry | an answer, with the positions it is valid for and what it [touched](Tag) |
//! | replica | the follower of a shard's feed: all entries that it did not remove are true as of what it [consumed](Replica::consume) |
//! | floor | the last invalidation of something: a fill from an older read is refused |
//! | flight | a load that all who miss the same key at the same time share |
//! | ghost | a key without its answer, to see which hit ratio another policy or size would have |
//!
//! A [`Cache`] is asked with the same [`Freshness`](pando_model::engine::Freshness) as the store,
//! and goes by the same rule of the stamp: it may answer if what the replica has consumed, or the
//! read that filled the entry, covers what the caller has seen; the caller is handed the `high` of
//! that read.
//!
//! On its way to the store a cache goes by what stands behind it ([`Backing`]): the second level
//! that several processes share ([`Sharing`]), where one loads for all and the others wait, and
//! [`Admission`], which caps what is loaded at once. A [`Breaker`] leaves the second level alone
//! while it is down or slow.
//!
//! It loads by what it is given and writes nothing. The strategies of writing are not here yet
//! (`docs/decisions/0008-cache.md`).

mod admission;
mod breaker;
mod cache;
mod config;
mod entry;
mod flight;
mod floors;
mod index;
mod level2;
mod policy;
mod random;
mod replica;
mod resident;
mod shadow;
mod sharing;
mod tag;
mod tier;

pub use admission::{Admission, AdmissionConfig, Asked, Headroom, NotAdmitted, Permit, Place};
pub use breaker::{Breaker, BreakerConfig, BreakerOpen, BreakerState, Call};
pub use cache::{Answer, Backing, Cache, Found, Load, LoadError, LoadResult, Loaded, Statistics};
pub use config::{Config, ConfigError};
pub use entry::{Age, Entry, Value, weight_bytes};
pub use flight::{Abandoned, Flights, Ticket};
pub use policy::{Eviction, UnknownEviction};
pub use random::{Random, SeededRandom, ThreadRandom};
pub use replica::{Refused, Replica};
pub use shadow::Estimate;
pub use sharing::{Prefix, Sharing, SharingConfig};
pub use tag::Tag;
pub use tier::{Hot, Question, Rule, Strategy, Tier, UnknownStrategy, Warm, WarmError, Warmer};

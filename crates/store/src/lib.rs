//! The data tier: tables over one relational core.
//!
//! A [`request`] names tables and columns as a caller wrote them; the store
//! resolves it against the schema into a plan, has the engine carry it out and
//! shapes the answer. It knows no HTTP and no SQL dialect of an engine's.

pub mod error;
pub mod request;
pub mod session;
pub mod token;

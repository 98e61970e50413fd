//! Documents: JSON values with an id, in collections that come to be on first write.

pub mod search;

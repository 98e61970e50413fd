//! Documents over HTTP.

mod media;

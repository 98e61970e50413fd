//! The stateless web tier: HTTP in front of the store.
//!
//! It reads PostgREST's grammar ([`rest`]), decides who may ask ([`gate`]), has
//! the store do the work, and chooses statuses ([`status`]). It keeps nothing
//! between requests but counters and memoised headers, so any number of these
//! can stand side by side. It does not know which engine is below, and reads no
//! files but certificates.
//!
//! A request's way: [`server`] accepts, [`web`] checks and routes, [`rest`] or
//! [`admin`] answers, [`web`] adds what every answer gets.

mod access_log;
mod admin;
mod answer;
mod asyncapi;
mod batch;
mod changes;
mod conditional;
mod config;
mod cors;
mod deadline;
mod docs;
mod error;
mod events;
mod exchange;
mod gate;
mod graph;
mod health;
mod idempotency;
mod intake;
mod kv;
mod metrics;
mod object;
mod openapi;
mod operate;
mod params;
mod payload;
mod queue;
mod reply;
mod rest;
mod route;
mod server;
mod sessions;
mod stamps;
mod status;
mod topics;
mod tx;
mod warm;
mod web;
mod wide;

pub use admin::{Admin, AdminError, AdminErrorKind, broker, inspection, journals, servers};
pub use config::{Cors, DataAccess, Limits, Sessions, Streams, WebConfig};
pub use error::ApiError;
pub use gate::Exposure;
pub use openapi::describe;
pub use payload::Payload;
pub use reply::Reply;
pub use server::tls::{TlsError, TlsFiles};
pub use server::{Drained, Running, serve, serve_web};
pub use warm::{HotKey, HotList, WarmQuery, table_read};
pub use web::Web;

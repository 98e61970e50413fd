//! Topics and changes of the real binary: who listens is told, whatever others do.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests

mod changes;
#[allow(dead_code)] // it is shared
#[path = "../several/database.rs"]
mod database;
mod listener;
mod several;
mod sockets;
mod streams;
#[path = "../support/mod.rs"]
mod support;

use support::{Answer, Server};

const TEXT: &str = "Content-Type: text/plain\r\n";

/// Publishes a text; the answer.
fn publish(server: &Server, topic: &str, text: &str) -> Answer {
    let path = format!("/topics/v1/{topic}");
    let answer = server.connect().ask("POST", &path, TEXT, text);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

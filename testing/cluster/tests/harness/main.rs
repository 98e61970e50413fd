//! What the harness says of itself: one claim to a test, on real processes.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests, not tests themselves

mod brokers;
mod left_behind;
mod patroni;
mod postgres;
mod proxy;
mod redis;
mod replication;

use std::process::Command;

/// What psql answers by way of the network, or says.
async fn psql(url: &str, statement: &str) -> Result<String, String> {
    let (url, statement) = (url.to_owned(), statement.to_owned());
    let run = move || {
        // A commit may wait for ever for a replica.
        Command::new("timeout")
            .args(["30", "/usr/lib/postgresql/15/bin/psql"])
            .args(["-XAtq", "-d", &url, "-c", &statement])
            .env("PGCONNECT_TIMEOUT", "5")
            .output()
            .expect("psql")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("psql");
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

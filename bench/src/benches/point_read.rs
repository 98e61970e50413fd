//! `GET` by key, against a bare axum handler over the same statement by hand.

use super::items;
use super::turns::{Side, compare};
use crate::load::get;
use crate::process::{Disk, Server};
use crate::report::Report;
use anyhow::Result;
use std::sync::Arc;

const ROWS: u64 = 100_000;

pub async fn run() -> Result<Vec<Report>> {
    let directory = tempfile::tempdir()?;
    items::fill_pando(directory.path(), ROWS)?;
    let by_hand = directory.path().join("by-hand.db");
    items::fill_sqlite(&by_hand, ROWS)?;
    let subject = Server::pando(directory.path(), Disk::AsIs).await?;
    let limit = Server::peer(&["read", &by_hand.to_string_lossy()]).await?;
    let report = compare(
        "point-read",
        0.7,
        64,
        Side {
            server: &subject,
            script: Arc::new(|n, out| {
                get(
                    &format!("/rest/v1/items?id=eq.{}", items::scatter(n, ROWS)),
                    out,
                );
            }),
        },
        Side {
            server: &limit,
            script: Arc::new(|n, out| get(&format!("/items/{}", items::scatter(n, ROWS)), out)),
        },
    )
    .await?;
    Ok(vec![report])
}

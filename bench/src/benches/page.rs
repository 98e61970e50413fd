//! A page of 20, filtered and ordered by an index, against the same SQL by hand.

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
        "page",
        0.5,
        64,
        Side {
            server: &subject,
            script: Arc::new(|n, out| {
                let category = items::category(n);
                get(
                    &format!("/rest/v1/items?category=eq.{category}&order=price&limit=20"),
                    out,
                );
            }),
        },
        Side {
            server: &limit,
            script: Arc::new(|n, out| get(&format!("/page/{}", items::category(n)), out)),
        },
    )
    .await?;
    Ok(vec![report])
}

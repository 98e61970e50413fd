//! Point reads of key-values, documents and wide rows, and ranges of ten edges, each against a
//! bare axum handler over the same statement by hand.

use super::items::scatter;
use super::model_data as data;
use super::turns::{Side, compare};
use crate::load::{Script, get};
use crate::process::{Disk, Server};
use crate::report::Report;
use anyhow::Result;
use std::sync::Arc;

pub async fn run() -> Result<Vec<Report>> {
    let directory = tempfile::tempdir()?;
    data::fill_pando(directory.path())?;
    let by_hand = directory.path().join("by-hand.db");
    data::fill_sqlite(&by_hand)?;
    let subject = Server::pando(directory.path(), Disk::AsIs).await?;
    let limit = Server::peer(&["read", &by_hand.to_string_lossy()]).await?;
    let value = |prefix: &'static str, count: u64| -> Script {
        Arc::new(move |n, out| get(&format!("{prefix}{}", data::key(scatter(n, count))), out))
    };
    let wide = |prefix: &'static str| -> Script {
        Arc::new(move |n, out| {
            let (partition, row) = data::place(scatter(n, data::WIDE_ROWS));
            get(&format!("{prefix}{partition}/{row}"), out);
        })
    };
    let edges = |prefix: &'static str| -> Script {
        Arc::new(move |n, out| {
            let node = data::node(scatter(n, data::NODES));
            get(&format!("{prefix}{node}/edges/likes?limit=10"), out);
        })
    };
    let figures = [
        (
            "kv-read",
            0.7,
            value("/kv/v1/bench/", data::MANY),
            value("/kv/", data::MANY),
        ),
        (
            "docs-read",
            0.7,
            value("/docs/v1/bench/", data::MANY),
            value("/docs/", data::MANY),
        ),
        ("wide-read", 0.7, wide("/wide/v1/bench/"), wide("/wide/")),
        (
            "edges-10",
            0.6,
            edges("/graph/v1/bench/nodes/"),
            edges("/nodes/"),
        ),
    ];
    let mut reports = Vec::new();
    for (name, goal, ours, theirs) in figures {
        let ours = Side {
            server: &subject,
            script: ours,
        };
        let theirs = Side {
            server: &limit,
            script: theirs,
        };
        reports.push(compare(name, goal, 64, ours, theirs).await?);
    }
    Ok(reports)
}

//! The rows of a wide-column table: partition by partition, every version of every cell.

use super::pages::List;
use crate::surface::Surface;
use anyhow::Context;
use bytes::Bytes;
use pando_client::encoded;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};

/// More than is kept of any cell.
const VERSIONS: &str = "versions=1000000";

/// Rows with their partitions.
pub(super) struct Rows<'a> {
    surface: &'a Surface,
    path: String,
    tables: List<'a>,
    partitions: VecDeque<String>,
    slice: Option<List<'a>>,
}

#[derive(Deserialize)]
struct Partitions {
    partitions: VecDeque<String>,
}

#[derive(Deserialize)]
struct Slice {
    partition: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    row: String,
    cells: BTreeMap<String, Box<RawValue>>,
}

#[derive(Serialize)]
struct Exported<'a> {
    partition: &'a str,
    row: &'a str,
    versions: &'a BTreeMap<String, Box<RawValue>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(surface: &'a Surface, path: String) -> Rows<'a> {
        Rows {
            surface,
            tables: List::new(surface, path.clone()),
            path,
            partitions: VecDeque::new(),
            slice: None,
        }
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        loop {
            if let Some(slice) = &mut self.slice
                && let Some(page) = slice.next().await?
            {
                let slice: Slice = serde_json::from_slice(&page.body).context("a slice")?;
                return Ok(Some(exported(&slice)?));
            }
            let Some(partition) = self.partitions.pop_front() else {
                let Some(page) = self.tables.next().await? else {
                    return Ok(None);
                };
                let page: Partitions = serde_json::from_slice(&page.body).context("partitions")?;
                self.partitions = page.partitions;
                continue;
            };
            let path = format!("{}/{}?{VERSIONS}", self.path, encoded(&partition));
            self.slice = Some(List::new(self.surface, path));
        }
    }
}

fn exported(slice: &Slice) -> anyhow::Result<Bytes> {
    let mut page = Vec::new();
    for row in &slice.rows {
        let exported = Exported {
            partition: &slice.partition,
            row: &row.row,
            versions: &row.cells,
        };
        serde_json::to_writer(&mut page, &exported)?;
        page.push(b'\n');
    }
    Ok(page.into())
}

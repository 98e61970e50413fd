//! Wide-column: rows of cells, sorted within partitions, cells versioned by time.

use crate::address;
use crate::answer::Answer;
use crate::call::{Call, Request};
use crate::client::Client;
use crate::error::Result;
use crate::page::{self, Page};
use futures_util::Stream;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A table of partitions.
#[derive(Clone, Debug)]
pub struct WideTable {
    client: Client,
    name: String,
}

/// A partition: rows in the order of their keys' bytes.
#[derive(Clone, Debug)]
pub struct Partition {
    client: Client,
    table: String,
    partition: String,
}

/// A row: its cells by `family:qualifier`, each with its newest value; asked for with several
/// versions, each is an array of `{at, value}`, newest first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct WideRow {
    /// Its key.
    pub row: String,
    /// Its cells.
    pub cells: BTreeMap<String, Value>,
}

/// Cells that were put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellsStored(());

/// Rows of a partition, from one key to another.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until page or stream is called and awaited"]
pub struct Slice {
    partition: Partition,
    params: Vec<(&'static str, String)>,
    cursor: Option<String>,
}

/// The keys of a table's partitions.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until page or stream is called and awaited"]
pub struct Partitions {
    table: WideTable,
    limit: Option<u64>,
    cursor: Option<String>,
}

impl Client {
    /// A wide-column table.
    pub fn wide(&self, table: &str) -> WideTable {
        WideTable {
            client: self.clone(),
            name: table.to_owned(),
        }
    }
}

impl WideTable {
    /// A partition of it.
    pub fn partition(&self, partition: &str) -> Partition {
        Partition {
            client: self.client.clone(),
            table: self.name.clone(),
            partition: partition.to_owned(),
        }
    }

    /// The keys of its partitions, by their bytes.
    pub fn partitions(&self) -> Partitions {
        Partitions {
            table: self.clone(),
            limit: None,
            cursor: None,
        }
    }

    /// Several operations at once, in the form that the API documents.
    pub fn batch<T: Serialize + ?Sized>(&self, operations: &T) -> Call<Vec<Value>> {
        let path = address::path("wide", &[&self.name, "batch"]);
        let request = Request::new(Method::POST, path).json(operations);
        Call::new(&self.client, request, |answer| answer.success()?.json())
    }
}

impl Partition {
    /// Puts cells into a row: an object of `family:qualifier` and value. [`Call::at`] and
    /// [`Call::ttl`] say more.
    pub fn put<T: Serialize + ?Sized>(&self, row: &str, cells: &T) -> Call<CellsStored> {
        let request = Request::new(Method::PUT, self.path(&[row])).json(cells);
        Call::new(&self.client, request, |answer| {
            answer.success().map(|_| CellsStored(()))
        })
    }

    /// A row. [`Call::columns`] and [`Call::versions`] say what of it.
    pub fn get(&self, row: &str) -> Call<Option<WideRow>> {
        let request = Request::get(self.path(&[row]));
        Call::new(&self.client, Ok(request), |answer| {
            match answer.found()? {
                Some(answer) => answer.json().map(Some),
                None => Ok(None),
            }
        })
    }

    /// Deletes a row; whether it was there.
    pub fn delete(&self, row: &str) -> Call<bool> {
        self.deleted(Request::new(Method::DELETE, self.path(&[row])))
    }

    /// Deletes some columns of a row: `obs:temp`, `wind:*`; whether one was there.
    pub fn delete_columns(&self, row: &str, columns: &[&str]) -> Call<bool> {
        let request = Request::new(Method::DELETE, self.path(&[row]));
        self.deleted(request.param("columns", Some(address::list(columns))))
    }

    /// Rows, in their order.
    pub fn slice(&self) -> Slice {
        Slice {
            partition: self.clone(),
            params: Vec::new(),
            cursor: None,
        }
    }

    fn deleted(&self, request: Request) -> Call<bool> {
        Call::new(&self.client, Ok(request), |answer: Answer| {
            Ok(answer.found()?.is_some())
        })
    }

    fn path(&self, rest: &[&str]) -> String {
        let mut segments = vec![self.table.as_str(), self.partition.as_str()];
        segments.extend_from_slice(rest);
        address::path("wide", &segments)
    }
}

impl Partitions {
    /// So many in a page.
    pub fn limit(mut self, partitions: u64) -> Partitions {
        self.limit = Some(partitions);
        self
    }

    /// Goes on where a page ended.
    pub fn after(mut self, cursor: impl Into<String>) -> Partitions {
        self.cursor = Some(cursor.into());
        self
    }

    /// One page.
    pub fn page(self) -> Call<Page<String>> {
        #[derive(Deserialize)]
        struct List {
            partitions: Vec<String>,
        }
        let request = Request::get(address::path("wide", &[&self.table.name]))
            .param("limit", self.limit)
            .param("cursor", self.cursor.as_deref());
        Call::new(&self.table.client, Ok(request), |answer| {
            Page::read(answer, |list: List| list.partitions)
        })
    }

    /// All of them, page by page.
    pub fn stream(self) -> impl Stream<Item = Result<String>> + Send {
        page::stream(move |cursor| match cursor {
            Some(cursor) => self.clone().after(cursor).page(),
            None => self.clone().page(),
        })
    }
}

impl Call<CellsStored> {
    /// The cells' time: RFC 3339, or microseconds since 1970. Now, unless said otherwise.
    pub fn at(self, time: &str) -> Call<CellsStored> {
        self.param("at", time)
    }

    /// They run out after this time.
    pub fn ttl(self, time: Duration) -> Call<CellsStored> {
        self.param("ttl", address::span(time))
    }
}

impl Call<Option<WideRow>> {
    /// Only these columns: `temp`, `wind:*`, `obs:temp`.
    pub fn columns(self, columns: &[&str]) -> Call<Option<WideRow>> {
        self.param("columns", address::list(columns))
    }

    /// So many versions of each cell.
    pub fn versions(self, versions: u32) -> Call<Option<WideRow>> {
        self.param("versions", versions)
    }
}

impl Slice {
    /// From this row on, with it.
    pub fn from(self, row: &str) -> Slice {
        self.with("from", row.to_owned())
    }

    /// Up to this row, without it.
    pub fn to(self, row: &str) -> Slice {
        self.with("to", row.to_owned())
    }

    /// The same rows from the other end.
    pub fn reverse(self) -> Slice {
        self.with("reverse", "true".to_owned())
    }

    /// So many rows in a page.
    pub fn limit(self, rows: u64) -> Slice {
        self.with("limit", rows.to_string())
    }

    /// Only these columns: `temp`, `wind:*`.
    pub fn columns(self, columns: &[&str]) -> Slice {
        self.with("columns", address::list(columns))
    }

    /// So many versions of each cell.
    pub fn versions(self, versions: u32) -> Slice {
        self.with("versions", versions.to_string())
    }

    /// Goes on where a page ended.
    pub fn after(mut self, cursor: impl Into<String>) -> Slice {
        self.cursor = Some(cursor.into());
        self
    }

    /// One page.
    pub fn page(self) -> Call<Page<WideRow>> {
        #[derive(Deserialize)]
        struct List {
            rows: Vec<WideRow>,
        }
        let mut request = Request::get(self.partition.path(&[]));
        for (name, value) in &self.params {
            request = request.param(name, Some(value));
        }
        let request = request.param("cursor", self.cursor.as_deref());
        Call::new(&self.partition.client, Ok(request), |answer| {
            Page::read(answer, |list: List| list.rows)
        })
    }

    /// All of them, page by page.
    pub fn stream(self) -> impl Stream<Item = Result<WideRow>> + Send {
        page::stream(move |cursor| match cursor {
            Some(cursor) => self.clone().after(cursor).page(),
            None => self.clone().page(),
        })
    }

    fn with(mut self, name: &'static str, value: String) -> Slice {
        self.params.retain(|(known, _)| *known != name);
        self.params.push((name, value));
        self
    }
}

//! What a collection is warmed by: a list as a client asks for it, and then each of its entries by
//! its key.
//!
//! | collection | the query is that of | and then |
//! |---|---|---|
//! | `rest/TABLE` | `GET /rest/v1/TABLE?…` | `?select=…&id=eq.…`, with the query's own `select` |
//! | `docs/NAME` | `GET /docs/v1/NAME?…` | `/docs/v1/NAME/{id}` |
//! | `kv/SPACE` | `GET /kv/v1/SPACE?…` | `/kv/v1/SPACE/{key}` |
//! | `wide/TABLE` | `GET /wide/v1/TABLE/{partition}?…`, the partition as `partition=` | `/wide/v1/TABLE/{partition}/{row}` |
//! | `graph/NAME` | `GET /graph/v1/NAME/nodes?…` | `/graph/v1/NAME/nodes/{id}` |
//!
//! What is asked is planned as for a request, and so lies under the keys that requests look for.

#[cfg(test)]
mod tests;

use crate::docs;
use crate::error::ApiError;
use crate::kv;
use crate::params::{Params, malformed};
use crate::rest::grammar::query;
use crate::wide;
use http::Uri;
use pando_model::error::Refusal;
use pando_store::Store;
use pando_store::docs::DocumentKey;
use pando_store::error::StoreError;
use pando_store::graph::NodeKey;
use pando_store::kv::{Key, KeyRange};
use pando_store::operation::Operation;
use pando_store::request::{Field, Query, SelectItem, Shape, TableRead};
use pando_store::session::Session;
use pando_store::tables::HotRows;
use pando_store::wide::{Partition, RowKey, RowRange, Wanted};
use serde::Deserialize;
use std::sync::Arc;

/// What a collection is warmed by, read.
#[derive(Clone, Debug)]
pub struct WarmQuery(Asked);

#[derive(Clone, Debug)]
enum Asked {
    Table(TableRead),
    Documents {
        collection: String,
        query: Query,
        search: Option<String>,
    },
    Values {
        space: String,
        range: KeyRange,
    },
    Rows {
        partition: Partition,
        range: RowRange,
        wanted: Wanted,
    },
    Nodes {
        graph: String,
        limit: Option<u64>,
    },
}

/// The entries of a list, page by page.
pub struct HotList {
    store: Arc<Store>,
    query: WarmQuery,
    hot: Option<Arc<HotRows>>,
    /// Behind which page, and how many are left; `None` behind the last one.
    place: Option<(Option<String>, u64)>,
}

/// An entry, to be asked for by its key.
#[derive(Clone, Debug)]
pub struct HotKey(Question);

#[derive(Clone, Debug)]
enum Question {
    Row(Arc<HotRows>, Vec<String>),
    Document(DocumentKey),
    Value(Key),
    WideRow(RowKey, Wanted),
    Node(NodeKey),
}

/// Reads a query string as that of a read of a table.
pub fn table_read(table: &str, query: &str) -> Result<TableRead, Refusal> {
    let uri = uri_of(query)?;
    let parsed = query::parse(uri.query().unwrap_or_default())?;
    for (name, is_given) in [
        ("columns", parsed.columns.is_some()),
        ("on_conflict", parsed.on_conflict.is_some()),
    ] {
        if is_given {
            let message = format!("{name} is a parameter of writes");
            return Err(Refusal::new("PGRST100", message));
        }
    }
    Ok(TableRead {
        table: table.to_owned(),
        query: parsed.query,
        count: None,
        shape: Shape::Array,
    })
}

/// A query string, as it stands in a request.
fn uri_of(query: &str) -> Result<Uri, Refusal> {
    format!("/?{query}").parse().map_err(|error| {
        let message = format!("{query:?} is not a query string: {error}");
        Refusal::new("malformed", message)
            .hint("Percent-encode what is not ASCII, spaces and quotation marks.")
    })
}

impl WarmQuery {
    /// Reads a query of a collection, by the grammar alone.
    pub fn read(collection: &str, query: &str) -> Result<WarmQuery, ApiError> {
        let (surface, name) = collection.split_once('/').unwrap_or_default();
        let name = name.to_owned();
        let uri = uri_of(query)?;
        let asked = match surface {
            "rest" => Asked::Table(table_read(&name, query)?),
            "docs" => {
                let (query, search) = docs::list::asked(&uri)?;
                Asked::Documents {
                    collection: name,
                    query,
                    search,
                }
            }
            "kv" => Asked::Values {
                space: name,
                range: kv::range_of(&uri)?,
            },
            "wide" => rows_of(&name, &uri)?,
            "graph" => Asked::Nodes {
                graph: name,
                limit: Params::read(&uri, &["limit"])?.number("limit")?,
            },
            _ => return Err(malformed(format!("{collection} is no collection"))),
        };
        Ok(WarmQuery(asked))
    }

    /// Refuses what names something that the store has not.
    pub fn check(&self, store: &Store) -> Result<(), ApiError> {
        if let Asked::Table(read) = &self.0 {
            store.hot_rows(read)?;
            return Ok(());
        }
        self.listing(store, None, false).map(drop)
    }

    /// What it finds.
    pub fn list(self, store: Arc<Store>) -> HotList {
        let most = self.limit().unwrap_or(store.config().max_rows);
        HotList {
            store,
            query: self,
            hot: None,
            place: Some((None, most)),
        }
    }

    fn limit(&self) -> Option<u64> {
        match &self.0 {
            Asked::Table(TableRead { query, .. }) | Asked::Documents { query, .. } => {
                let root = query.ranges.iter().find(|(path, _)| path.is_empty());
                root.and_then(|(_, range)| range.limit)
            }
            Asked::Values { range, .. } => range.limit,
            Asked::Rows { range, .. } => range.limit,
            Asked::Nodes { limit, .. } => *limit,
        }
    }

    /// The list of what is no table's; as a client asks for it, or for its keys alone.
    fn listing(
        &self,
        store: &Store,
        cursor: Option<String>,
        as_asked: bool,
    ) -> Result<Operation<Page>, ApiError> {
        match &self.0 {
            Asked::Table(_) => Err(ApiError::no_such_path()),
            Asked::Documents {
                collection,
                query,
                search,
            } => documents(
                store,
                collection,
                query,
                search.as_deref(),
                cursor,
                as_asked,
            ),
            Asked::Values { space, range } => {
                let range = KeyRange {
                    cursor,
                    ..range.clone()
                };
                let space = space.clone();
                Ok(store.kv_list(&space, &range)?.map(move |list| {
                    let keys = list.keys.iter().map(|info| Key::new(&space, &info.key));
                    let keys = keys.map(|key| Ok(HotKey(Question::Value(key?))));
                    Ok((keys.collect::<Result<_, Refusal>>()?, list.cursor))
                }))
            }
            Asked::Rows {
                partition,
                range,
                wanted,
            } => {
                let range = RowRange {
                    cursor,
                    ..range.clone()
                };
                let (own, shown) = (partition.clone(), wanted.clone());
                let list = store.wide_slice(partition, &range, wanted)?;
                Ok(list.map(move |list| {
                    let rows = list.rows.iter().map(|row| {
                        let key = RowKey::new(own.table(), own.key(), &row.row)?;
                        Ok(HotKey(Question::WideRow(key, shown.clone())))
                    });
                    Ok((rows.collect::<Result<_, Refusal>>()?, list.cursor))
                }))
            }
            Asked::Nodes { graph, limit } => {
                let name = graph.clone();
                let list = store.graph_list_nodes(graph, *limit, cursor.as_deref())?;
                Ok(list.map(move |page| {
                    let nodes = page.items.iter().map(|node| {
                        let key = NodeKey::new(&name, &node.id)?;
                        Ok(HotKey(Question::Node(key)))
                    });
                    Ok((nodes.collect::<Result<_, Refusal>>()?, page.cursor))
                }))
            }
        }
    }
}

/// Entries, and where the next page begins.
type Page = (Vec<HotKey>, Option<String>);

fn rows_of(table: &str, uri: &Uri) -> Result<Asked, ApiError> {
    let known = [&wide::SLICE[..], &["partition"]].concat();
    let params = Params::read(uri, &known)?;
    let partition = params.text("partition").ok_or_else(|| {
        malformed("rows of wide-column lie in partitions, and none is named")
            .hint("Say partition=NAME, and what else a slice of it is asked by.")
    })?;
    let (range, wanted) = wide::slice_of(&params)?;
    Ok(Asked::Rows {
        partition: Partition::new(table, partition)?,
        range,
        wanted,
    })
}

fn documents(
    store: &Store,
    collection: &str,
    query: &Query,
    search: Option<&str>,
    cursor: Option<String>,
    as_asked: bool,
) -> Result<Operation<Page>, ApiError> {
    #[derive(Deserialize)]
    struct Named {
        _id: String,
    }
    let mut query = query.clone();
    if !as_asked {
        let id = Field {
            name: "_id".to_owned(),
            path: Vec::new(),
            as_text: false,
        };
        query.select = vec![SelectItem::Field {
            alias: None,
            field: Some(id),
            cast: None,
            aggregate: None,
            aggregate_cast: None,
        }];
    }
    query.cursor = cursor;
    let list = match search {
        Some(words) => store.docs_search(collection, words, &query),
        None => store.docs_list(collection, &query),
    };
    let own = collection.to_owned();
    Ok(list.map_err(ApiError::of_question)?.map(move |list| {
        if as_asked {
            return Ok((Vec::new(), None));
        }
        let named: Vec<Named> = serde_json::from_str(&list.json)
            .map_err(|error| Refusal::new("XX000", format!("a list cannot be read: {error}")))?;
        let keys = named.iter().map(|named| {
            let key = DocumentKey::new(&own, &named._id)?;
            Ok(HotKey(Question::Document(key)))
        });
        Ok((keys.collect::<Result<_, Refusal>>()?, list.cursor))
    }))
}

impl HotList {
    /// The next page; `None` behind the last. The first is asked for as a client does, too: the
    /// list is likely to be wanted itself.
    pub async fn next(&mut self) -> Result<Option<Vec<HotKey>>, ApiError> {
        let Some((cursor, left)) = self.place.take().filter(|(_, left)| *left > 0) else {
            return Ok(None);
        };
        let (mut keys, next) = match &self.query.0 {
            Asked::Table(read) => self.rows(read.clone(), cursor).await?,
            _ => self.others(cursor).await?,
        };
        keys.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.place = next.map(|cursor| (Some(cursor), left - keys.len() as u64));
        Ok(Some(keys))
    }

    async fn rows(&mut self, read: TableRead, cursor: Option<String>) -> Result<Page, ApiError> {
        let store = &self.store;
        let hot = match &self.hot {
            Some(hot) => Arc::clone(hot),
            None => {
                let hot = Arc::new(store.hot_rows(&read)?);
                store.read_table(&read, &Session::default()).await?;
                self.hot = Some(Arc::clone(&hot));
                hot
            }
        };
        let (keys, next) = store.hot_keys(&hot, cursor).await?;
        let keys = keys.into_iter();
        let keys = keys.map(|key| HotKey(Question::Row(Arc::clone(&hot), key)));
        Ok((keys.collect(), next))
    }

    async fn others(&mut self, cursor: Option<String>) -> Result<Page, ApiError> {
        let (store, none) = (&*self.store, Session::default());
        if cursor.is_none() && matches!(self.query.0, Asked::Documents { .. }) {
            let first = self.query.listing(store, None, true)?;
            store.answer(&first, &none).await?;
        }
        // A client asks for the first page as it is, but for that of documents; no cache keeps
        // what nobody else asks for.
        let is_clients = cursor.is_none() && !matches!(self.query.0, Asked::Documents { .. });
        let list = self.query.listing(store, cursor, false)?;
        let list = match is_clients {
            true => list,
            false => list.past_caches(),
        };
        Ok(store.answer(&list, &none).await?.0)
    }
}

impl HotKey {
    /// Asks for it.
    pub async fn ask(self, store: &Store) -> Result<(), ApiError> {
        let none = Session::default();
        let asked: Result<(), StoreError> = match self.0 {
            Question::Row(hot, key) => {
                let one = hot.one(&key);
                store.read_table(&one, &none).await.map(drop)
            }
            Question::Document(key) => store.answer(&store.docs_get(&key), &none).await.map(drop),
            Question::Value(key) => store.answer(&store.kv_get(&key), &none).await.map(drop),
            Question::WideRow(row, wanted) => {
                let get = store.wide_get(&row, &wanted)?;
                store.answer(&get, &none).await.map(drop)
            }
            Question::Node(key) => store.answer(&store.graph_node(&key), &none).await.map(drop),
        };
        Ok(asked?)
    }
}

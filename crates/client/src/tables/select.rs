//! Reads of rows, and of documents, which are asked for in the same grammar.

use super::filter::{Filter, Ordering};
use crate::address::push_param;
use crate::answer::Answer;
use crate::call::{Call, Request};
use crate::client::Client;
use crate::error::Result;
use crate::page::{self, Page};
use crate::session::Consistency;
use futures_util::Stream;
use http::header::{ACCEPT, HeaderName};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// One row as an object, and 406 if there is not exactly one.
const OBJECT: &str = "application/vnd.pgrst.object+json";

/// Rows of a table.
#[derive(Clone, Copy, Debug)]
pub enum Rows {}

/// Documents of a collection.
#[derive(Clone, Copy, Debug)]
pub enum Documents {}

/// What is read of a list.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until rows, page, first, … is called and awaited"]
pub struct Select<K> {
    client: Client,
    path: String,
    params: Vec<(String, String)>,
    limit: Option<u64>,
    offset: Option<u64>,
    cursor: Option<String>,
    consistency: Option<Consistency>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Select<K> {
    pub(crate) fn new(client: &Client, path: String) -> Select<K> {
        Select {
            client: client.clone(),
            path,
            params: Vec::new(),
            limit: None,
            offset: None,
            cursor: None,
            consistency: None,
            kind: PhantomData,
        }
    }

    /// What of each is answered, in PostgREST's grammar.
    pub fn select(self, columns: &str) -> Select<K> {
        self.with("select", columns)
    }

    /// Only where this holds; several filters must all hold.
    pub fn filter(mut self, filter: Filter) -> Select<K> {
        self.params.push(filter.param());
        self
    }

    /// In this order. Every order ends with the key, so that pages do not overlap.
    pub fn order(self, by: impl IntoIterator<Item = Ordering>) -> Select<K> {
        let by: Vec<String> = by.into_iter().map(|one| one.text().to_owned()).collect();
        self.with("order", &by.join(","))
    }

    /// So many at most; in pages and streams, so many in a page.
    pub fn limit(mut self, rows: u64) -> Select<K> {
        self.limit = Some(rows);
        self
    }

    /// Passes so many over. For the next page a cursor is better: it costs nothing.
    pub fn offset(mut self, rows: u64) -> Select<K> {
        self.offset = Some(rows);
        self
    }

    /// Goes on where a page ended: at its [`Page::cursor`].
    pub fn after(mut self, cursor: impl Into<String>) -> Select<K> {
        self.cursor = Some(cursor.into());
        self
    }

    /// How fresh the answer has to be.
    pub fn consistency(mut self, consistency: Consistency) -> Select<K> {
        self.consistency = Some(consistency);
        self
    }

    /// All of them, up to the server's `max_rows`; [`Call::detailed`] tells if that cut the list.
    pub fn rows<T: DeserializeOwned + 'static>(self) -> Call<Vec<T>> {
        let request = self.request(Method::GET);
        self.call(request, |answer| answer.success()?.json())
    }

    /// One page.
    pub fn page<T: DeserializeOwned + 'static>(self) -> Call<Page<T>> {
        let request = self.request(Method::GET);
        self.call(request, |answer| Page::read(answer, |items| items))
    }

    /// All of them, however many, page by page.
    pub fn stream<T>(self) -> impl Stream<Item = Result<T>> + Send
    where
        T: DeserializeOwned + Send + 'static,
        K: 'static,
    {
        page::stream(move |cursor| {
            let mut select = self.again();
            if let Some(cursor) = cursor {
                select.cursor = Some(cursor.to_owned());
            }
            select.page()
        })
    }

    /// The first one, if there is one.
    pub fn first<T: DeserializeOwned + 'static>(self) -> Call<Option<T>> {
        let select = self.limit(1);
        let request = select.request(Method::GET);
        select.call(request, |answer| {
            let rows: Vec<T> = answer.success()?.json()?;
            Ok(rows.into_iter().next())
        })
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Select<K> {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    fn again(&self) -> Select<K> {
        Select {
            client: self.client.clone(),
            path: self.path.clone(),
            params: self.params.clone(),
            limit: self.limit,
            offset: self.offset,
            cursor: self.cursor.clone(),
            consistency: self.consistency,
            kind: PhantomData,
        }
    }

    fn request(&self, method: Method) -> Request {
        let mut path = self.path.clone();
        for (name, value) in &self.params {
            push_param(&mut path, name, value);
        }
        // Where a cursor goes on nothing is passed over again.
        let offset = self.offset.filter(|_| self.cursor.is_none());
        Request::new(method, path)
            .param("limit", self.limit)
            .param("offset", offset)
            .param("cursor", self.cursor.as_deref())
    }

    fn call<T: 'static>(
        &self,
        request: Request,
        read: impl FnOnce(Answer) -> Result<T> + Send + 'static,
    ) -> Call<T> {
        let call = Call::new(&self.client, Ok(request), read);
        match self.consistency {
            Some(consistency) => call.consistency(consistency),
            None => call,
        }
    }
}

impl Select<Rows> {
    /// The one row that there is; an error with code `PGRST116` if it is not exactly one.
    pub fn single<T: DeserializeOwned + 'static>(self) -> Call<T> {
        let request = self.request(Method::GET).with(ACCEPT, OBJECT);
        self.call(request, |answer| answer.success()?.json())
    }

    /// How many there are.
    pub fn count(self) -> Call<u64> {
        let request = self.request(Method::HEAD).with(PREFER, "count=exact");
        self.call(request, |answer| match answer.status {
            // The body of an answer to HEAD is not there to be read.
            StatusCode::NOT_FOUND => Err(crate::Error::answered(&answer)),
            _ => answer.success()?.total(),
        })
    }

    /// The rows as CSV, with a line of names.
    pub fn csv(self) -> Call<Answer> {
        let request = self.request(Method::GET).with(ACCEPT, "text/csv");
        self.call(request, Answer::success)
    }
}

impl Select<Documents> {
    /// Only those that hold one of the words in a declared path, the best first.
    pub fn search(self, words: &str) -> Select<Documents> {
        self.with("search", words)
    }
}

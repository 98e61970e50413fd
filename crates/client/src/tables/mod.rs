//! Tables: rows in and out by PostgREST's grammar.

mod change;
mod filter;
mod select;

pub use change::Change;
pub use filter::{Column, Filter, Literal, Ordering, all, any, column, quoted};
pub use select::{Documents, Rows, Select};

use crate::address;
use crate::client::Client;
use http::Method;
use serde::Serialize;

/// A table.
///
/// ```no_run
/// use pando_client::{Client, column};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Film { id: i64, title: String, year: i32 }
///
/// # async fn example() -> pando_client::Result<()> {
/// let films = Client::new("http://127.0.0.1:8080")?.table("films");
/// films.insert(&[Film { id: 1, title: "괴물".into(), year: 2006 }]).rows_changed().await?;
/// let old: Vec<Film> = films
///     .select("*")
///     .filter(column("year").lt(2010))
///     .order([column("year").descending()])
///     .rows()
///     .await?;
/// # let _ = old; Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    path: String,
}

impl Client {
    /// A table of the schema.
    pub fn table(&self, name: &str) -> Table {
        Table {
            client: self.clone(),
            path: address::path("rest", &[name]),
        }
    }
}

impl Table {
    /// Reads rows. `columns` is `select=` in PostgREST's grammar: `*`, `id,name`,
    /// `id,reviews(stars)`; names from elsewhere go through [`quoted`].
    pub fn select(&self, columns: &str) -> Select<Rows> {
        Select::new(&self.client, self.path.clone()).select(columns)
    }

    /// Inserts what serializes as an object, or as an array of objects.
    pub fn insert<T: Serialize + ?Sized>(&self, rows: &T) -> Change {
        Change::new(&self.client, Method::POST, &self.path).rows(rows)
    }

    /// Inserts rows, or replaces what they name of those that are there already.
    pub fn upsert<T: Serialize + ?Sized>(&self, rows: &T) -> Change {
        self.insert(rows).prefer("resolution=merge-duplicates")
    }

    /// Sets what `changes`, an object, names, in all rows that the filters find.
    pub fn update<T: Serialize + ?Sized>(&self, changes: &T) -> Change {
        Change::new(&self.client, Method::PATCH, &self.path).rows(changes)
    }

    /// Deletes all rows that the filters find.
    pub fn delete(&self) -> Change {
        Change::new(&self.client, Method::DELETE, &self.path)
    }
}

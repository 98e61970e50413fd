//! The engine's part of `pando adopt`: looking at a database, and serving it.

use anyhow::Context as _;
use pando_engine_postgres::adopt as postgres;
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::clock::SystemClock;
use pando_model::found::{Finding, FoundDatabase, FoundTable};
use pando_store::adopt::Judged;
use pando_store::{Store, StoreConfig};
use std::path::Path;
use std::sync::Arc;

/// Where the database is, and which schema of it.
pub struct Found {
    config: PostgresConfig,
    schema: String,
}

impl Found {
    /// The settings; nothing is connected yet.
    pub fn at(
        url: &str,
        schema: &str,
        password_file: Option<&Path>,
        ca_file: Option<&Path>,
    ) -> Found {
        let mut config = PostgresConfig::new(url_of(url, schema));
        config.password_file = password_file.map(Path::to_owned);
        config.ca_file = ca_file.map(Path::to_owned);
        Found {
            config,
            schema: schema.to_owned(),
        }
    }

    /// The url that leads to the schema.
    pub fn url(&self) -> &str {
        &self.config.url
    }

    /// Looks at it; nothing is written.
    pub async fn inspect(&self) -> anyhow::Result<FoundDatabase> {
        Ok(postgres::inspect(&self.config, &self.schema).await?)
    }

    /// Reads all rows of a table, for values that Pando does not have.
    pub async fn check_rows(
        &self,
        table: &FoundTable,
        progress: impl Fn(u64) + Send + 'static,
    ) -> anyhow::Result<Vec<Finding>> {
        Ok(postgres::check_rows(&self.config, table, progress).await?)
    }

    /// Makes it a store that serves what fits; gives the schema's version.
    pub async fn adopt(&self, judged: &Judged) -> anyhow::Result<u64> {
        let engine = PostgresEngine::open(self.config.clone())
            .await
            .map_err(super::postgres::not_opened)?;
        let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default())
            .await
            .context("cannot open the store")?;
        let adopted = store.adopt(judged).await;
        store.close().await?;
        Ok(adopted?)
    }

    /// Takes Pando's own tables out; gives the tables that it had made besides, which stay.
    pub async fn forget(&self) -> anyhow::Result<Vec<String>> {
        Ok(postgres::forget(&self.config).await?)
    }
}

/// A schema of another name is found by the search path, which belongs to the url.
fn url_of(url: &str, schema: &str) -> String {
    if schema == "public" {
        return url.to_owned();
    }
    let mut path = String::new();
    for byte in format!("\"{}\"", schema.replace('"', "\"\"")).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => path.push(char::from(byte)),
            // A space ends an option, unless a backslash stands before it.
            b' ' => path.push_str("%5C%20"),
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}options=-csearch_path%3D{path}")
}

#[cfg(test)]
mod tests {
    use super::url_of;

    #[test]
    fn a_schema_is_part_of_the_url() {
        let url = "postgres://a@b/c";
        for (schema, expected) in [
            ("public", "postgres://a@b/c"),
            (
                "shop",
                "postgres://a@b/c?options=-csearch_path%3D%22shop%22",
            ),
            (
                "My shop",
                "postgres://a@b/c?options=-csearch_path%3D%22My%5C%20shop%22",
            ),
        ] {
            assert_eq!(url_of(url, schema), expected);
        }
    }
}

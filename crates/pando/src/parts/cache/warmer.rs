//! Warming: what the web tier reads of a query, asked as the cache tier has room for it.

use async_trait::async_trait;
use pando_cache::{Hot, Question, WarmError, Warmer};
use pando_store::Store;
use pando_web::{ApiError, HotKey, HotList, WarmQuery};
use std::sync::Arc;

struct ByQuery(Arc<Store>);

struct Entries {
    store: Arc<Store>,
    list: HotList,
}

/// Somebody who knows what queries of collections find in a store.
pub(super) fn new(store: Arc<Store>) -> Arc<dyn Warmer> {
    Arc::new(ByQuery(store))
}

impl Warmer for ByQuery {
    fn begin(&self, collection: &str, query: &str) -> Result<Box<dyn Hot>, WarmError> {
        let query = WarmQuery::read(collection, query).map_err(|error| failed(&error))?;
        let store = Arc::clone(&self.0);
        let list = query.list(Arc::clone(&store));
        Ok(Box::new(Entries { store, list }))
    }
}

#[async_trait]
impl Hot for Entries {
    async fn next(&mut self) -> Result<Option<Vec<Question>>, WarmError> {
        let page = self.list.next().await.map_err(|error| failed(&error))?;
        let question = |key: HotKey| -> Question {
            let store = Arc::clone(&self.store);
            Box::new(move || {
                Box::pin(async move { key.ask(&store).await.map_err(|error| failed(&error)) })
            })
        };
        Ok(page.map(|keys| keys.into_iter().map(question).collect()))
    }
}

fn failed(error: &ApiError) -> WarmError {
    WarmError {
        reason: error.told(),
        is_refused: error.is_callers(),
    }
}

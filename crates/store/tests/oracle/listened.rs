//! A store with a listener that hears of everything before commits, and lets it go; what it was asked
//! is what the feed says was committed.

use async_trait::async_trait;
use pando_model::engine::FeedCursor;
use pando_queue::listeners::{
    Asked, Change, Listener, Listeners, Pattern, Phase, Registered, Verdict,
};
use pando_store::Store;
use pando_store::listening::committed_of;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NAME: &str = "ear";

/// See the module.
pub struct Heard {
    ear: Arc<Ear>,
    cursor: FeedCursor,
}

#[derive(Default)]
struct Ear(Mutex<Vec<Change>>);

#[async_trait]
impl Listener for Ear {
    async fn before_commit(&self, asked: &Asked) -> Verdict {
        self.0.lock().unwrap().extend(asked.changes.iter().cloned());
        Verdict::Go
    }

    fn describe(&self) -> String {
        NAME.to_owned()
    }
}

fn everything() -> Vec<Pattern> {
    let all = Pattern::SURFACES.into_iter();
    all.map(|surface| format!("{surface}/*").parse().unwrap())
        .collect()
}

impl Heard {
    /// Has a store heard of from now on.
    pub async fn of(store: &Arc<Store>) -> Heard {
        let ear = Arc::new(Ear::default());
        store.use_listeners(Arc::new(Listeners::new(vec![Registered {
            name: NAME.to_owned(),
            phase: Phase::BeforeCommit,
            on: everything(),
            timeout: Duration::from_secs(10),
            goes_on: false,
            listener: Arc::clone(&ear) as _,
        }])));
        let cursor = store.engine().follow(NAME).await.unwrap();
        Heard { ear, cursor }
    }

    /// What was asked and what was committed since the last time, each in words and sorted.
    pub async fn since(&mut self, store: &Store) -> [Vec<String>; 2] {
        let asked = std::mem::take(&mut *self.ear.0.lock().unwrap());
        let mut asked: Vec<String> = asked.iter().map(in_words).collect();
        let schema = store.schema();
        let mut committed = Vec::new();
        loop {
            let page = store.engine().fetch_feed(self.cursor, 1_000).await.unwrap();
            if page.events.is_empty() {
                break;
            }
            self.cursor = page.next;
            let each = page.events.iter();
            let each = each.filter_map(|event| committed_of(&schema, event));
            committed.extend(each.map(|one| in_words(&one.change)));
        }
        asked.sort();
        committed.sort();
        [asked, committed]
    }
}

fn in_words(change: &Change) -> String {
    let (collection, kind, key) = (&change.collection, change.kind.name(), &change.key);
    format!("{collection} {kind} {key}")
}

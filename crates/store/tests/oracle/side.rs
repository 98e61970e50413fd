//! One of the two stores, what its caller remembers of it, and what it answers.

use crate::docs;
use crate::draw::{Cursor, KEPT, When};
use crate::event::{Event, Verb};
use crate::listened::Heard;
use crate::tables;
use pando_cache::{Config, Rule, SeededRandom, Strategy, Tier};
use pando_model::clock::ManualClock;
use pando_model::engine::Engine;
use pando_store::config::Family;
use pando_store::error::StoreError;
use pando_store::operation::Operation;
use pando_store::precondition::{Precondition, Versions};
use pando_store::request::Idempotency;
use pando_store::session::{Session, Stamped};
use pando_store::{Store, StoreConfig};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Documents of so many bytes are refused.
pub const DOCUMENT_BYTES_MAX: usize = 400;

pub struct Side {
    pub store: Arc<Store>,
    pub name: &'static str,
    /// Whether a space is written behind here.
    pub is_behind: bool,
    /// Whether one is, here or on the other side.
    compared_with_behind: bool,
    seen: Arc<Mutex<Seen>>,
    /// What its caller has written and seen.
    session: Mutex<Session>,
    /// Who hears of it.
    heard: Option<tokio::sync::Mutex<Heard>>,
}

/// What a caller remembers.
#[derive(Default)]
struct Seen {
    versions: HashMap<String, i64>,
    cursors: [Option<String>; KEPT],
}

/// Notes what an answer shows.
#[derive(Clone)]
pub struct Notes(Arc<Mutex<Seen>>);

impl Notes {
    /// The version of a thing.
    pub fn version(&self, of: &str, version: i64) {
        let mut seen = self.0.lock().unwrap();
        seen.versions.insert(of.to_owned(), version);
    }

    /// The cursor of a page; in words, whether there is one: their bytes are drawn.
    pub fn cursor(&self, keep: usize, cursor: Option<String>) -> &'static str {
        let more = if cursor.is_some() { "more" } else { "end" };
        self.0.lock().unwrap().cursors[keep] = cursor;
        more
    }
}

impl Side {
    /// Lists hold four; of `weather` the family `obs` keeps three versions, and `live` a cell
    /// for a second.
    pub async fn open(engine: Arc<dyn Engine>, clock: &Arc<ManualClock>) -> Side {
        let name = engine.info().name;
        let family = |name: &str, versions, ttl: Option<u64>| {
            let ttl = ttl.map(Duration::from_secs);
            let key = ("weather".to_owned(), name.to_owned());
            (key, Family { ttl, versions })
        };
        let config = StoreConfig {
            max_rows: 4,
            max_filters: 6,
            document_bytes_max: DOCUMENT_BYTES_MAX,
            receipt_ttl: Duration::from_millis(1),
            graph_max_visited: 40,
            families: [family("obs", 3, None), family("live", 1, Some(1))].into(),
            ..StoreConfig::default()
        };
        let store = Store::open(engine, Arc::clone(clock) as _, config)
            .await
            .unwrap();
        store.migrate(&[tables::migration()]).await.unwrap();
        Side {
            store,
            name,
            is_behind: false,
            compared_with_behind: false,
            seen: Arc::default(),
            session: Mutex::default(),
            heard: None,
        }
    }

    /// The same, with caches in front of the engine, of everything that is asked for.
    pub async fn cached(engine: Arc<dyn Engine>, clock: &Arc<ManualClock>) -> Side {
        let tier = Tier::new(
            engine,
            Arc::clone(clock) as _,
            Arc::new(SeededRandom::new(1)),
        )
        .unwrap();
        let names = [
            "docs/c",
            "docs/d",
            "graph/g",
            "kv/s",
            "kv/S",
            "kv/s\u{1}",
            "rest/items",
            "wide/weather",
            "wide/plain",
        ];
        let config = Config {
            ttl: None,
            ..Config::default()
        };
        let rule = Rule::new(Strategy::ReadThrough, config).unwrap();
        let rules = names.map(|name| (name.to_owned(), rule.clone()));
        tier.apply(rules.into()).unwrap();
        let mut side = Side::open(Arc::clone(&tier) as _, clock).await;
        side.name = "cached";
        side
    }

    /// The same as this one, to be compared with one that is written behind.
    pub fn beside_behind(mut self) -> Side {
        self.compared_with_behind = true;
        self
    }

    /// The same as this one, with a space that is written behind.
    pub async fn behind(mut self) -> Side {
        let spaces = [crate::kv::BEHIND.to_owned()].into();
        self.store.write_behind(&spaces).await.unwrap();
        self.name = "behind";
        self.is_behind = true;
        self.beside_behind()
    }

    /// The same as this one, with listeners.
    pub async fn listened(mut self) -> Side {
        self.heard = Some(tokio::sync::Mutex::new(Heard::of(&self.store).await));
        self.name = "listened to";
        self
    }

    /// What listeners were asked about an event, and told of it.
    pub async fn heard(&self, event: &Event) -> [Vec<String>; 2] {
        let Some(heard) = &self.heard else {
            return Default::default();
        };
        let since = heard.lock().await.since(&self.store).await;
        match event {
            // Nobody is asked about what has run out.
            Event::Sweep => Default::default(),
            _ => since,
        }
    }

    /// Whether a write is not told what was there before, where it is written behind.
    pub fn tells_less(&self, space: &str, when: When) -> bool {
        self.compared_with_behind && space == crate::kv::BEHIND && matches!(when, When::Always)
    }

    /// What its caller brings along now.
    fn session(&self) -> Session {
        self.session.lock().unwrap().clone()
    }

    /// The caller was handed a stamp.
    fn note(&self, stamped: Stamped) {
        let token = self.store.unseal(&self.store.seal(stamped.high)).unwrap();
        let mut session = self.session.lock().unwrap();
        match &mut session.token {
            Some(seen) => seen.merge(&token),
            None => session.token = Some(token),
        }
    }

    pub fn notes(&self) -> Notes {
        Notes(Arc::clone(&self.seen))
    }

    pub fn precondition(&self, when: When, of: &str) -> Precondition {
        let seen = self.seen.lock().unwrap().versions.get(of).copied();
        let listed = |version| Some(Versions::Listed(vec![None, version]));
        let (if_match, if_none_match) = match when {
            When::Always => (None, None),
            When::IfMatchAny => (Some(Versions::Any), None),
            When::IfMatchSeen => (listed(seen), None),
            When::IfMatchOther => (listed(Some(7)), None),
            When::IfNoneMatchAny => (None, Some(Versions::Any)),
            When::IfNoneMatchSeen => (None, listed(seen)),
        };
        Precondition {
            if_match,
            if_none_match,
        }
    }

    pub fn cursor(&self, cursor: Cursor) -> Option<String> {
        match cursor {
            Cursor::None => None,
            Cursor::Kept(place) => self.seen.lock().unwrap().cursors[place].clone(),
            Cursor::Garbage => Some("garbage".to_owned()),
        }
    }

    /// What comes of an event, in words.
    pub async fn answer(&self, event: &Event) -> String {
        // Caches follow in a task of their own.
        tokio::task::yield_now().await;
        if matches!(event, Event::Sweep | Event::Tend) {
            self.store.tend_journal().await.unwrap();
        }
        in_words(match event {
            Event::Alone(verb) => self.alone(verb, None).await,
            Event::Keyed(verb, key, request) => {
                let idempotency = Idempotency {
                    scope: [1; 16],
                    key: format!("key-{key}"),
                    request: [*request; 32],
                };
                self.alone(verb, Some(&idempotency)).await
            }
            Event::Together(verbs) => self.together(verbs).await,
            // The clock is both stores' and moved once.
            Event::Later(_) => Ok(String::new()),
            // An engine removes receipts with keyed writes too, as many as it likes.
            Event::Sweep => self
                .store
                .sweep()
                .await
                .map(|swept| swept.values.to_string()),
            Event::Declare(place, whole) => self.declare(*place, *whole).await,
            Event::Tend => self
                .store
                .tend_documents()
                .await
                .map(|more| more.to_string()),
        })
    }

    /// Everything that is there, in words, each table whole; and the engine finds no fault.
    pub async fn dump(&self) -> Vec<String> {
        let faults = self.store.engine().verify().await.unwrap();
        assert!(faults.is_empty(), "{}: {faults:?}", self.name);
        let faults = self.store.verify_graphs().await.unwrap();
        assert!(faults.is_empty(), "{}: {faults:?}", self.name);
        let mut found = Vec::new();
        for verb in Verb::whole() {
            found.push(in_words(self.alone(&verb, None).await));
        }
        found
    }

    async fn alone(&self, verb: &Verb, key: Option<&Idempotency>) -> Result<String, StoreError> {
        let operation = verb.planned(self).await?;
        if operation.writes() || key.is_some() {
            return self.carried_out(operation.as_write(), key).await;
        }
        let (answer, stamped) = self.store.answer(&operation, &self.session()).await?;
        self.note(stamped);
        Ok(answer)
    }

    async fn together(&self, verbs: &[Verb]) -> Result<String, StoreError> {
        let mut operations = Vec::with_capacity(verbs.len());
        for verb in verbs {
            operations.push(verb.planned(self).await?);
        }
        let at = Arc::new(Mutex::new(0));
        let told = Arc::clone(&at);
        let whole = Operation::all(operations, move |place| *told.lock().unwrap() = place);
        let done = self.carried_out(whole.map(|all| Ok(all.join("\n"))), None);
        match done.await {
            Err(StoreError::Refused(refusal)) => {
                Ok(format!("operation {}: {refusal:?}", at.lock().unwrap()))
            }
            other => other,
        }
    }

    async fn carried_out(
        &self,
        operation: Operation<String>,
        key: Option<&Idempotency>,
    ) -> Result<String, StoreError> {
        let operation = operation.map(|text| Ok(text.into_bytes()));
        let done = self
            .store
            .carry_out(&operation, key, &self.session())
            .await?;
        self.note(done.stamped);
        let answer = String::from_utf8(done.answer).unwrap();
        Ok(format!("{answer}, replayed {}", done.replayed))
    }

    async fn declare(&self, place: usize, whole: bool) -> Result<String, StoreError> {
        let wanted = BTreeMap::from([("c".to_owned(), docs::declared(place))]);
        self.store.declare_search(&wanted).await?;
        self.store.declare_indexes(&wanted).await?;
        while whole && self.store.tend_documents().await? {}
        Ok(String::new())
    }
}

/// A refusal to the byte; whatever else is no answer, is none that a test may pass over.
fn in_words(answer: Result<String, StoreError>) -> String {
    match answer {
        Ok(text) => text,
        Err(StoreError::Refused(refusal)) => format!("refused: {refusal:?}"),
        Err(StoreError::Engine(pando_model::error::EngineError::KeyReused)) => "key reused".into(),
        Err(other) => panic!("{other:?}"),
    }
}

//! What happens to both stores.

use crate::draw::Draw;
use crate::{docs, graph, kv, side::Side, tables, wide};
use pando_store::error::StoreError;
use pando_store::operation::Operation;

/// The models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    Kv,
    Docs,
    Wide,
    Graph,
    Tables,
}

/// One operation of a model.
#[derive(Clone, Debug)]
pub enum Verb {
    Kv(kv::Verb),
    Docs(Box<docs::Verb>),
    Wide(wide::Verb),
    Graph(graph::Verb),
    Tables(tables::Verb),
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// An operation by itself.
    Alone(Verb),
    /// A write under an idempotency key, as this request.
    Keyed(Verb, usize, u8),
    /// Several, all or none.
    Together(Vec<Verb>),
    /// Time passes: microseconds.
    Later(i64),
    /// What has run out is swept away.
    Sweep,
    /// Paths are declared, and what is searched is built to its end, or not yet.
    Declare(usize, bool),
    /// The search indexes are gone on with.
    Tend,
}

/// Operations of one group at most.
const TOGETHER_MAX: usize = 5;
/// Idempotency keys.
const KEYS: usize = 40;

impl Draw {
    pub fn event(&mut self, models: &[Model]) -> Event {
        let documents = usize::from(models.contains(&Model::Docs));
        match self.weighed(&[70, 6, 10, 10, 2, documents, 2 * documents]) {
            0 => Event::Alone(self.verb(models)),
            1 => Event::Keyed(self.verb(models), self.below(KEYS), self.below(8) as u8 / 6),
            2 => {
                let several = 1 + self.below(TOGETHER_MAX);
                Event::Together((0..several).map(|_| self.verb(models)).collect())
            }
            3 => Event::Later(self.one(&[1, 3, 17, 1_000, 1_200_000])),
            4 => Event::Sweep,
            5 => Event::Declare(self.below(docs::DECLARED.len()), self.percent(80)),
            _ => Event::Tend,
        }
    }

    fn verb(&mut self, models: &[Model]) -> Verb {
        match self.one(models) {
            Model::Kv => Verb::Kv(self.kv()),
            Model::Docs => Verb::Docs(Box::new(self.docs())),
            Model::Wide => Verb::Wide(self.wide()),
            Model::Graph => Verb::Graph(self.graph()),
            Model::Tables => Verb::Tables(self.tables()),
        }
    }
}

impl Verb {
    /// The operation, with its answer in words.
    pub async fn planned(&self, side: &Side) -> Result<Operation<String>, StoreError> {
        match self {
            Verb::Kv(verb) => verb.planned(side).await,
            Verb::Docs(verb) => verb.planned(side).await,
            Verb::Wide(verb) => verb.planned(side),
            Verb::Graph(verb) => verb.planned(side).await,
            Verb::Tables(verb) => verb.planned(side).await,
        }
    }

    /// Its name, to count what came of it.
    pub fn name(&self) -> String {
        let text = match self {
            Verb::Kv(verb) => format!("kv {verb:?}"),
            Verb::Docs(verb) => format!("docs {verb:?}"),
            Verb::Wide(verb) => format!("wide {verb:?}"),
            Verb::Graph(verb) => format!("graph {verb:?}"),
            Verb::Tables(verb) => format!("tables {verb:?}"),
        };
        let end = text.find(['(', '{']).unwrap_or(text.len());
        text[..end].trim_end().to_owned()
    }
}

//! Full-text search: the documents that hold any of some words and pass a query's filters, the best first.
//!
//! All postings of the query's terms are read and ranked; then documents are read in the order of
//! their rank, so many at a time, until a page is full. What a search costs follows from how many
//! documents hold its words, and is bounded by [`POSTINGS_MAX`].

use super::collections::Progress;
use super::indexing::unsearchable;
use super::list::{DocumentList, Layout, PageSize, foreign_cursor};
use super::relation::{COLLECTION, DOC, ID, STATS, TERM, stats, term};
use super::resolve;
use super::search::{Posting, Query as Words, Stats, score};
use crate::kv::check_name;
use crate::operation::{Operation, Reach};
use crate::refused;
use crate::relation::{equals, rows_of, select, tree};
use crate::request::Query;
use crate::store::Store;
use crate::tables::resolve::filter::conjunction;
use pando_model::aggregate::AggregateFn;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Filter, Order, OrderBy, Output, Row, Scalar, Select};
use pando_model::value::Value;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Postings that one search may read: with their documents' ids some 200 MB of memory.
pub const POSTINGS_MAX: u64 = 1_000_000;
/// Documents that are read at once to be filtered, at least and at most.
const CHUNK_MIN: usize = 100;
const CHUNK_MAX: usize = 1_000;
/// The steps before those that read documents.
const LEAD: usize = 2;

/// A document's id, and how good an answer it is.
type Hit = (String, f64);

/// What the steps of a search share.
struct Search {
    collection: String,
    words: Words,
    /// Reads the documents of a chunk, once it says which.
    documents: Select,
    /// The page before ended with this one.
    behind: Option<Hit>,
    /// Documents to find: a page, and one more.
    wanted: usize,
    chunk: usize,
    /// The answers, ranked once the postings are read: by the step that decides, for all that follow.
    ranked: Mutex<Arc<[Hit]>>,
}

impl Store {
    /// Searches a collection.
    pub fn docs_search(
        &self,
        collection: &str,
        text: &str,
        query: &Query,
    ) -> Result<Operation<DocumentList>, Refusal> {
        check_name("collection", collection)?;
        self.refuse_unsearched(collection)?;
        if !query.order.is_empty() {
            let message = "a search is ordered by how good its answers are, and takes no order";
            return Err(refused::malformed(message));
        }
        let config = self.config();
        let words = Words::parse(text).map_err(unsearchable)?;
        let mut size = self.page_size(query)?;
        let cursors = format!("{collection}\0{text}");
        let behind = match &query.cursor {
            Some(cursor) => {
                // What was left out is before the page before.
                size.offset = 0;
                let place = self.open_list_cursor("docs", &cursors, cursor)?;
                Some(hit_of(&place).ok_or_else(foreign_cursor)?)
            }
            None => None,
        };
        let filter = resolve::filter(query, config)?;
        let filtered = filter != Filter::Const(true);
        let mut documents = select(&DOC, &[], filter);
        let layout = Layout::new(resolve::selected(query, config)?, &mut documents.output);
        let wanted = size.offset.saturating_add(size.most).saturating_add(1);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let chunk = if filtered {
            wanted.saturating_mul(4)
        } else {
            wanted
        };
        let search = Arc::new(Search {
            collection: collection.to_owned(),
            words,
            documents,
            behind,
            wanted,
            chunk: chunk.clamp(CHUNK_MIN, CHUNK_MAX),
            ranked: Mutex::new(Arc::new([])),
        });
        let seal = self.list_cursors("docs", &cursors);
        let steps = search.steps();
        Ok(Operation::reading(Reach::Many, steps, move |outcomes| {
            let hits = search.hits();
            page(&hits, &outcomes, &layout, &size, &seal)
        }))
    }

    /// Refuses a search of what is not indexed, or not yet.
    fn refuse_unsearched(&self, collection: &str) -> Result<(), Refusal> {
        let state = self.collections().state();
        let index = state.search.get(collection);
        let Some(index) = index.filter(|index| !index.paths.is_empty()) else {
            let message = format!("no paths of {collection:?} are declared to be searched");
            return Err(refused::unprocessable(message).hint(format!(
                "Declare them in pando.toml: [docs.{collection}] search = [\"title\"]."
            )));
        };
        match index.progress {
            Progress::Ready => Ok(()),
            Progress::Building { .. } => Err(Refusal::new(
                "search_building",
                format!("the search index of {collection:?} is being built"),
            )
            .hint("Try again; everything but search goes on meanwhile.")),
        }
    }
}

impl Search {
    fn steps(self: &Arc<Search>) -> Vec<Step> {
        if self.words.is_empty() {
            return Vec::new();
        }
        let search = Arc::clone(self);
        let rank = Step::decide(move |outcomes| {
            let hits = search.rank(outcomes)?;
            *search.ranked.lock() = Arc::clone(&hits);
            Ok(search.read_from(&hits, 0))
        });
        vec![
            Step::read(tree(self.postings())),
            Step::read(tree(self.stats())),
            rank,
        ]
    }

    fn postings(&self) -> Select {
        let terms = self.words.terms().into_iter();
        let filter = Filter::And(vec![
            self.of_collection(),
            Filter::In {
                left: Scalar::Column(term::TERM),
                values: terms.map(|term| Value::Text(term.to_owned())).collect(),
            },
        ]);
        let columns = [ID, term::TERM, term::TF, term::POSITIONS, term::LENGTH];
        let mut postings = select(&TERM, &columns, filter);
        // The order of the index by term: in another, SQLite would rather read all postings of
        // the collection than sort those that are asked for.
        let by = |column| Order {
            by: OrderBy::Scalar(Scalar::Column(column)),
            descending: false,
            nulls_first: false,
        };
        postings.order = [term::TERM, COLLECTION, ID].map(by).to_vec();
        postings.limit = Some(POSTINGS_MAX + 1);
        postings
    }

    fn stats(&self) -> Select {
        let mut sums = select(&STATS, &[], self.of_collection());
        sums.output = [stats::DOCUMENTS, stats::LENGTH]
            .map(|column| Output::Aggregate(AggregateFn::Sum, Some(Scalar::Column(column))))
            .to_vec();
        sums
    }

    fn of_collection(&self) -> Filter {
        equals(COLLECTION, Value::Text(self.collection.clone()))
    }

    fn hits(&self) -> Arc<[Hit]> {
        Arc::clone(&self.ranked.lock())
    }

    /// The answers, the best first, those of the pages before left out.
    fn rank(&self, outcomes: &[Outcome]) -> Result<Arc<[Hit]>, Refusal> {
        let rows = outcomes.first().map_or(&[][..], rows_of);
        if rows.len() as u64 > POSTINGS_MAX {
            return Err(refused::unprocessable(format!(
                "the search's words stand in more than {POSTINGS_MAX} places of the index"
            ))
            .hint("Search for rarer words."));
        }
        let postings: Vec<Posting<'_>> = rows.iter().filter_map(posting_of).collect();
        let stats = outcomes.get(1).map(stats_of).unwrap_or_default();
        let hits = score(&self.words, &postings, &stats).into_iter();
        let hits = hits.map(|hit| (hit.document.to_owned(), hit.score));
        Ok(match &self.behind {
            None => hits.collect(),
            Some(before) => behind(hits.collect(), before).into(),
        })
    }

    /// Reads the documents of the answers from a place on, a chunk at a time, until enough pass.
    fn read_from(self: &Arc<Search>, hits: &Arc<[Hit]>, at: usize) -> Vec<Step> {
        let end = hits.len().min(at.saturating_add(self.chunk));
        let chunk = &hits[at.min(end)..end];
        if chunk.is_empty() {
            return Vec::new();
        }
        let ids = chunk.iter().map(|(id, _)| Value::Text(id.clone()));
        let named = Filter::In {
            left: Scalar::Column(ID),
            values: ids.collect(),
        };
        let mut documents = self.documents.clone();
        documents.filter = conjunction(vec![self.of_collection(), named, documents.filter]);
        let (search, hits) = (Arc::clone(self), Arc::clone(hits));
        let go_on = Step::decide(move |outcomes| {
            let found: usize = outcomes
                .iter()
                .skip(LEAD)
                .map(|read| rows_of(read).len())
                .sum();
            Ok(if found < search.wanted {
                search.read_from(&hits, end)
            } else {
                Vec::new()
            })
        });
        vec![Step::read(tree(documents)), go_on]
    }
}

fn page(
    hits: &[Hit],
    outcomes: &[Outcome],
    layout: &Layout,
    size: &PageSize,
    seal: &impl Fn(&str) -> String,
) -> Result<DocumentList, Refusal> {
    let read = outcomes.iter().skip(LEAD).flat_map(rows_of);
    let rows: HashMap<&str, &Row> = read.map(|row| (layout.id(row), row)).collect();
    let offset = usize::try_from(size.offset).unwrap_or(usize::MAX);
    let most = usize::try_from(size.most).unwrap_or(usize::MAX);
    let mut found = hits
        .iter()
        .filter_map(|hit| Some((hit, *rows.get(hit.0.as_str())?)))
        .skip(offset);
    let listed: Vec<(&Hit, &Row)> = found.by_ref().take(most).collect();
    let more = found.next().is_some();
    let json = layout.list(listed.iter().map(|(hit, row)| (*row, Some(hit.1))))?;
    let last = listed.last().filter(|_| more);
    Ok(DocumentList {
        json,
        documents: listed.len(),
        cursor: last.map(|((id, score), _)| seal(&format!("{:016x}{id}", score.to_bits()))),
        truncated: more && size.capped,
    })
}

/// The answers that follow one of a page before. Any write to the collection moves all scores,
/// so it is found by its id; only where it is no answer any more, its score of then says where
/// about it was.
fn behind(mut ranked: Vec<Hit>, before: &Hit) -> Vec<Hit> {
    let first = match ranked.iter().position(|(id, _)| *id == before.0) {
        Some(place) => place + 1,
        None => ranked.partition_point(|hit| !is_behind(hit, before)),
    };
    ranked.split_off(first)
}

/// Whether an answer comes after another.
fn is_behind(hit: &Hit, before: &Hit) -> bool {
    before
        .1
        .total_cmp(&hit.1)
        .then_with(|| hit.0.cmp(&before.0))
        .is_gt()
}

/// An answer, of a cursor's place.
fn hit_of(place: &str) -> Option<Hit> {
    let (bits, id) = place.split_at_checked(16)?;
    let score = f64::from_bits(u64::from_str_radix(bits, 16).ok()?);
    Some((id.to_owned(), score))
}

fn posting_of(row: &Row) -> Option<Posting<'_>> {
    let [
        Value::Text(document),
        Value::Text(term),
        Value::Int(tf),
        Value::Bytes(positions),
        Value::Int(length),
    ] = row.as_slice()
    else {
        return None;
    };
    Some(Posting {
        document,
        term,
        tf: u32::try_from(*tf).ok()?,
        positions,
        length: u32::try_from(*length).ok()?,
    })
}

/// Sums of bigints are numerics; those of nothing are NULL.
fn stats_of(read: &Outcome) -> Stats {
    let number = |place: usize| {
        let ty = pando_model::column::ColumnType::Numeric { limit: None };
        let value = rows_of(read).first().and_then(|row| row.get(place));
        let text = value.and_then(|value| value.to_text(&ty));
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    Stats {
        documents: number(0),
        total_length: number(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_falling_scores_and_of_equals_rising_ids() {
        let hit = |id: &str, score: f64| (id.to_owned(), score);
        let before = hit("m", 0.5);
        for (after, expected) in [
            (hit("a", 0.4), true),
            (hit("n", 0.5), true),
            (hit("m", 0.5), false),
            (hit("a", 0.5), false),
            (hit("z", 0.6), false),
        ] {
            assert_eq!(is_behind(&after, &before), expected, "{after:?}");
        }
        let ranked = [("z", 0.6), ("m", 0.55), ("n", 0.5), ("a", 0.4)].map(|(id, s)| hit(id, s));
        for (id, score, rest) in [("m", 0.5, 2), ("m", 0.7, 2), ("k", 0.5, 2), ("k", 0.1, 4)] {
            let found = behind(ranked.to_vec(), &hit(id, score));
            assert_eq!(found, ranked[rest..], "{id} {score}");
        }
        for place in ["", "short", "zzzzzzzzzzzzzzzzid", "가가가가가가"] {
            assert_eq!(hit_of(place), None, "{place}");
        }
        assert_eq!(hit_of("3fe0000000000000m"), Some(before));
    }
}

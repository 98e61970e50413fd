//! Okapi BM25, as Lucene's BM25Similarity has it.
//!
//! `score(D, Q) = Σ idf(w) · tf(w, D) / (tf(w, D) + k1 · (1 − b + b · |D| / avgdl))` over the words `w` of Q, and
//! `idf(w) = ln(1 + (N − df(w) + 0.5) / (df(w) + 0.5))`; k1 = 1.2, b = 0.75. (Robertson and Zaragoza, "The
//! Probabilistic Relevance Framework: BM25 and Beyond", 2009, section 3.5; the `1 +` keeps the weight of
//! words that most documents hold above zero. The constant factor `k1 + 1` orders nothing and is left out.)
//!
//! Scores are the same, bit for bit, on every machine: IEEE 754 gives one result for each of `+ − · /`,
//! the additions are made in the order of the words, and the logarithm is libm's, not the system's.

use super::positions;
use super::query::{Query, Word};
use std::collections::{BTreeMap, HashMap};

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// One row of the index: a term in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting<'a> {
    /// The document's id.
    pub document: &'a str,
    /// The term.
    pub term: &'a str,
    /// How often it stands there.
    pub tf: u32,
    /// Where, as [`super::TermEntry::positions`].
    pub positions: &'a [u8],
    /// How long the document is, as [`super::Analysis::length`].
    pub length: u32,
}

/// What is known of all documents of a collection that have searchable text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many there are.
    pub documents: u64,
    /// How long they are together.
    pub total_length: u64,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'a> {
    /// The document's id.
    pub document: &'a str,
    /// How good it is; above zero, finite, and comparable within one query only.
    pub score: f64,
}

/// The documents that hold any word of the query: the best first, and of equals the lesser id (by
/// its bytes). `postings` are all of the collection for [`Query::terms`], in any order: with
/// some missing, what they would have told is not known.
pub fn score<'a>(query: &Query, postings: &[Posting<'a>], stats: &Stats) -> Vec<Hit<'a>> {
    let index = Index::new(postings);
    let mut scores: HashMap<&'a str, f64> = HashMap::new();
    // One word after the other: a document's sum is made in the order of the query.
    for word in query.words() {
        let found = index.find(word);
        let idf = idf(stats.documents, found.len());
        for occurrence in found {
            *scores.entry(occurrence.document).or_default() +=
                idf * saturation(occurrence.tf, occurrence.length, stats);
        }
    }
    let mut hits: Vec<Hit<'a>> = scores
        .into_iter()
        .map(|(document, score)| Hit { document, score })
        .collect();
    hits.sort_unstable_by(|a, b| {
        (b.score.total_cmp(&a.score)).then_with(|| a.document.cmp(b.document))
    });
    hits
}

/// A word in a document.
struct Occurrence<'a> {
    document: &'a str,
    tf: u32,
    length: u32,
}

/// Postings by term and by document.
struct Index<'p, 'a> {
    terms: HashMap<&'a str, BTreeMap<&'a str, &'p Posting<'a>>>,
}

impl<'p, 'a> Index<'p, 'a> {
    fn new(postings: &'p [Posting<'a>]) -> Index<'p, 'a> {
        let mut terms: HashMap<&str, BTreeMap<&str, &Posting<'a>>> = HashMap::new();
        for posting in postings {
            let documents = terms.entry(posting.term).or_default();
            documents.insert(posting.document, posting);
        }
        Index { terms }
    }

    /// The documents that hold the word, and how often.
    fn find(&self, word: &Word) -> Vec<Occurrence<'a>> {
        let lists: Option<Vec<_>> = word
            .terms
            .iter()
            .map(|(term, offset)| Some((self.terms.get(term.as_str())?, *offset)))
            .collect();
        // A term that no document holds, and the rarest of those that some do.
        let Some((rarest, _)) = lists
            .as_ref()
            .and_then(|lists| lists.iter().min_by_key(|(list, _)| list.len()))
        else {
            return Vec::new();
        };
        let lists = lists.as_deref().unwrap_or_default();
        let found = rarest.iter().filter_map(|(document, posting)| {
            let tf = match lists {
                [_] => posting.tf,
                _ => count_in(lists, document)?,
            };
            (tf > 0).then_some(Occurrence {
                document,
                tf,
                length: posting.length,
            })
        });
        found.collect()
    }
}

/// How often all terms stand at their distances from one beginning; `None` where one is missing.
fn count_in(lists: &[(&BTreeMap<&str, &Posting<'_>>, u32)], document: &str) -> Option<u32> {
    let mut beginnings: Option<Vec<u32>> = None;
    for (list, offset) in lists {
        let posting = list.get(document)?;
        let shifted = positions::read(posting.positions).filter_map(|at| at.checked_sub(*offset));
        beginnings = Some(match beginnings {
            None => shifted.collect(),
            Some(before) => common(&before, shifted),
        });
    }
    u32::try_from(beginnings?.len()).ok()
}

/// What two ascending lists have in common.
fn common(a: &[u32], b: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut a = a.iter().copied().peekable();
    b.filter(|wanted| {
        while a.next_if(|have| have < wanted).is_some() {}
        a.peek() == Some(wanted)
    })
    .collect()
}

fn idf(documents: u64, holding: usize) -> f64 {
    let df = holding as f64;
    // Statistics that are behind the postings must not make a weight that is none.
    let n = (documents as f64).max(df);
    libm::log(1.0 + (n - df + 0.5) / (df + 0.5))
}

fn saturation(tf: u32, length: u32, stats: &Stats) -> f64 {
    let tf = f64::from(tf);
    let mean = stats.total_length as f64 / stats.documents as f64;
    // Nor must they here: a document that was counted nowhere is of mean length.
    let relative = if mean > 0.0 && mean.is_finite() {
        f64::from(length) / mean
    } else {
        1.0
    };
    tf / (tf + K1 * (1.0 - B + B * relative))
}

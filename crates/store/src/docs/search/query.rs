//! What a search asks of the index.

use super::SearchError;
use super::words::{Part, normalise, parts, words};
use std::collections::BTreeSet;

/// How long a search may be, in bytes.
pub const QUERY_BYTES_MAX: usize = 1 << 10;
/// How many terms a search may look up.
pub const QUERY_TERMS_MAX: usize = 256;

/// A search: words of which any makes a document an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Each once and ordered, so that one question has one score whatever the order of its words.
    words: Vec<Word>,
}

/// A word: its terms, and how far behind its beginning each of them stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word {
    pub terms: Vec<(String, u32)>,
}

impl Query {
    /// Reads a search. One without words is no fault, and finds nothing.
    pub fn parse(text: &str) -> Result<Query, SearchError> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(SearchError::QueryTooLong);
        }
        let words: BTreeSet<Word> = words(&normalise(text)).map(Word::read).collect();
        let query = Query {
            words: words.into_iter().collect(),
        };
        if query.terms().len() > QUERY_TERMS_MAX {
            return Err(SearchError::QueryTooLong);
        }
        Ok(query)
    }

    /// The terms whose postings [`super::score`] needs, each once, by their bytes.
    pub fn terms(&self) -> Vec<&str> {
        let all = self.words.iter().flat_map(|word| &word.terms);
        let terms: BTreeSet<&str> = all.map(|(term, _)| term.as_str()).collect();
        terms.into_iter().collect()
    }

    /// Whether it names no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }
}

impl Word {
    /// A lone character of a dense script is its own term; of more, each two are one.
    fn read(word: &str) -> Word {
        let mut terms = Vec::new();
        let mut position = 0;
        for part in parts(word) {
            match part {
                Part::Whole(word) => {
                    terms.push((word.to_owned(), position));
                    position += 1;
                }
                Part::Dense(run) => {
                    let ends: Vec<usize> = run
                        .char_indices()
                        .map(|(at, c)| at + c.len_utf8())
                        .collect();
                    let starts = || std::iter::once(0).chain(ends.iter().copied());
                    if ends.len() == 1 {
                        terms.push((run.to_owned(), position));
                    }
                    let pairs = starts().zip(ends.iter().skip(1));
                    for ((start, &end), offset) in pairs.zip(position..) {
                        terms.push((run[start..end].to_owned(), offset));
                    }
                    // A search has at most 1,024 characters.
                    position += u32::try_from(ends.len()).unwrap_or(u32::MAX);
                }
            }
        }
        Word { terms }
    }
}

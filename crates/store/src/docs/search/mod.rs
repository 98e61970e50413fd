//! Full-text search with ranking: what a text is indexed by, what a query asks of the index,
//! and how good an answer is. Pure: it reads and writes nothing, and knows no engine.
//!
//! **Words.** A text is normalised (NFKC, full case folding), and split at whatever is neither a
//! letter nor a digit. In scripts that put spaces between words, a word is one term, whole.
//! Hangul, Han, Kana, Thai and their like are **dense**: words lie in each other there (빅데이터베이스 is 빅 +
//! 데이터 + 베이스), and no dictionary has all of them. So each character is a term, and each two
//! that stand together are one (*bigrams*, as Lucene's CJKAnalyzer has them). A query's word is
//! found **wherever it stands, also inside of another**, one character or many.
//!
//! **Positions.** Terms carry the places where they stand. A word of three characters and more asks
//! that its bigrams follow one another, which is so exactly where the word stands: nothing has
//! to be read but the index, and how often the word occurs is known, not guessed.
//!
//! **Ranking** is BM25 ([`score`]): a document is an answer if it holds **any** of the query's words,
//! and ranks higher the more of them it holds, the rarer they are and the shorter it is.
//!
//! Not here: stemming (`run` does not find `running`), synonyms, correction of spelling, prefixes of
//! words in scripts with spaces.

mod analysis;
mod positions;
mod query;
mod ranking;
mod words;

pub use analysis::{ANALYSIS_VERSION, Analyser, Analysis, POSITIONS_MAX, TermEntry, analyse};
pub use query::{QUERY_BYTES_MAX, QUERY_TERMS_MAX, Query};
pub use ranking::{Hit, Posting, Stats, score};

/// A text or a query that is too large to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// Too many words for one document.
    #[error(
        "the searchable text has more than {POSITIONS_MAX} words (characters, in Korean, Chinese and Japanese)"
    )]
    TextTooLong,
    /// The query is too long.
    #[error(
        "the search is longer than {QUERY_BYTES_MAX} bytes, or asks for more than {QUERY_TERMS_MAX} terms"
    )]
    QueryTooLong,
}

#[cfg(test)]
mod tests;

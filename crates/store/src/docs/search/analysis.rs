//! What a document is indexed by: its terms, where they stand, and its length.

use super::SearchError;
use super::positions::PositionWriter;
use super::words::{Part, normalise, parts, words};
use std::collections::HashMap;

/// The version of what is written here. An index that was written by another is written anew: raise
/// it with every change of a text's terms, also those that a new version of Unicode brings.
pub const ANALYSIS_VERSION: u32 = 1;

/// How many positions a document may have: a novel's worth of words, and at most twice as many rows of the index.
pub const POSITIONS_MAX: u32 = 100_000;

/// What one document brings into the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Its terms, each once, by their bytes.
    pub terms: Vec<TermEntry>,
    /// How long it is: words, and in dense scripts characters.
    pub length: u32,
}

/// A term of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermEntry {
    /// The term: a normalised word, or one or two characters of a dense script. At most 128 bytes.
    pub term: String,
    /// How often it stands in the document; never 0.
    pub tf: u32,
    /// Where, encoded; opaque to all but [`super::score`].
    pub positions: Vec<u8>,
}

/// The terms of one text.
pub fn analyse(text: &str) -> Result<Analysis, SearchError> {
    let mut analyser = Analyser::default();
    analyser.add(text)?;
    Ok(analyser.finish())
}

/// Collects the terms of a document that has several texts (paths, items of arrays). No word is
/// found across the border of two texts.
#[derive(Debug, Default)]
pub struct Analyser {
    terms: HashMap<String, PositionWriter>,
    position: u32,
    length: u32,
}

impl Analyser {
    /// Takes in a text.
    pub fn add(&mut self, text: &str) -> Result<(), SearchError> {
        for part in words(&normalise(text)).flat_map(parts) {
            match part {
                Part::Whole(word) => {
                    self.put(word);
                    self.step()?;
                }
                Part::Dense(run) => self.add_run(run)?,
            }
        }
        // A place that nothing takes: nothing follows the last word.
        self.position += 1;
        Ok(())
    }

    /// All that was taken in.
    pub fn finish(self) -> Analysis {
        let mut terms: Vec<TermEntry> = self
            .terms
            .into_iter()
            .map(|(term, positions)| TermEntry {
                term,
                tf: positions.count,
                positions: positions.bytes,
            })
            .collect();
        terms.sort_unstable_by(|a, b| a.term.cmp(&b.term));
        Analysis {
            terms,
            length: self.length,
        }
    }

    /// Each character is a term where it stands, and so are each two where the first does.
    fn add_run(&mut self, run: &str) -> Result<(), SearchError> {
        let mut chars = run.char_indices().peekable();
        while let Some((start, c)) = chars.next() {
            self.put(&run[start..start + c.len_utf8()]);
            if let Some(&(next, second)) = chars.peek() {
                self.put(&run[start..next + second.len_utf8()]);
            }
            self.step()?;
        }
        Ok(())
    }

    fn put(&mut self, term: &str) {
        match self.terms.get_mut(term) {
            Some(positions) => positions.push(self.position),
            None => {
                let mut positions = PositionWriter::default();
                positions.push(self.position);
                self.terms.insert(term.to_owned(), positions);
            }
        }
    }

    fn step(&mut self) -> Result<(), SearchError> {
        self.position += 1;
        self.length += 1;
        if self.length > POSITIONS_MAX {
            return Err(SearchError::TextTooLong);
        }
        Ok(())
    }
}

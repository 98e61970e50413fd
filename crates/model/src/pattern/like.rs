//! LIKE: a pattern is what lies between its `%`s. The first piece is matched where the text
//! begins, the last where it ends, each of the others at the first place it fits;
//! nothing is ever tried twice, so that no pattern takes exponential time.

use crate::error::Refusal;

#[derive(Clone, Debug)]
pub(super) struct Like {
    first: Piece,
    /// What follows the first `%`: pieces in between, and the last one.
    rest: Option<(Vec<Piece>, Piece)>,
    prefix: String,
}

impl Like {
    pub fn new(source: &str) -> Result<Like, Refusal> {
        let mut pieces = vec![Vec::new()];
        let mut chars = source.chars();
        while let Some(c) = chars.next() {
            let element = match c {
                '%' => {
                    pieces.push(Vec::new());
                    continue;
                }
                '_' => None,
                '\\' => Some(chars.next().ok_or_else(|| {
                    Refusal::new("22025", "LIKE pattern must not end with escape character")
                })?),
                c => Some(c),
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(element);
            }
        }
        let mut pieces = pieces.into_iter();
        let first = pieces.next().unwrap_or_default();
        let prefix = first.iter().map_while(|element| *element).collect();
        let mut middle: Vec<Piece> = pieces.map(Piece::new).collect();
        let last = middle.pop();
        middle.retain(|piece| !piece.is_empty());
        Ok(Like {
            first: Piece::new(first),
            rest: last.map(|last| (middle, last)),
            prefix,
        })
    }

    pub fn literal_prefix(&self) -> &str {
        &self.prefix
    }

    pub fn is_match(&self, text: &str) -> bool {
        let Some(after) = self.first.strip_start(text) else {
            return false;
        };
        let Some((middle, last)) = &self.rest else {
            return after.is_empty();
        };
        let Some(mut between) = last.strip_end(after) else {
            return false;
        };
        for piece in middle {
            match piece.skip_past(between) {
                Some(rest) => between = rest,
                None => return false,
            }
        }
        true
    }
}

/// A run of characters without `%`.
#[derive(Clone, Debug)]
enum Piece {
    Literal(String),
    /// `None` is `_`.
    Mixed(Vec<Option<char>>),
}

impl Piece {
    fn new(elements: Vec<Option<char>>) -> Piece {
        match elements.iter().copied().collect::<Option<String>>() {
            Some(literal) => Piece::Literal(literal),
            None => Piece::Mixed(elements),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Piece::Literal(literal) if literal.is_empty())
    }

    /// What follows the piece, where the text begins with it.
    fn strip_start<'a>(&self, text: &'a str) -> Option<&'a str> {
        match self {
            Piece::Literal(literal) => text.strip_prefix(literal.as_str()),
            Piece::Mixed(elements) => {
                let mut chars = text.chars();
                for element in elements {
                    let c = chars.next()?;
                    if element.is_some_and(|wanted| wanted != c) {
                        return None;
                    }
                }
                Some(chars.as_str())
            }
        }
    }

    /// What comes before the piece, where the text ends with it.
    fn strip_end<'a>(&self, text: &'a str) -> Option<&'a str> {
        match self {
            Piece::Literal(literal) => text.strip_suffix(literal.as_str()),
            Piece::Mixed(elements) => {
                let mut chars = text.chars();
                for element in elements.iter().rev() {
                    let c = chars.next_back()?;
                    if element.is_some_and(|wanted| wanted != c) {
                        return None;
                    }
                }
                Some(chars.as_str())
            }
        }
    }

    /// What follows the first place where the piece stands.
    fn skip_past<'a>(&self, text: &'a str) -> Option<&'a str> {
        match self {
            Piece::Literal(literal) => text
                .find(literal.as_str())
                .map(|at| &text[at + literal.len()..]),
            Piece::Mixed(_) => text
                .char_indices()
                .find_map(|(at, _)| self.strip_start(&text[at..])),
        }
    }
}

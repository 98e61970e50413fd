//! Full-text search with PostgreSQL's configuration `simple`, over words.
//!
//! A word is a run of letters and digits (Unicode's), in lower case; its place is its number
//! in the text. PostgreSQL's parser knows more kinds of words (`3.14`, `a@b.org`, `/usr/bin`,
//! `foo-bar` as a whole); here they are the words that they are made of, on every engine.
//! A query's operand of several words means those words one after the other.
//!
//! Weights (`cat:A`) are refused: texts have none here.

mod evaluate;
mod parse;

use crate::error::Refusal;

/// How long a query may be, in bytes.
const QUERY_BYTES_MAX: usize = 16 << 10;
/// How many words a query may name.
const QUERY_WORDS_MAX: usize = 256;
/// How deep its operators may lie in each other.
const QUERY_DEPTH_MAX: usize = 128;
/// The largest distance of `<N>`.
const DISTANCE_MAX: u32 = 16_384;

/// How a query's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryForm {
    /// `to_tsquery`: `&`, `|`, `!`, `<->`, `:*`, parentheses.
    Fts,
    /// `plainto_tsquery`: all words.
    Plain,
    /// `phraseto_tsquery`: the words one after the other.
    Phrase,
    /// `websearch_to_tsquery`: quotes, `or`, `-`.
    Websearch,
}

/// A parsed query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextQuery {
    form: QueryForm,
    source: String,
    /// `None` names no word, and matches nothing.
    tree: Option<Node>,
    /// What the tree's leaves name, by their place here.
    terms: Vec<Term>,
}

/// By what it was read from, which the rest follows from.
impl std::hash::Hash for TextQuery {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.form, &self.source).hash(state);
    }
}

impl TextQuery {
    /// Parses; refuses (42601) what is malformed, and (54000) what is too large.
    pub fn new(form: QueryForm, source: &str) -> Result<TextQuery, Refusal> {
        let too_large = || Refusal::new("54000", "text-search query is too large");
        if source.len() > QUERY_BYTES_MAX {
            return Err(too_large());
        }
        let mut terms = Terms::default();
        let tree = match form {
            QueryForm::Fts => parse::fts(source, &mut terms)?,
            QueryForm::Plain => parse::words(source, Operator::And, &mut terms),
            QueryForm::Phrase => parse::words(source, Operator::Phrase(1), &mut terms),
            QueryForm::Websearch => parse::websearch(source, &mut terms),
        };
        let depth = tree.as_ref().map_or(0, Node::depth);
        if terms.named > QUERY_WORDS_MAX || depth > QUERY_WORDS_MAX + QUERY_DEPTH_MAX {
            return Err(too_large());
        }
        Ok(TextQuery {
            form,
            source: source.to_owned(),
            tree,
            terms: terms.list,
        })
    }

    /// How it was read.
    pub fn form(&self) -> QueryForm {
        self.form
    }

    /// As it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its words and operators as PostgreSQL's `tsquery` writes them, for an engine that asks it
    /// of words that are found in the same way.
    pub fn to_tsquery(&self) -> String {
        let mut out = String::new();
        if let Some(tree) = &self.tree {
            tree.write_tsquery(&self.terms, &mut out);
        }
        out
    }

    /// Whether a text satisfies it.
    pub fn is_match(&self, text: &str) -> bool {
        self.tree
            .as_ref()
            .is_some_and(|tree| evaluate::is_match(tree, &self.terms, text))
    }
}

/// A word, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    word: String,
    prefix: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    /// The right operand's place is so many words behind the left one's.
    Phrase(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// A place in the list of terms.
    Term(usize),
    Not(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
}

impl Node {
    fn binary(operator: Operator, left: Option<Node>, right: Option<Node>) -> Option<Node> {
        match (left, right) {
            (Some(left), Some(right)) => {
                Some(Node::Binary(operator, Box::new(left), Box::new(right)))
            }
            // An operand without words says nothing.
            (left, right) => left.or(right),
        }
    }

    fn write_tsquery(&self, terms: &[Term], out: &mut String) {
        match self {
            Node::Term(at) => {
                let Some(term) = terms.get(*at) else { return };
                // A word is letters and digits: nothing in it has to be escaped.
                out.extend(["'", &term.word, "'"]);
                out.push_str(if term.prefix { ":*" } else { "" });
            }
            Node::Not(operand) => {
                out.push_str("!(");
                operand.write_tsquery(terms, out);
                out.push(')');
            }
            Node::Binary(operator, left, right) => {
                out.push('(');
                left.write_tsquery(terms, out);
                match operator {
                    Operator::And => out.push_str(" & "),
                    Operator::Or => out.push_str(" | "),
                    Operator::Phrase(distance) => out.push_str(&format!(" <{distance}> ")),
                }
                right.write_tsquery(terms, out);
                out.push(')');
            }
        }
    }

    fn depth(&self) -> usize {
        match self {
            Node::Term(_) => 1,
            Node::Not(operand) => 1 + operand.depth(),
            Node::Binary(_, left, right) => 1 + left.depth().max(right.depth()),
        }
    }
}

/// The terms found so far, each once.
#[derive(Default)]
struct Terms {
    list: Vec<Term>,
    /// How often a term was named.
    named: usize,
}

impl Terms {
    fn add(&mut self, word: String, prefix: bool) -> Node {
        self.named += 1;
        let term = Term { word, prefix };
        let at = self
            .list
            .iter()
            .position(|known| *known == term)
            .unwrap_or(self.list.len());
        // The list stays short whatever the query is: too many names refuse it.
        if at == self.list.len() && self.named <= QUERY_WORDS_MAX {
            self.list.push(term);
        }
        Node::Term(at)
    }
}

/// The words of a text, in lower case, in their order.
fn words_of(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests;

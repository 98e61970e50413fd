//! The four ways to write a query.
//!
//! Binding, from the tightest: `!`, `<->`, `&`, `|`. The list of operands that an
//! operator chain makes is folded from the left, as PostgreSQL has it.

use super::{DISTANCE_MAX, Node, Operator, QUERY_DEPTH_MAX, QUERY_WORDS_MAX, Terms, words_of};
use crate::error::Refusal;

/// `to_tsquery`.
pub(super) fn fts(source: &str, terms: &mut Terms) -> Result<Option<Node>, Refusal> {
    let mut parser = Parser {
        source,
        rest: source,
        depth: 0,
        terms,
    };
    parser.skip_spaces();
    if parser.rest.is_empty() {
        return Ok(None);
    }
    let node = parser.chain(0)?;
    if parser.rest.is_empty() {
        Ok(node)
    } else {
        Err(parser.syntax_error())
    }
}

/// All words, joined by one operator.
pub(super) fn words(source: &str, operator: Operator, terms: &mut Terms) -> Option<Node> {
    join(source, operator, false, terms)
}

/// `websearch_to_tsquery`: never fails. What is no operator and no operand is passed over.
pub(super) fn websearch(source: &str, terms: &mut Terms) -> Option<Node> {
    let (mut any, mut all) = (None, None);
    let (mut after_operand, mut negated) = (false, false);
    let mut rest = source;
    loop {
        rest = rest.trim_start();
        if after_operand && let Some(behind) = strip_or(rest) {
            any = Node::binary(Operator::Or, any, all.take());
            (after_operand, rest) = (false, behind);
            continue;
        }
        let mut chars = rest.chars();
        let Some(first) = chars.next() else {
            return Node::binary(Operator::Or, any, all);
        };
        let operand = match first {
            '-' => {
                (negated, rest) = (!negated, chars.as_str());
                after_operand = false;
                continue;
            }
            '!' | '&' | '|' | '(' | ')' => {
                rest = chars.as_str();
                continue;
            }
            '"' => {
                let quoted = chars.as_str();
                let (phrase, behind) = quoted.split_once('"').unwrap_or((quoted, ""));
                rest = behind;
                // Empty quotes are an operand only where a `-` waits for one.
                if phrase.is_empty() && !negated {
                    continue;
                }
                phrase
            }
            _ => {
                let end = chars
                    .as_str()
                    .find(|c: char| c.is_whitespace() || "\"!&|():".contains(c))
                    .map_or(rest.len(), |end| end + first.len_utf8());
                let (word, behind) = rest.split_at(end);
                rest = behind;
                word
            }
        };
        let mut node = join(operand, Operator::Phrase(1), false, terms);
        if std::mem::take(&mut negated) {
            node = node.map(|node| Node::Not(Box::new(node)));
        }
        all = Node::binary(Operator::And, all, node);
        after_operand = true;
    }
}

/// What follows an `or` that is a word of its own and has something behind it.
fn strip_or(text: &str) -> Option<&str> {
    let (word, behind) = text.split_at_checked(2)?;
    let goes_on = behind.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
    (word.eq_ignore_ascii_case("or") && !goes_on && !behind.trim_start().is_empty())
        .then_some(behind)
}

fn join(text: &str, operator: Operator, prefix: bool, terms: &mut Terms) -> Option<Node> {
    let mut joined = None;
    // One more than allowed is enough to refuse it.
    for word in words_of(text).take(QUERY_WORDS_MAX + 1) {
        let node = terms.add(word, prefix);
        joined = Node::binary(operator, joined, Some(node));
    }
    joined
}

struct Parser<'a, 't> {
    source: &'a str,
    rest: &'a str,
    depth: usize,
    terms: &'t mut Terms,
}

impl Parser<'_, '_> {
    /// A chain of operators that bind at least as tightly as `tightness`.
    fn chain(&mut self, tightness: u8) -> Result<Option<Node>, Refusal> {
        let mut left = self.operand()?;
        while let Some((operator, len)) = self.operator()? {
            let own = match operator {
                Operator::Or => 1,
                Operator::And => 2,
                Operator::Phrase(_) => 3,
            };
            if own <= tightness {
                break;
            }
            self.rest = &self.rest[len..];
            self.skip_spaces();
            let right = self.chain(own)?;
            left = Node::binary(operator, left, right);
        }
        Ok(left)
    }

    /// The operator at hand and its length.
    fn operator(&mut self) -> Result<Option<(Operator, usize)>, Refusal> {
        self.skip_spaces();
        Ok(match self.rest.as_bytes().first() {
            Some(b'&') => Some((Operator::And, 1)),
            Some(b'|') => Some((Operator::Or, 1)),
            Some(b'<') => {
                let (inside, _) = self.rest[1..]
                    .split_once('>')
                    .ok_or_else(|| self.syntax_error())?;
                let distance = match inside {
                    "-" => 1,
                    digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits
                        .parse()
                        .ok()
                        .filter(|distance| *distance <= DISTANCE_MAX)
                        .ok_or_else(|| {
                            Refusal::new(
                                "22023",
                                format!(
                                    "distance in phrase operator must be an integer value \
                                     between zero and {DISTANCE_MAX} inclusive"
                                ),
                            )
                        })?,
                    _ => return Err(self.syntax_error()),
                };
                Some((Operator::Phrase(distance), inside.len() + 2))
            }
            _ => None,
        })
    }

    fn operand(&mut self) -> Result<Option<Node>, Refusal> {
        self.depth += 1;
        if self.depth > QUERY_DEPTH_MAX {
            return Err(Refusal::new("54001", "stack depth limit exceeded"));
        }
        self.skip_spaces();
        let node = if let Some(rest) = self.rest.strip_prefix('!') {
            self.rest = rest;
            self.operand()?.map(|operand| Node::Not(Box::new(operand)))
        } else if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            let inside = self.chain(0)?;
            self.skip_spaces();
            self.rest = match self.rest.strip_prefix(')') {
                Some(rest) => rest,
                None => return Err(self.syntax_error()),
            };
            inside
        } else {
            self.word()?
        };
        self.depth -= 1;
        Ok(node)
    }

    /// A word, quoted or not, and its `:*`.
    fn word(&mut self) -> Result<Option<Node>, Refusal> {
        let text = if let Some(quoted) = self.rest.strip_prefix('\'') {
            self.quoted(quoted)?
        } else {
            let end = self
                .rest
                .find(|c: char| c.is_whitespace() || "&|!<()':".contains(c))
                .unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            self.rest = rest;
            if text.is_empty() {
                return Err(if self.rest.is_empty() {
                    Refusal::new(
                        "42601",
                        format!("no operand in tsquery: \"{}\"", self.source),
                    )
                } else {
                    self.syntax_error()
                });
            }
            text.replace('\\', "")
        };
        let prefix = self.flags()?;
        Ok(join(&text, Operator::Phrase(1), prefix, self.terms))
    }

    /// A quoted word behind its quote; a doubled quote, or one after a backslash, is itself.
    fn quoted(&mut self, quoted: &str) -> Result<String, Refusal> {
        let mut text = String::new();
        let mut chars = quoted.chars();
        loop {
            match chars.next() {
                None => return Err(self.syntax_error()),
                Some('\\') => text.extend(chars.next()),
                Some('\'') if chars.as_str().starts_with('\'') => {
                    chars.next();
                    text.push('\'');
                }
                Some('\'') => break,
                Some(c) => text.push(c),
            }
        }
        self.rest = &self.rest[self.rest.len() - chars.as_str().len()..];
        Ok(text)
    }

    /// `:*`; weights are refused.
    fn flags(&mut self) -> Result<bool, Refusal> {
        let Some(flags) = self.rest.strip_prefix(':') else {
            return Ok(false);
        };
        let end = flags
            .find(|c: char| !"*abcdABCD".contains(c))
            .unwrap_or(flags.len());
        let (flags, rest) = flags.split_at(end);
        self.rest = rest;
        if flags.bytes().any(|flag| flag.is_ascii_alphabetic()) {
            return Err(Refusal::new(
                "0A000",
                "weights in text-search queries are not supported",
            ));
        }
        Ok(!flags.is_empty())
    }

    fn syntax_error(&self) -> Refusal {
        Refusal::new(
            "42601",
            format!("syntax error in tsquery: \"{}\"", self.source),
        )
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

//! From a file's text to its statements: tokens divided at semicolons, each run
//! through the parser by itself.
//!
//! The parser is recursive, and guards only some of its recursion; what it
//! returns is dropped recursively. So the tokens are measured first: brackets
//! nest at most [`NESTING_MAX`] deep, and between two commas there are at most
//! [`RUN_MAX`] tokens, which bounds the depth of every expression.

use super::fault::{Fault, Place, Result};
use super::unsupported;
use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// A file's size at most. Migrations are written by hand; data is imported.
pub(super) const FILE_BYTES_MAX: usize = 4 << 20;
/// A CHECK of a hundred comparisons has some 400 tokens.
const RUN_MAX: usize = 600;
const NESTING_MAX: usize = 24;

/// A statement and where it begins.
pub(super) struct Located {
    pub(super) at: Place,
    pub(super) statement: Statement,
}

/// The statements of a file.
pub(super) fn parse(text: &str) -> Result<Vec<Located>> {
    let start = Place { line: 1, column: 1 };
    if text.len() > FILE_BYTES_MAX {
        return Err(Fault::new(start, "a migration has at most 4 MiB")
            .hint("divide it, or load data with `pando import`"));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| Fault::new(error.location.into(), error.message))?;
    tokens
        .split(|token| token.token == Token::SemiColon)
        .filter_map(|tokens| {
            let first = tokens
                .iter()
                .find(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))?;
            Some(parse_one(tokens, first.span.start.into()))
        })
        .collect()
}

fn parse_one(tokens: &[TokenWithSpan], at: Place) -> Result<Located> {
    let significant: Vec<&TokenWithSpan> = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .collect();
    measure(&significant)?;
    if let Some(fault) = unsupported::by_its_words(&significant, at) {
        return Err(fault);
    }
    let mut tokens = tokens.to_vec();
    options_first(&mut tokens);
    let mut parser = Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens);
    let statement = parser
        .parse_statement()
        .map_err(|error| syntax_fault(error, at))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(Fault::new(
            Place::of_span(rest.span, at),
            format!("syntax error at or near \"{}\"", rest.token),
        ));
    }
    Ok(Located { at, statement })
}

fn measure(tokens: &[&TokenWithSpan]) -> Result<()> {
    // How many tokens since the last comma, for each bracket that is open.
    let mut runs = vec![0usize];
    let mut total = 0;
    for (place, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::Comma => {
                total -= runs.last().copied().unwrap_or(0);
                if let Some(run) = runs.last_mut() {
                    *run = 0;
                }
                continue;
            }
            Token::LParen | Token::LBracket | Token::LBrace => runs.push(0),
            Token::RParen | Token::RBracket | Token::RBrace if runs.len() > 1 => {
                total -= runs.pop().unwrap_or(0);
            }
            Token::Word(word) if word.keyword == Keyword::ARRAY => {
                if let Some(next) = tokens.get(place + 1)
                    && next.token == Token::Lt
                {
                    let at = next.span.start.into();
                    return Err(Fault::new(at, "a type is not written ARRAY<…>")
                        .hint("write the element's type and [], such as text[]"));
                }
            }
            _ => {}
        }
        if let Some(run) = runs.last_mut() {
            *run += 1;
        }
        total += 1;
        if total > RUN_MAX || runs.len() > NESTING_MAX {
            return Err(Fault::new(
                token.span.start.into(),
                "the statement is too long or too deep without a comma",
            )
            .hint("make the expression simpler"));
        }
    }
    Ok(())
}

/// PostgreSQL has `PARTITION BY …` before `WITH (…)`, the parser wants it behind: so a
/// `WITH` that follows goes ahead of it. Tokens keep their places.
fn options_first(tokens: &mut [TokenWithSpan]) {
    let mut depth = 0usize;
    let (mut partition, mut with) = (None, None);
    for (place, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 => match word.keyword {
                Keyword::PARTITION if partition.is_none() => partition = Some(place),
                Keyword::WITH if partition.is_some() && with.is_none() => with = Some(place),
                _ => {}
            },
            _ => {}
        }
    }
    if let (Some(partition), Some(with)) = (partition, with) {
        let end = tokens
            .iter()
            .position(|token| token.token == Token::EOF)
            .unwrap_or(tokens.len());
        tokens[partition..end].rotate_left(with - partition);
    }
}

/// The parser writes the place into its message's end.
fn syntax_fault(error: ParserError, at: Place) -> Fault {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => "the statement is too deep".to_owned(),
    };
    let Some((what, place)) = message.rsplit_once(" at Line: ") else {
        return Fault::new(at, format!("syntax error: {message}"));
    };
    let found = place.split_once(", Column: ").and_then(|(line, column)| {
        let (line, column) = (line.parse().ok()?, column.parse().ok()?);
        (line > 0).then_some(Place { line, column })
    });
    let fault = Fault::new(found.unwrap_or(at), format!("syntax error: {what}"));
    if what.starts_with("Expected: STORED") {
        return fault.hint("generated columns are stored: write GENERATED ALWAYS AS (…) STORED");
    }
    fault
}

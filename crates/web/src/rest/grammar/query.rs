//! The whole query string: which parameter is what, and for which resource.
//!
//! `select`, `columns`, `on_conflict` and `cursor` are reserved; what ends in
//! `order`, `limit`, `offset`, `and` or `or` is about the resource at the path
//! before it; everything else is a filter. A column that has a reserved name is
//! filtered as `"cursor"=eq.1` or `and=(cursor.eq.1)`.

use super::field::{json_path, name};
use super::logic::{Junction, conditions};
use super::scan::{Scan, Syntax};
use super::{filter, order, params, range, select};
use pando_model::error::Refusal;
use pando_store::request::{Condition, EmbedPath, Field, Query, RowRange};

/// What a query string says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parsed {
    /// Rows, and what of them.
    pub query: Query,
    /// `columns=`.
    pub columns: Option<Vec<String>>,
    /// `on_conflict=`.
    pub on_conflict: Option<Vec<String>>,
}

/// Reads a query string; refuses (PGRST100, PGRST103) what is not of the grammar.
pub(crate) fn parse(raw: &str) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::default();
    let mut once = Vec::new();
    for (raw_key, raw_value) in params::pairs(raw) {
        let key = decoded(raw_key)?;
        let value = decoded(raw_value)?;
        let last = key.rsplit('.').next().unwrap_or(&key);
        match (key.as_ref(), last) {
            ("select" | "columns" | "on_conflict" | "cursor", _) | (_, "limit" | "offset") => {
                if once.contains(&key) {
                    return Err(refused(format!("the parameter {key:?} is given twice")));
                }
                parsed.take_single(&key, last, &value)?;
                once.push(key);
            }
            (_, "order") => {
                let terms = order::order(&value).map_err(|e| failed("order", &value, e))?;
                let path = embed_path(&key)?;
                match find(&mut parsed.query.order, &path) {
                    Some(known) => known.extend(terms),
                    None => parsed.query.order.push((path, terms)),
                }
            }
            (_, "and") => parsed.take_logic(&key, Junction::And, &value)?,
            (_, "or") => parsed.take_logic(&key, Junction::Or, &value)?,
            _ => parsed.take_filter(&key, &value)?,
        }
    }
    Ok(parsed)
}

impl Parsed {
    fn take_single(&mut self, key: &str, last: &str, value: &str) -> Result<(), Refusal> {
        match (key, last) {
            ("select", _) => {
                self.query.select =
                    select::select(value).map_err(|e| failed("select parameter", value, e))?;
            }
            ("columns", _) => self.columns = Some(names("columns parameter", value)?),
            ("on_conflict", _) => self.on_conflict = Some(names("on_conflict parameter", value)?),
            ("cursor", _) => self.query.cursor = Some(value.to_owned()),
            (_, "limit") => self.range_of(key)?.limit = Some(range::limit(value)?),
            _ => self.range_of(key)?.offset = range::offset(value)?,
        }
        Ok(())
    }

    fn range_of(&mut self, key: &str) -> Result<&mut RowRange, Refusal> {
        let path = embed_path(key)?;
        let ranges = &mut self.query.ranges;
        let place = match ranges.iter().position(|(known, _)| *known == path) {
            Some(place) => place,
            None => {
                ranges.push((path, RowRange::default()));
                ranges.len() - 1
            }
        };
        Ok(&mut ranges[place].1)
    }

    fn take_logic(&mut self, key: &str, junction: Junction, value: &str) -> Result<(), Refusal> {
        let mut path = embed_path(key)?;
        let negated = path.last().is_some_and(|name| name == "not");
        if negated {
            path.pop();
        }
        let conditions = conditions(value).map_err(|e| failed("logic tree", value, e))?;
        let condition = junction.of(negated, conditions);
        self.query.filters.push((path, condition));
        Ok(())
    }

    fn take_filter(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let (path, field) = tree_path(key)?;
        let mut scan = Scan::new(value);
        let (negated, test) = filter::operation(&mut scan, filter::Within::Value)
            .and_then(|test| scan.expect_end("end of input").map(|()| test))
            .map_err(|e| failed("filter", value, e))?;
        let condition = Condition::Test {
            field,
            negated,
            test,
        };
        self.query.filters.push((path, condition));
        Ok(())
    }
}

/// A refusal that says what could not be read, where it stopped and why.
fn failed(what: &str, text: &str, syntax: Syntax) -> Refusal {
    const SHOWN_MAX: usize = 1_000; // a whole one is in the caller's hands
    let shown = match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    let column = syntax.column(text);
    refused(format!(
        "\"failed to parse {what} ({shown})\" (line 1, column {column})"
    ))
    .details(syntax.details(text))
}

fn refused(message: String) -> Refusal {
    Refusal::new("PGRST100", message)
}

fn decoded(text: &str) -> Result<std::borrow::Cow<'_, str>, Refusal> {
    params::decode(text).ok_or_else(|| refused("the query string is not UTF-8".to_owned()))
}

fn find<'a, T>(entries: &'a mut [(EmbedPath, T)], path: &EmbedPath) -> Option<&'a mut T> {
    entries
        .iter_mut()
        .find(|(known, _)| known == path)
        .map(|(_, value)| value)
}

fn names(what: &str, text: &str) -> Result<Vec<String>, Refusal> {
    let mut scan = Scan::new(text);
    let mut read = || {
        let mut names = Vec::new();
        loop {
            scan.skip_space();
            names.push(name(&mut scan)?);
            scan.skip_space();
            if scan.is_end() {
                return Ok(names);
            }
            scan.expect(",", "\",\" or end of input")?;
        }
    };
    read().map_err(|e| failed(what, text, e))
}

/// The path in front of a parameter's own name: `actors.roles` of `actors.roles.order`.
fn embed_path(key: &str) -> Result<EmbedPath, Refusal> {
    if !key.contains('.') {
        return Ok(EmbedPath::new());
    }
    tree_path(key).map(|(path, _)| path)
}

/// `actors.roles.doc->>name`: the path of embedded resources, and the field.
fn tree_path(key: &str) -> Result<(EmbedPath, Field), Refusal> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !key.is_empty() && key.bytes().all(is_plain) {
        return Ok((EmbedPath::new(), plain(key.to_owned())));
    }
    let mut scan = Scan::new(key);
    let mut read = || {
        let mut path = Vec::new();
        let mut last = name(&mut scan)?;
        while scan.eat(".") {
            path.push(std::mem::replace(&mut last, name(&mut scan)?));
        }
        let mut field = plain(last);
        (field.path, field.as_text) = json_path(&mut scan)?;
        scan.expect_end("\"->>\", \"->\", delimiter (.) or end of input")?;
        Ok((path, field))
    };
    read().map_err(|e| failed("tree path", key, e))
}

fn plain(name: String) -> Field {
    Field {
        name,
        path: Vec::new(),
        as_text: false,
    }
}

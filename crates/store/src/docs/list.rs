//! Lists of documents: filtered, ordered, in pages.

use super::document::{ID_MEMBER, SCORE_MEMBER, quoted, with_members};
use super::relation::{BODY, COLLECTION, ID};
use super::resolve::{self, Selected};
use crate::kv::check_name;
use crate::operation::{Operation, Reach};
use crate::refused;
use crate::relation::{compare, equals, select, tree};
use crate::request::{Query, Shape, TableRead};
use crate::store::Store;
use crate::tables::cursor::Keyset;
use crate::tables::resolve::filter::conjunction;
use crate::tables::resolve::rows::place_of;
use pando_model::engine::Step;
use pando_model::error::Refusal;
use pando_model::json;
use pando_model::plan::{Comparison, Filter, Output, Row, Scalar};
use pando_model::value::Value;

/// Bytes of a list at most.
const LIST_BYTES_MAX: usize = 128 << 20;

/// A page of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentList {
    /// The documents, each with its `_id`, as a JSON array.
    pub json: String,
    /// How many they are.
    pub documents: usize,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
    /// Whether `max_rows` cut it.
    pub truncated: bool,
}

/// How many documents a page holds.
pub(super) struct PageSize {
    pub most: u64,
    pub offset: u64,
    /// Whether `max_rows` is less than what was asked for.
    pub capped: bool,
}

impl Store {
    /// Lists the documents of a collection that pass a query's filters.
    pub fn docs_list(
        &self,
        collection: &str,
        query: &Query,
    ) -> Result<Operation<DocumentList>, Refusal> {
        check_name("collection", collection)?;
        let config = self.config();
        let size = self.page_size(query)?;
        let selected = resolve::selected(query, config)?;
        let table = self.collections().state().table.clone();
        let of_collection = equals(COLLECTION, Value::Text(collection.to_owned()));
        let filter = resolve::filter(query, config)?;
        let mut page = select(&table, &[], conjunction(vec![of_collection, filter]));
        page.order = resolve::order(query, config)?;
        let layout = Layout::new(selected, &mut page.output);
        let keyset = Keyset::of(&mut page);
        let request = as_read(collection, query);
        let mut offset = size.offset;
        page.offset = size.offset;
        if let Some(cursor) = &query.cursor {
            let bytes = self.open_cursor(cursor);
            let place = keyset.as_ref().zip(bytes).and_then(|(keyset, bytes)| {
                keyset
                    .place(&request, &bytes)
                    .ok()
                    .map(|place| (keyset, place))
            });
            let (keyset, place) = place.ok_or_else(foreign_cursor)?;
            let asked = std::mem::replace(&mut page.filter, Filter::Const(true));
            page.filter = conjunction(vec![asked, by_id(keyset.behind(&place))]);
            (page.offset, offset) = (0, place.offset);
        }
        // One more than is listed tells whether there is another page.
        page.limit = Some(size.most.saturating_add(u64::from(size.most > 0)));
        let seal = self.cursor_sealer();
        let steps = vec![Step::read(tree(page))];
        let list = Operation::reading(Reach::Many, steps, move |mut outcomes| {
            let rows = outcomes.pop().and_then(|read| read.rows);
            let rows = rows.map(|set| set.rows).unwrap_or_default();
            let more = rows.len() as u64 > size.most;
            let kept = rows
                .len()
                .min(usize::try_from(size.most).unwrap_or(usize::MAX));
            let json = layout.list(rows[..kept].iter().map(|row| (row, None)))?;
            let behind = offset.saturating_add(kept as u64);
            let last = rows[..kept].last().filter(|_| more);
            let cursor = keyset
                .as_ref()
                .zip(last)
                .map(|(keyset, last)| seal(&keyset.cursor(&request, behind, last)));
            Ok(DocumentList {
                json,
                documents: kept,
                cursor,
                truncated: more && size.capped,
            })
        });
        Ok(list.cached_as(super::cacheable(collection)))
    }

    pub(super) fn page_size(&self, query: &Query) -> Result<PageSize, Refusal> {
        let range = resolve::range(query)?;
        let max_rows = self.config().max_rows;
        Ok(PageSize {
            most: range.limit.unwrap_or(max_rows).min(max_rows),
            offset: range.offset,
            capped: range.limit.is_none_or(|limit| limit > max_rows),
        })
    }
}

/// Where the parts of a document lie in a row, and how they are written.
pub(super) struct Layout {
    selected: Selected,
    id: usize,
    body: Option<usize>,
    fields: Vec<usize>,
}

impl Layout {
    /// Adds to `output` what is written.
    pub(super) fn new(selected: Selected, output: &mut Vec<Output>) -> Layout {
        let id = place_of(output, Scalar::Column(ID));
        let body = selected
            .whole
            .then(|| place_of(output, Scalar::Column(BODY)));
        let fields = selected.fields.iter();
        Layout {
            id,
            body,
            fields: fields
                .map(|(_, scalar, _)| place_of(output, scalar.clone()))
                .collect(),
            selected,
        }
    }

    /// A row's id.
    pub(super) fn id<'r>(&self, row: &'r Row) -> &'r str {
        match row.get(self.id) {
            Some(Value::Text(id)) => id,
            _ => "",
        }
    }

    /// An array of documents, each with its score where it has one that is wanted.
    pub(super) fn list<'r>(
        &self,
        rows: impl Iterator<Item = (&'r Row, Option<f64>)>,
    ) -> Result<String, Refusal> {
        let mut out = String::from("[");
        for (place, (row, score)) in rows.enumerate() {
            if place > 0 {
                out.push_str(", ");
            }
            out.push_str(&self.document(row, score)?);
            if out.len() > LIST_BYTES_MAX {
                return Err(refused::malformed(format!(
                    "the list is longer than {LIST_BYTES_MAX} bytes"
                ))
                .hint("Ask for fewer documents with limit, or for less of them with select."));
            }
        }
        out.push(']');
        Ok(out)
    }

    fn document(&self, row: &Row, score: Option<f64>) -> Result<String, Refusal> {
        let mut members = vec![(ID_MEMBER, quoted(self.id(row)))];
        if let Some(score) = score.filter(|_| self.selected.score) {
            let mut digits = Vec::new();
            pando_model::float::write_double(score, &mut digits);
            members.push((SCORE_MEMBER, String::from_utf8_lossy(&digits).into_owned()));
        }
        for ((name, _, ty), place) in self.selected.fields.iter().zip(&self.fields) {
            let mut value = Vec::new();
            row.get(*place)
                .unwrap_or(&Value::Null)
                .write_json(ty, &mut value);
            members.push((name, String::from_utf8_lossy(&value).into_owned()));
        }
        let body = match self.body.and_then(|place| row.get(place)) {
            Some(Value::Jsonb(body)) => body.as_str(),
            _ => "{}",
        };
        let whole = with_members(&members, body);
        // A field beside the whole document, and two of one name, are one member.
        let twice =
            self.selected.fields.len() > 1 || (self.body.is_some() && !self.fields.is_empty());
        if twice {
            json::canonical(&whole)
        } else {
            Ok(whole)
        }
    }
}

/// A page by id goes on behind an id of its one collection: behind both as a tuple, SQLite would
/// pass over all that lies before.
fn by_id(behind: Filter) -> Filter {
    match behind {
        Filter::After { columns, values } if columns == [COLLECTION, ID] => {
            let id = values.into_iter().next_back().unwrap_or(Value::Null);
            compare(ID, Comparison::Gt, id)
        }
        other => other,
    }
}

/// The list as a cursor knows it: documents are a table's rows.
fn as_read(collection: &str, query: &Query) -> TableRead {
    TableRead {
        table: format!("docs\0{collection}"),
        query: query.clone(),
        count: None,
        shape: Shape::Array,
    }
}

pub(super) fn foreign_cursor() -> Refusal {
    refused::malformed("the cursor is none of this list's")
        .hint("Send what Pando-Cursor gave, with the same request.")
}

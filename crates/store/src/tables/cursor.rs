//! Cursors: the place in a list behind which the next page begins.
//!
//! In bytes: a digest of what the list is a list of, how many rows lie before
//! the place, and the canonical bytes of the values that the list is ordered by,
//! of the last row written. The store seals them, so that they come back as they
//! were given. A page is found by its values, not by counting: rows that come or
//! go before it do not move it.

use super::refusals;
use super::resolve::filter::conjunction;
use super::resolve::rows::place_of;
use crate::request::TableRead;
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, Filter, Is, OrderBy, Row, Scalar, Select};
use pando_model::schema::Table;
use pando_model::value::Value;

const DIGEST_BYTES: usize = 16;
const HEAD_BYTES: usize = DIGEST_BYTES + 8;

/// The total order of a list, as far as a cursor needs it.
#[derive(Debug)]
pub(crate) struct Keyset(Vec<Term>);

#[derive(Debug)]
struct Term {
    scalar: Scalar,
    ty: ColumnType,
    nullable: bool,
    descending: bool,
    nulls_first: bool,
    /// Where its value lies in a row.
    place: usize,
}

/// A place in a list.
pub(crate) struct Place {
    /// How many rows lie before it.
    pub offset: u64,
    values: Vec<Value>,
}

impl Keyset {
    /// The keyset of a select whose rows are a table's; adds to its outputs what a cursor
    /// holds. `None` where the order looks at another table: such a list pages by offset.
    pub(crate) fn of(select: &mut Select) -> Option<Keyset> {
        let table = std::sync::Arc::clone(&select.table);
        let mut terms = Vec::with_capacity(select.order.len() + table.primary_key.columns.len());
        for order in &select.order {
            let OrderBy::Scalar(scalar) = &order.by else {
                return None;
            };
            let place = place_of(&mut select.output, scalar.clone());
            let mut term = Term::ascending(&table, scalar.clone(), place);
            term.descending = order.descending;
            term.nulls_first = order.nulls_first;
            terms.push(term);
        }
        for ix in &table.primary_key.columns {
            let scalar = Scalar::Column(*ix);
            if !terms.iter().any(|term: &Term| term.scalar == scalar) {
                let place = place_of(&mut select.output, scalar.clone());
                terms.push(Term::ascending(&table, scalar, place));
            }
        }
        Some(Keyset(terms))
    }

    /// The cursor behind a row.
    pub(crate) fn cursor(&self, request: &TableRead, offset: u64, last: &Row) -> Vec<u8> {
        let parts: Vec<(&ColumnType, &Value)> = self
            .0
            .iter()
            .map(|term| (&term.ty, last.get(term.place).unwrap_or(&Value::Null)))
            .collect();
        let mut cursor = digest(request).to_vec();
        cursor.extend_from_slice(&offset.to_le_bytes());
        cursor.extend_from_slice(&canonical::bytes_of(&parts));
        cursor
    }

    /// Reads a cursor; refused if it belongs to another list.
    pub(crate) fn place(&self, request: &TableRead, cursor: &[u8]) -> Result<Place, Refusal> {
        let known = || -> Option<Place> {
            let (head, values) = cursor.split_at_checked(HEAD_BYTES)?;
            let (digest_given, offset) = head.split_at(DIGEST_BYTES);
            if digest_given != digest(request) {
                return None;
            }
            let types: Vec<&ColumnType> = self.0.iter().map(|term| &term.ty).collect();
            Some(Place {
                offset: u64::from_le_bytes(offset.try_into().ok()?),
                values: canonical::values_of(&types, values)?,
            })
        };
        known().ok_or_else(refusals::bad_cursor)
    }

    /// The condition that rows behind a place pass.
    pub(crate) fn behind(&self, place: &Place) -> Filter {
        if let Some(columns) = self.ascending_columns() {
            return Filter::After {
                columns,
                values: place.values.clone(),
            };
        }
        let terms: Vec<(&Term, &Value)> = self.0.iter().zip(&place.values).collect();
        let branches = terms.iter().enumerate().filter_map(|(at, (term, value))| {
            let beyond = term.beyond(value)?;
            let mut all: Vec<Filter> = terms[..at]
                .iter()
                .map(|(term, value)| term.same(value))
                .collect();
            all.push(beyond);
            Some(conjunction(all))
        });
        Filter::Or(branches.collect())
    }

    /// The columns, where they can be compared as one tuple.
    fn ascending_columns(&self) -> Option<Vec<usize>> {
        let column = |term: &Term| match term.scalar {
            Scalar::Column(ix) if !term.nullable && !term.descending => Some(ix),
            _ => None,
        };
        self.0.iter().map(column).collect()
    }
}

impl Term {
    fn ascending(table: &Table, scalar: Scalar, place: usize) -> Term {
        Term {
            ty: scalar.ty(table),
            nullable: !matches!(scalar, Scalar::Column(ix) if !table.columns[ix].nullable),
            descending: false,
            nulls_first: false,
            scalar,
            place,
        }
    }

    fn same(&self, value: &Value) -> Filter {
        match value {
            Value::Null => self.null(),
            _ => self.compare(Comparison::Eq, value),
        }
    }

    /// What comes after a value in this term's order; `None` where nothing does.
    fn beyond(&self, value: &Value) -> Option<Filter> {
        if value.is_null() {
            return self.nulls_first.then(|| Filter::Not(Box::new(self.null())));
        }
        let greater = if self.descending {
            Comparison::Lt
        } else {
            Comparison::Gt
        };
        let greater = self.compare(greater, value);
        Some(if self.nullable && !self.nulls_first {
            Filter::Or(vec![greater, self.null()])
        } else {
            greater
        })
    }

    fn compare(&self, op: Comparison, value: &Value) -> Filter {
        Filter::Compare {
            left: self.scalar.clone(),
            op,
            right: value.clone(),
        }
    }

    fn null(&self) -> Filter {
        Filter::Is {
            left: self.scalar.clone(),
            what: Is::Null,
        }
    }
}

/// What a list is a list of: the table, the root's filters and order.
fn digest(request: &TableRead) -> [u8; DIGEST_BYTES] {
    let query = &request.query;
    let text = format!("{:?}{:?}{:?}", request.table, query.filters, query.order);
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..DIGEST_BYTES]);
    digest
}

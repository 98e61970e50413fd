//! What is asked: the key that an answer lies under, and what the answer depends on.

use super::asked::{Asked, AskedRead};
use crate::tag::Tag;
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::engine::Cacheable;
use pando_model::plan::{
    Child, Comparison, Filter, Join, KeySource, OrderBy, Output, RowSet, Scalar, Select, Tree,
};
use pando_model::schema::{ColumnIx, Table};
use pando_model::slot::Slot;
use pando_model::value::Value;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

/// Rows, or slots, that one select names; who names more depends on the table.
const PINNED_MAX: usize = 64;
/// Tags of one answer; one that would have more depends on its tables.
const TAGS_MAX: usize = 256;

/// The key of a question: BLAKE3 of all that its answer depends on besides the position, and of the
/// generation under which it is kept. The time of asking is left out where rows run out by
/// themselves: the entry says until when it holds.
pub(super) fn key_of(asked: &Asked, of: &Cacheable, generation: u64) -> [u8; 32] {
    let mut question = Question {
        bytes: Vec::with_capacity(512),
        now_us: of.expiry.map(|expiry| expiry.now_us),
    };
    (asked.schema_version, &of.collection, generation).hash(&mut question);
    asked.reads.hash(&mut question);
    *blake3::hash(&question.bytes).as_bytes()
}

/// Keeps what is hashed. Lengths and kinds are hashed too, so that no two questions are the same
/// bytes.
struct Question {
    bytes: Vec<u8>,
    now_us: Option<i64>,
}

impl Hasher for Question {
    fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn write_i64(&mut self, number: i64) {
        let number = match self.now_us {
            Some(now_us) if now_us == number => i64::MIN,
            _ => number,
        };
        self.write(&number.to_le_bytes());
    }

    fn finish(&self) -> u64 {
        // Only the bytes are looked at.
        0
    }
}

/// Whether others than Pando write to something that a question looks at: no feed tells of that.
pub(super) fn is_foreign(asked: &Asked) -> bool {
    asked.reads.iter().any(|read| looks_at_foreign(&read.tree))
}

fn looks_at_foreign(tree: &Tree) -> bool {
    let is_foreign_join =
        |join: &Join| join.table.adopted || join.via.as_ref().is_some_and(|via| via.table.adopted);
    let select = &tree.select;
    select.table.adopted
        || joins_of(select).into_iter().any(is_foreign_join)
        || tree.children.iter().any(|child| {
            child.via.as_ref().is_some_and(|via| via.table.adopted) || looks_at_foreign(&child.tree)
        })
}

/// What an answer depends on.
pub(super) fn touched(reads: &[AskedRead], rows: &[RowSet]) -> Vec<Tag> {
    let mut tags = BTreeSet::new();
    for (AskedRead { tree, .. }, rows) in reads.iter().zip(rows) {
        of_select(&tree.select, &mut tags);
        of_children(tree, rows, &mut tags);
    }
    if tags.len() > TAGS_MAX {
        tags.clear();
        for read in reads {
            of_tables(&read.tree, &mut tags);
        }
    }
    tags.into_iter().collect()
}

/// When the first of the rows runs out.
pub(super) fn first_end(rows: &[RowSet], output: usize) -> Option<i64> {
    rows.iter()
        .filter_map(|set| first_end_of(set, output))
        .min()
}

fn first_end_of(rows: &RowSet, output: usize) -> Option<i64> {
    let own = rows.rows.iter().filter_map(|row| match row.get(output) {
        Some(Value::Timestamp(at)) => Some(*at),
        _ => None,
    });
    let below = rows
        .children
        .iter()
        .filter_map(|set| first_end_of(set, output));
    own.chain(below).min()
}

fn of_select(select: &Select, tags: &mut BTreeSet<Tag>) {
    let table = &*select.table;
    tags.extend(of_filter(table, &select.filter));
    of_joins(select, tags);
}

/// The narrowest that a filter pins down: rows, slots, or the table.
fn of_filter(table: &Table, filter: &Filter) -> Vec<Tag> {
    if let Some(keys) = pinned(table, filter, &table.primary_key.columns) {
        return keys.iter().map(|key| Tag::row(&table.name, key)).collect();
    }
    match pinned(table, filter, &table.shard_key) {
        Some(keys) => {
            let slots = keys.iter().map(|key| Slot::of_key(key));
            slots.map(|slot| Tag::slot(&table.name, slot)).collect()
        }
        None => vec![Tag::table(&table.name)],
    }
}

/// The canonical bytes of the values that a filter lets these columns have, where they are few;
/// `None` where it does not say.
fn pinned(table: &Table, filter: &Filter, columns: &[ColumnIx]) -> Option<Vec<Vec<u8>>> {
    if columns.is_empty() {
        return None;
    }
    let mut keys: Vec<Vec<&Value>> = vec![Vec::new()];
    for column in columns {
        let values = values_of(filter, *column)?;
        if keys.len() * values.len() > PINNED_MAX {
            return None;
        }
        keys = keys
            .iter()
            .flat_map(|key| {
                values
                    .iter()
                    .map(|value| [key.as_slice(), &[*value]].concat())
            })
            .collect();
    }
    Some(
        keys.iter()
            .map(|key| bytes_of(table, columns, key))
            .collect(),
    )
}

fn bytes_of(table: &Table, columns: &[ColumnIx], key: &[&Value]) -> Vec<u8> {
    let parts: Vec<(&ColumnType, &Value)> = columns
        .iter()
        .zip(key)
        .map(|(column, value)| (&table.columns[*column].ty, *value))
        .collect();
    canonical::bytes_of(&parts)
}

/// The values that a filter lets a column have, where it names them.
fn values_of(filter: &Filter, column: ColumnIx) -> Option<Vec<&Value>> {
    let is_it = |scalar: &Scalar| *scalar == Scalar::Column(column);
    match filter {
        Filter::And(all) => all.iter().find_map(|one| values_of(one, column)),
        Filter::Compare {
            left,
            op: Comparison::Eq,
            right,
        } if is_it(left) => Some(vec![right]),
        Filter::In { left, values } if is_it(left) => Some(values.iter().collect()),
        Filter::Keys { columns, keys } => {
            let place = columns.iter().position(|named| *named == column)?;
            Some(keys.iter().map(|key| &key[place]).collect())
        }
        _ => None,
    }
}

fn of_joins(select: &Select, tags: &mut BTreeSet<Tag>) {
    for join in joins_of(select) {
        tags.insert(Tag::table(&join.table.name));
        tags.extend(join.via.iter().map(|via| Tag::table(&via.table.name)));
    }
}

/// Other tables that decide which rows there are, and in which order.
fn joins_of(select: &Select) -> Vec<&Join> {
    let mut joins = Vec::new();
    of_exists(&select.filter, &mut joins);
    joins.extend(select.order.iter().filter_map(|order| match &order.by {
        OrderBy::Related(join, _) => Some(join),
        OrderBy::Scalar(_) | OrderBy::Output(_) => None,
    }));
    joins
}

fn of_exists<'a>(filter: &'a Filter, joins: &mut Vec<&'a Join>) {
    match filter {
        Filter::And(all) | Filter::Or(all) => {
            for one in all {
                of_exists(one, joins);
            }
        }
        Filter::Not(inner) => of_exists(inner, joins),
        Filter::Exists { join, filter } => {
            joins.push(join);
            of_exists(filter, joins);
        }
        _ => {}
    }
}

fn of_children(tree: &Tree, rows: &RowSet, tags: &mut BTreeSet<Tag>) {
    for (child, below) in tree.children.iter().zip(&rows.children) {
        match by_key(tree, child, rows) {
            Some(found) => tags.extend(found),
            None => {
                tags.insert(Tag::table(&child.tree.select.table.name));
                tags.extend(child.via.iter().map(|via| Tag::table(&via.table.name)));
            }
        }
        of_joins(&child.tree.select, tags);
        of_children(&child.tree, below, tags);
    }
}

/// What is embedded by a key that names rows or slots depends on those alone.
fn by_key(tree: &Tree, child: &Child, rows: &RowSet) -> Option<Vec<Tag>> {
    let table = &*child.tree.select.table;
    let mut columns = Vec::with_capacity(child.key.len());
    for (place, source) in child.parent.iter().zip(&child.key) {
        let KeySource::Table(column) = source else {
            return None;
        };
        let Some(Output::Scalar(scalar)) = tree.select.output.get(*place) else {
            return None;
        };
        // The bytes of a key are those of its own type.
        if scalar.ty(&tree.select.table) != table.columns[*column].ty {
            return None;
        }
        columns.push((*column, *place));
    }
    let names_rows = places_of(&columns, &table.primary_key.columns);
    let names_slots = places_of(&columns, &table.shard_key);
    let (of, places, is_row) = match (names_rows, names_slots) {
        (Some(places), _) => (&table.primary_key.columns, places, true),
        (None, Some(places)) => (&table.shard_key, places, false),
        (None, None) => return None,
    };
    let keys = rows.rows.iter().map(|row| {
        let key: Vec<&Value> = places.iter().map(|place| &row[*place]).collect();
        key
    });
    let tags = keys
        .filter(|key| !key.iter().any(|value| value.is_null()))
        .map(|key| {
            let key = bytes_of(table, of, &key);
            match is_row {
                true => Tag::row(&table.name, &key),
                false => Tag::slot(&table.name, Slot::of_key(&key)),
            }
        });
    Some(tags.collect())
}

/// Where a parent's row has the values of these columns, if it has all.
fn places_of(columns: &[(ColumnIx, usize)], wanted: &[ColumnIx]) -> Option<Vec<usize>> {
    if wanted.is_empty() {
        return None;
    }
    let place = |column: &ColumnIx| {
        let found = columns.iter().find(|(named, _)| named == column);
        found.map(|(_, place)| *place)
    };
    wanted.iter().map(place).collect()
}

fn of_tables(tree: &Tree, tags: &mut BTreeSet<Tag>) {
    tags.insert(Tag::table(&tree.select.table.name));
    of_joins(&tree.select, tags);
    for child in &tree.children {
        tags.extend(child.via.iter().map(|via| Tag::table(&via.table.name)));
        of_tables(&child.tree, tags);
    }
}

//! From the schema in force to the one that a migration leads to: the steps an
//! engine takes, the fewest that do.

use super::draft::{Draft, DraftTable};
use pando_model::plan::{Change, Insert};
use pando_model::schema::{Schema, SchemaStep, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a migration comes to.
#[derive(Debug)]
pub struct Planned {
    /// The schema as it will be.
    pub schema: Schema,
    /// How it comes about.
    pub steps: Vec<SchemaStep>,
    /// Rows that the migration inserts, under the schema as it will be.
    pub inserts: Vec<Change>,
}

/// Plans the way from the schema that the draft was begun with.
pub(super) fn plan(draft: Draft, from: &Schema) -> Planned {
    let mut tables: BTreeMap<String, Arc<Table>> = BTreeMap::new();
    let mut altered = Vec::new();
    let mut created = Vec::new();
    let mut indexes = Vec::new();
    for (name, made) in draft.tables {
        let table = match &made.origin {
            // Untouched tables stay the same in memory, too.
            Some(origin) if **origin == made.table => Arc::clone(origin),
            _ => Arc::new(made.table.clone()),
        };
        match &made.origin {
            None => created.push(Arc::clone(&table)),
            Some(origin) if **origin == *table => {}
            Some(origin) if only_indexes_differ(origin, &table) => {
                index_steps(origin, &table, &mut indexes);
            }
            Some(origin) => altered.push(alter_step(origin, &table, &made)),
        }
        tables.insert(name, table);
    }
    let mut steps = altered;
    // What refers goes before what it refers to, and comes after it.
    let dropped = targets_first(draft.dropped);
    steps.extend(dropped.into_iter().rev().map(SchemaStep::DropTable));
    steps.extend(
        targets_first(created)
            .into_iter()
            .map(SchemaStep::CreateTable),
    );
    steps.extend(indexes);
    let inserts = draft
        .seeds
        .into_iter()
        .filter_map(|seed| {
            Some(Change::Insert(Insert {
                table: Arc::clone(tables.get(&seed.table)?),
                rows: seed.rows,
                conflict: None,
                returning: None,
            }))
        })
        .collect();
    Planned {
        schema: Schema {
            version: from.version + 1,
            tables,
            behind: from.behind.clone(),
        },
        steps,
        inserts,
    }
}

fn alter_step(from: &Arc<Table>, to: &Arc<Table>, made: &DraftTable) -> SchemaStep {
    SchemaStep::AlterTable {
        from: Arc::clone(from),
        to: Arc::clone(to),
        columns: made.sources.clone(),
    }
}

fn only_indexes_differ(from: &Table, to: &Table) -> bool {
    let mut same = to.clone();
    same.uniques.clone_from(&from.uniques);
    same.indexes.clone_from(&from.indexes);
    same == *from
}

fn index_steps(from: &Arc<Table>, to: &Arc<Table>, steps: &mut Vec<SchemaStep>) {
    let uniques = from.uniques.iter().filter(|own| !to.uniques.contains(own));
    let indexes = from.indexes.iter().filter(|own| !to.indexes.contains(own));
    let gone = uniques
        .map(|unique| &unique.name)
        .chain(indexes.map(|index| &index.name));
    let mut so_far = Arc::clone(from);
    for name in gone {
        steps.push(SchemaStep::DropIndex {
            table: Arc::clone(&so_far),
            name: name.clone(),
        });
        let table = Arc::make_mut(&mut so_far);
        table.uniques.retain(|unique| unique.name != *name);
        table.indexes.retain(|index| index.name != *name);
    }
    let uniques = to.uniques.iter().filter(|own| !from.uniques.contains(own));
    let indexes = to.indexes.iter().filter(|own| !from.indexes.contains(own));
    let new = uniques
        .map(|unique| &unique.name)
        .chain(indexes.map(|index| &index.name));
    for name in new {
        steps.push(SchemaStep::CreateIndex {
            table: Arc::clone(to),
            name: name.clone(),
        });
    }
}

/// The tables, each after those of them that it refers to, as far as they do not refer to
/// each other.
fn targets_first(tables: Vec<Arc<Table>>) -> Vec<Arc<Table>> {
    let by_name: BTreeMap<&str, &Arc<Table>> = tables
        .iter()
        .map(|table| (table.name.as_str(), table))
        .collect();
    let mut sorted: Vec<Arc<Table>> = Vec::with_capacity(tables.len());
    let mut seen = BTreeSet::new();
    for table in &tables {
        // Depth first, on a stack of our own: a chain of references may be long.
        let mut stack = vec![(table, 0)];
        if !seen.insert(table.name.as_str()) {
            continue;
        }
        while let Some((table, next)) = stack.pop() {
            let Some(key) = table.foreign_keys.get(next) else {
                sorted.push(Arc::clone(table));
                continue;
            };
            stack.push((table, next + 1));
            if let Some(target) = by_name.get(key.target.as_str())
                && seen.insert(target.name.as_str())
            {
                stack.push((target, 0));
            }
        }
    }
    sorted
}

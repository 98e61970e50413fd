//! Whether the data is sound: fences, keys, slots, references. Pages and indexes are
//! PostgreSQL's own to check (`pg_amcheck`, data checksums).

use crate::fault::Step;
use crate::layout::load;
use crate::session::Session;
use crate::shard::ShardRow;
use crate::sql::quoted;
use crate::writer::key_params;
use pando_model::canonical;
use pando_model::layout::Physical;
use pando_model::plan::{Filter, Tree};
use pando_model::reshape::first_dangling;
use pando_model::slot::Slot;
use pando_model::tree::read_tree;

/// Rows of each table whose slot is computed anew: enough to notice a hash that changed.
const ROWS_SAMPLED: u64 = 1_000;

/// Checks what a snapshot shows, and answers what is wrong, one line each.
pub(crate) fn verify_data(session: &Session, shard: &ShardRow) -> Step<Vec<String>> {
    let mut wrong = Vec::new();
    verify_shard(session, shard, &mut wrong)?;
    let layout = load(session)?;
    let mut tables: Vec<_> = layout.tables().collect();
    tables.sort_by_key(|physical| &physical.table.name);
    for physical in tables {
        verify_table(session, physical, &mut wrong)?;
    }
    Ok(wrong)
}

fn verify_shard(session: &Session, shard: &ShardRow, wrong: &mut Vec<String>) -> Step<()> {
    if shard
        .history
        .forks()
        .iter()
        .any(|fork| fork.at > shard.at.p)
    {
        wrong.push("a fork lies beyond the shard's position".to_owned());
    }
    let fences = session.first_int("SELECT count(*) FROM _pando_fence", &[])?;
    let expected = Slot::all().count() as i64;
    if fences != Some(expected) {
        wrong.push(format!(
            "there are {} fences, not {expected}",
            fences.unwrap_or(0)
        ));
    }
    let odd = session.first_int(
        "SELECT count(*) FROM _pando_fence AS f WHERE epoch < 1 \
         OR NOT EXISTS (SELECT FROM _pando_count AS c WHERE c.slot = f.slot AND seq >= 0) \
         OR schema_version <> (SELECT schema_version FROM _pando_shard)",
        &[],
    )?;
    if odd != Some(0) {
        wrong.push(format!(
            "{} fences are not counted on, or do not carry the schema in force",
            odd.unwrap_or(0)
        ));
    }
    Ok(())
}

fn verify_table(session: &Session, physical: &Physical, wrong: &mut Vec<String>) -> Step<()> {
    let table = &physical.table;
    let name = quoted(&table.name);
    // As they lie there, and the slots that they lie in.
    let sampled = session.read_page(table, None, ROWS_SAMPLED)?;
    let key = &table.primary_key.columns;
    for row in &sampled {
        let slot = canonical::slot_of_row(table, row);
        let sql = format!(
            "SELECT 1 FROM {name} WHERE {}",
            crate::layout::at_key(table, 1)
        );
        let params: Vec<_> = key_params(table, slot, row).collect();
        if !session.exists(&sql, &params)? {
            wrong.push(format!("table {}: a row lies in a wrong slot", table.name));
            break;
        }
    }
    let names = crate::layout::names(table, key);
    let doubled = format!("SELECT 1 FROM {name} GROUP BY {names} HAVING count(*) > 1 LIMIT 1");
    if session.exists(&doubled, &[])? {
        wrong.push(format!("table {}: a key is there twice", table.name));
    }
    if let Some(select) = first_dangling(physical) {
        debug_assert_ne!(select.filter, Filter::Const(true), "it asks for something");
        let tree = Tree {
            select,
            children: Vec::new(),
        };
        if !read_tree(session, &tree)?.rows.is_empty() {
            wrong.push(format!(
                "table {}: a row refers to one that is not there",
                table.name
            ));
        }
    }
    Ok(())
}

//! Which tables a request reads besides its own: a key limited to some tables
//! must not see others through embedding.

use crate::error::ApiError;
use crate::gate::{self, Caller};
use pando_model::schema::Schema;
use pando_store::keys::{Surface, Verb};
use pando_store::request::SelectItem;

/// 403 unless the caller may read every table that is embedded.
pub(super) fn permit(
    caller: &Caller,
    schema: &Schema,
    select: &[SelectItem],
) -> Result<(), ApiError> {
    let Some(key) = caller else {
        return Ok(());
    };
    for item in select {
        if let SelectItem::Embed(embed) = item {
            for table in tables_named(schema, &embed.target) {
                gate::require(key, Surface::Rest, Verb::Read, Some(table))?;
            }
            permit(caller, schema, &embed.items)?;
        }
    }
    Ok(())
}

/// The tables that an embedding's target can mean: the table of that name, else both ends of
/// every foreign key of that name or column.
fn tables_named<'a>(schema: &'a Schema, target: &'a str) -> Vec<&'a str> {
    if schema.table(target).is_some() {
        return vec![target];
    }
    let mut found = Vec::new();
    for table in schema.tables.values() {
        for key in &table.foreign_keys {
            let by_column = matches!(key.columns[..], [ix] if table.columns[ix].name == target);
            if key.name == target || by_column {
                found.extend([table.name.as_str(), key.target.as_str()]);
            }
        }
    }
    found
}

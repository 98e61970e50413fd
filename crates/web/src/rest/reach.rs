//! Which tables a request reads besides its own: a key limited to some tables
//! must not see others through embedding.

use crate::error::ApiError;
use crate::gate::{self, Caller};
use pando_store::Store;
use pando_store::keys::{Surface, Verb};
use pando_store::request::SelectItem;

/// 403 unless the caller may read every table that `select` on `table` embeds, and every
/// junction on the way: which rows are related is data of the junction's.
pub(super) fn permit(
    caller: &Caller,
    store: &Store,
    table: &str,
    select: &[SelectItem],
) -> Result<(), ApiError> {
    let Some(key) = caller else {
        return Ok(());
    };
    for table in store.tables_embedded(table, select) {
        gate::require(key, Surface::Rest, Verb::Read, Some(&table.name))?;
    }
    Ok(())
}

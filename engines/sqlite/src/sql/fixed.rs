//! How rows are found that a filter fixes columns of.

use pando_model::fixed::Fixed;
use pando_model::schema::Table;
use pando_model::slot::Slot;

/// How rows are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the clustered key, slot first. SQLite has to be told: it takes an index with fewer
    /// columns for the cheaper one, and then looks up twice.
    Clustered(Slot),
    /// The slot is known, and no index knows better.
    Slot(Slot),
    /// As SQLite likes.
    Any,
}

/// How the rows are best found, for an order that is that of the primary key or another.
pub(super) fn way(fixed: &Fixed<'_>, table: &Table, by_key: bool) -> Way {
    let Some(slot) = fixed.slot(table) else {
        return Way::Any;
    };
    let leads = fixed.value(table.primary_key.columns[0]).is_some();
    let indexed = fixed.is_indexed(table);
    if leads && (fixed.is_one_row(table) || (by_key && !indexed)) {
        Way::Clustered(slot)
    } else if leads || indexed {
        Way::Any
    } else {
        Way::Slot(slot)
    }
}

//! Reads of tables: plan, have it carried out, write the answer down.

use super::cursor::Keyset;
use super::directory::Directory;
use super::refusals;
use super::resolve::Resolver;
use super::resolve::filter::conjunction;
use super::shape::Layout;
use super::shape::children::Level;
use super::shape::fold::FOLD_ROWS_MAX;
use super::shape::page;
use crate::config::StoreConfig;
use crate::request::{Shape, TableRead};
use crate::session::TableAnswer;
use pando_model::error::Refusal;
use pando_model::plan::{Filter, RowSet, Tree};

/// How the answer to a read is paged and written down.
pub(crate) struct ReadPlan {
    layout: Layout,
    keyset: Option<Keyset>,
    /// Rows passed over: by the request, or by the pages before a cursor.
    offset: u64,
    /// Rows written at most.
    most: u64,
    /// Whether that is `max_rows` and less than was asked for.
    capped: bool,
    /// Whether the pages before are counted in `offset` but not by the engine.
    continued: bool,
}

impl ReadPlan {
    /// Plans a read: what an engine is asked, and what is made of its answer. `cursor` is the
    /// request's, unsealed.
    pub(crate) fn new(
        directory: &Directory,
        config: &StoreConfig,
        request: &TableRead,
        cursor: Option<&[u8]>,
    ) -> Result<(Tree, ReadPlan), Refusal> {
        let resolver = Resolver {
            directory,
            config,
            cut: true,
        };
        let plan = resolver.resolve(&request.table, &request.query)?;
        let capped = plan.range.limit.is_none_or(|limit| limit > config.max_rows);
        let most = plan.range.limit.unwrap_or(u64::MAX).min(config.max_rows);
        let mut read = ReadPlan {
            keyset: None,
            offset: plan.range.offset,
            most,
            capped,
            continued: cursor.is_some(),
            layout: plan.layout,
        };
        let mut tree = plan.tree;
        let select = &mut tree.select;
        if !plan.grouped && request.shape != Shape::Object {
            read.keyset = Keyset::of(select);
        }
        if let Some(cursor) = cursor {
            let keyset = read.keyset.as_ref().ok_or_else(refusals::bad_cursor)?;
            let place = keyset.place(request, cursor)?;
            let asked = std::mem::replace(&mut select.filter, Filter::Const(true));
            select.filter = conjunction(vec![asked, keyset.behind(&place)]);
            read.offset = place.offset;
        } else if read.layout.fold.is_none() {
            select.offset = plan.range.offset;
        }
        // One more than is written tells whether there is another page.
        select.limit = Some(match (&read.layout.fold, most) {
            (Some(_), _) => FOLD_ROWS_MAX + 1,
            (None, 0) => 0,
            (None, most) => most.saturating_add(1),
        });
        Ok((tree, read))
    }

    /// Whether there is a cursor behind each of its rows.
    pub(super) fn has_pages(&self) -> bool {
        self.keyset.is_some()
    }

    /// Writes an answer down; `seal` makes a cursor's text of its bytes.
    pub(crate) fn answer(
        &self,
        request: &TableRead,
        rows: &RowSet,
        seal: impl Fn(&[u8]) -> String,
    ) -> Result<TableAnswer, Refusal> {
        let level = Level::new(&self.layout, rows);
        let page = page::write(&level, request.shape, self.offset, self.most)?;
        let counted = request.count.is_some();
        let total = match (page.groups, rows.total) {
            (Some(groups), _) if counted => Some(groups),
            (_, Some(total)) if self.continued => Some(total.saturating_add(self.offset)),
            (_, total) => total,
        };
        if let Some(total) = total
            && self.offset > total
        {
            return Err(refusals::out_of_bounds(self.offset, total));
        }
        let last = usize::try_from(page.rows).ok().and_then(|count| {
            let last = count.checked_sub(1)?;
            rows.rows.get(last)
        });
        let cursor = match (&self.keyset, last) {
            (Some(keyset), Some(last)) if page.more => {
                let behind = self.offset.saturating_add(page.rows);
                Some(seal(&keyset.cursor(request, behind, last)))
            }
            _ => None,
        };
        let cut_below = level.children.iter().any(|child| child.is_cut());
        Ok(TableAnswer {
            body: page.body,
            rows: page.rows,
            offset: self.offset,
            total,
            truncated: page.more && self.capped || cut_below,
            cursor,
            affected: 0,
            inserted: 0,
            location: None,
        })
    }
}

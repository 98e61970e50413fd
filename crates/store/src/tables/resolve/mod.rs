//! A request's query, resolved against a schema into a plan and its layout.
//!
//! In three steps: [`embed`] chooses a relationship for every embedded resource
//! and makes a tree of [`Node`]s; filters, orders and ranges are put to the nodes
//! they name; [`select`] turns each node into a select and the layout of its
//! rows, [`rows`] those of a node that are a table's. [`filter`] and [`order`] resolve what the
//! nodes carry.

pub(crate) mod embed;
pub(crate) mod field;
pub(crate) mod filter;
pub(crate) mod order;
mod partial;
pub(crate) mod rows;
pub(crate) mod select;
mod selected;
pub(crate) mod types;

use super::directory::{Directory, Entry};
use super::refusals;
use super::relationships::Relationship;
use super::shape::Layout;
use crate::config::StoreConfig;
use crate::request::{Condition, Embed, OrderTerm, Query, RowRange, SelectItem, Test};
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, Filter, Tree};

/// Terms of all orders of a request. What lies behind a cursor is told by half their square of
/// comparisons.
const ORDER_TERMS_MAX: usize = 64;

/// A query that an engine can carry out, and how its answer is written.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What is read; of the root, filter and order are set, limit and offset are not.
    pub tree: Tree,
    /// How it is written down.
    pub layout: Layout,
    /// Whether the root's rows are groups, made by the engine or by a fold.
    pub grouped: bool,
    /// What the root was asked for.
    pub range: RowRange,
}

/// What a query is resolved with.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    /// The schema.
    pub directory: &'a Directory,
    /// The limits.
    pub config: &'a StoreConfig,
    /// Whether lists are cut at `max_rows`: those of reads are, those that a write returns are not.
    pub cut: bool,
}

/// A resource of a request: the root, or one that is embedded.
pub(crate) struct Node<'a> {
    /// Its table.
    pub entry: &'a Entry,
    /// How the request embeds it, and by which relationship; `None` for the root.
    pub embed: Option<(&'a Embed, &'a Relationship)>,
    /// What is selected of it.
    pub items: &'a [SelectItem],
    /// Its conditions.
    pub filters: Vec<&'a Condition>,
    /// Its order.
    pub order: &'a [OrderTerm],
    /// Its range.
    pub range: RowRange,
    /// The resources embedded in it.
    pub children: Vec<Node<'a>>,
}

impl<'a> Resolver<'a> {
    /// Resolves a query on a table.
    pub(crate) fn resolve(&self, table: &str, query: &'a Query) -> Result<Plan, Refusal> {
        let entry = self.directory.entry(table)?;
        let root = self.nodes(entry, query, true)?;
        self.plan(&root)
    }

    /// Resolves what a write answers, and separately the condition on the rows it changes:
    /// conditions on the root choose rows, those on embedded resources shape the answer.
    pub(crate) fn resolve_write(
        &self,
        entry: &'a Entry,
        query: &'a Query,
    ) -> Result<(Filter, Plan), Refusal> {
        let whole = self.nodes(entry, query, true)?;
        let filter = filter::of_conditions(self, &whole)?;
        let answer = self.nodes(entry, query, false)?;
        Ok((filter, self.plan(&answer)?))
    }

    /// Only the condition on the root's rows.
    pub(crate) fn resolve_filter(
        &self,
        entry: &'a Entry,
        query: &'a Query,
    ) -> Result<Filter, Refusal> {
        filter::of_conditions(self, &self.nodes(entry, query, true)?)
    }

    fn nodes(
        &self,
        entry: &'a Entry,
        query: &'a Query,
        root_filters: bool,
    ) -> Result<Node<'a>, Refusal> {
        self.check_size(query)?;
        let mut root = embed::root(self, entry, &query.select)?;
        for (path, condition) in &query.filters {
            if root_filters || !path.is_empty() {
                root.at(path)?.filters.push(condition);
            }
        }
        for (path, terms) in &query.order {
            root.at(path)?.order = terms;
        }
        for (path, range) in &query.ranges {
            root.at(path)?.range = *range;
        }
        Ok(root)
    }

    fn plan(&self, root: &Node<'a>) -> Result<Plan, Refusal> {
        let built = select::build(self, root)?;
        Ok(Plan {
            grouped: built.grouped,
            tree: built.tree,
            layout: built.layout,
            range: root.range,
        })
    }

    fn check_size(&self, query: &Query) -> Result<(), Refusal> {
        let (mut conditions, mut values) = (0, 0);
        for (_, condition) in &query.filters {
            let size = size_of(condition);
            conditions += size.0;
            values += size.1;
        }
        let (filters_max, values_max) = (self.config.max_filters, self.config.max_list);
        let terms: usize = query.order.iter().map(|(_, terms)| terms.len()).sum();
        if conditions > filters_max {
            let setting = Some("max_filters");
            return Err(refusals::over_limit("filters", filters_max, setting));
        }
        if values > values_max {
            let what = "values in its lists";
            return Err(refusals::over_limit(what, values_max, None));
        }
        if terms > ORDER_TERMS_MAX {
            return Err(refusals::over_limit("order terms", ORDER_TERMS_MAX, None));
        }
        Ok(())
    }
}

impl<'a> Node<'a> {
    /// What the request calls it.
    pub(crate) fn name(&self) -> &'a str {
        match self.embed {
            Some((embed, _)) => embed.alias.as_deref().unwrap_or(&embed.target),
            None => &self.entry.table.name,
        }
    }

    /// The embedded resource of this name: by alias, or else by what it was asked for as.
    pub(crate) fn child(&self, name: &str) -> Option<&Node<'a>> {
        let at = self.child_at(name)?;
        self.children.get(at)
    }

    /// The node that a path of names leads to; refused (`PGRST108`) if there is none.
    fn at(&mut self, path: &[String]) -> Result<&mut Node<'a>, Refusal> {
        let Some((name, rest)) = path.split_first() else {
            return Ok(self);
        };
        match self.child_at(name) {
            Some(at) => self.children[at].at(rest),
            None => Err(refusals::not_embedded(name)),
        }
    }

    fn child_at(&self, name: &str) -> Option<usize> {
        let by_name = self.children.iter().position(|child| child.name() == name);
        by_name.or_else(|| {
            self.children
                .iter()
                .position(|child| child.embed.is_some_and(|(embed, _)| embed.target == name))
        })
    }
}

/// How many tests a condition holds, and how many values its lists have: those that are looked
/// up together. A test of each value is a test.
pub(crate) fn size_of(condition: &Condition) -> (usize, usize) {
    use crate::request::Operand;
    match condition {
        Condition::And(_, inner) | Condition::Or(_, inner) => inner
            .iter()
            .map(size_of)
            .fold((1, 0), |whole, part| (whole.0 + part.0, whole.1 + part.1)),
        Condition::Test { test, .. } => {
            use Comparison::{Eq, Ne};
            match test {
                Test::In(list)
                | Test::Compare(Eq, Operand::Any(list))
                | Test::Compare(Ne, Operand::All(list)) => (1, list.len()),
                Test::Compare(_, Operand::Any(list) | Operand::All(list))
                | Test::Match(_, Operand::Any(list) | Operand::All(list)) => (list.len().max(1), 0),
                _ => (1, 0),
            }
        }
    }
}

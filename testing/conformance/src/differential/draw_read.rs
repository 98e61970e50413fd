//! Reads drawn at random.

use crate::differential::draw::Draw;
use crate::differential::world::Relation;
use pando_model::aggregate::AggregateFn;
use pando_model::column::ColumnType;
use pando_model::plan::{Child, Filter, Order, OrderBy, Output, Scalar, Select, Tree};
use pando_model::schema::Table;
use std::sync::Arc;

impl Draw<'_> {
    /// A tree over a table, nested so deep at most.
    pub(super) fn tree(&mut self, table: &Arc<Table>, depth: usize) -> Tree {
        if self.chance(0.2) {
            let select = self.aggregate(table);
            return Tree {
                select,
                children: Vec::new(),
            };
        }
        let mut select = self.list(table);
        let mut children = Vec::new();
        if depth > 0 && self.chance(0.4) {
            for _ in 0..self.up_to(2) + 1 {
                children.extend(self.child(&mut select, depth - 1));
            }
        }
        Tree { select, children }
    }

    /// A list of rows.
    pub(super) fn list(&mut self, table: &Arc<Table>) -> Select {
        let output = (0..self.up_to(5) + 1)
            .map(|_| Output::Scalar(self.scalar(table)))
            .collect();
        let order = (0..self.up_to(3)).map(|_| self.order(table)).collect();
        Select {
            table: table.clone(),
            output,
            filter: self.maybe_filter(table),
            order,
            limit: self.limit(),
            offset: self.offset(),
        }
    }

    fn child(&mut self, parent: &mut Select, depth: usize) -> Option<Child> {
        let world = self.world;
        let here = world.place(&parent.table);
        let ways: Vec<&Relation> = world
            .relations
            .iter()
            .filter(|relation| relation.from == here)
            .collect();
        if ways.is_empty() {
            return None;
        }
        let way = *self.one(&ways);
        let first = parent.output.len();
        let columns = way.columns.iter();
        parent
            .output
            .extend(columns.map(|ix| Output::Scalar(Scalar::Column(*ix))));
        let table = world.tables[way.to].clone();
        Some(Child {
            parent: (first..parent.output.len()).collect(),
            via: way.via.clone(),
            key: way.key.clone(),
            tree: self.tree(&table, depth),
        })
    }

    fn aggregate(&mut self, table: &Arc<Table>) -> Select {
        let mut output = Vec::new();
        for _ in 0..self.up_to(3) {
            // json cannot be grouped by in PostgreSQL.
            let fits = self.column_that(table, |column| column.ty != ColumnType::Json);
            output.extend(fits.map(|ix| Output::Scalar(Scalar::Column(ix))));
        }
        for _ in 0..self.up_to(2) + 1 {
            let aggregate = self.aggregate_of(table);
            let place = self.up_to(output.len() + 1);
            output.insert(place, aggregate);
        }
        let order = (0..self.up_to(2))
            .map(|_| Order {
                by: OrderBy::Output(self.up_to(output.len())),
                descending: self.chance(0.5),
                nulls_first: self.chance(0.5),
            })
            .collect();
        Select {
            table: table.clone(),
            output,
            filter: self.maybe_filter(table),
            order,
            limit: self.limit(),
            offset: self.offset(),
        }
    }

    fn aggregate_of(&mut self, table: &Table) -> Output {
        let function = *self.one(&[
            AggregateFn::Count,
            AggregateFn::Sum,
            AggregateFn::Avg,
            AggregateFn::Min,
            AggregateFn::Max,
        ]);
        let input = self.column_that(table, |column| function.check(Some(&column.ty)).is_ok());
        match input {
            Some(ix) => Output::Aggregate(function, Some(Scalar::Column(ix))),
            None => Output::Aggregate(AggregateFn::Count, None),
        }
    }

    /// A column, a path or a cast that cannot fail.
    fn scalar(&mut self, table: &Table) -> Scalar {
        if self.chance(0.15)
            && let Some(path) = self.json_scalar(table)
        {
            return path;
        }
        let column = Scalar::Column(self.column(table));
        if self.chance(0.1) {
            return Scalar::Cast(Box::new(column), ColumnType::Text);
        }
        column
    }

    fn order(&mut self, table: &Table) -> Order {
        let is_orderable = |scalar: &Scalar, table: &Table| scalar.ty(table) != ColumnType::Json;
        let mut by = None;
        if self.chance(0.2)
            && let Some(join) = self.join(table, true)
        {
            let scalar = self.scalar(&join.table);
            by = is_orderable(&scalar, &join.table).then_some(OrderBy::Related(join, scalar));
        }
        let by = by.unwrap_or_else(|| {
            let scalar = self.scalar(table);
            OrderBy::Scalar(if is_orderable(&scalar, table) {
                scalar
            } else {
                Scalar::Column(table.primary_key.columns[0])
            })
        });
        Order {
            by,
            descending: self.chance(0.5),
            nulls_first: self.chance(0.5),
        }
    }

    fn maybe_filter(&mut self, table: &Table) -> Filter {
        if self.chance(0.35) {
            return Filter::Const(true);
        }
        self.filter(table, 2)
    }

    fn limit(&mut self) -> Option<u64> {
        self.chance(0.4).then(|| self.up_to(6) as u64)
    }

    fn offset(&mut self) -> u64 {
        if self.chance(0.2) {
            self.up_to(4) as u64
        } else {
            0
        }
    }
}

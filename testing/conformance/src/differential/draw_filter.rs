//! Filters drawn at random.

use crate::differential::draw::Draw;
use pando_model::column::ColumnType;
use pando_model::pattern::{Pattern, PatternKind};
use pando_model::plan::{Comparison, Containment, Filter, Is, Join, JsonStep, Scalar};
use pando_model::schema::{ColumnIx, Table};
use pando_model::text_search::{QueryForm, TextQuery};
use pando_model::value::Value;

const COMPARISONS: [Comparison; 6] = [
    Comparison::Eq,
    Comparison::Ne,
    Comparison::Lt,
    Comparison::Le,
    Comparison::Gt,
    Comparison::Ge,
];

const PATTERNS: [(PatternKind, &str); 9] = [
    (PatternKind::Like, "%"),
    (PatternKind::Like, "mill%"),
    (PatternKind::Like, "_u_"),
    (PatternKind::Like, r"100\%%"),
    (PatternKind::Like, r"a\_b"),
    (PatternKind::ILike, "%BUN%"),
    (PatternKind::ILike, "É"),
    (PatternKind::Regex, "^[a-m]"),
    (PatternKind::RegexInsensitive, "rye$"),
];

const QUERIES: [(QueryForm, &str); 6] = [
    (QueryForm::Fts, "cat & !rat"),
    (QueryForm::Fts, "fat <-> cat"),
    (QueryForm::Fts, "ca:*"),
    (QueryForm::Plain, "THE cat"),
    (QueryForm::Phrase, "sour rye"),
    (QueryForm::Websearch, "fat or 호떡 -rat"),
];

impl Draw<'_> {
    /// A filter on a table's rows, nested so deep at most.
    pub(super) fn filter(&mut self, table: &Table, depth: usize) -> Filter {
        match self.up_to(if depth == 0 { 12 } else { 16 }) {
            0..=2 => self.comparison(table),
            3 => self.key_filter(table),
            4 => self.membership(table),
            5 => self.is(table),
            6 => {
                let left = self.column(table);
                match table.columns[left].ty {
                    ColumnType::Json => Filter::Const(true),
                    _ => Filter::IsDistinct {
                        left: Scalar::Column(left),
                        right: self.cell(table, left),
                    },
                }
            }
            7 => self.on_text(table),
            8 => self.containment(table),
            9 => self.on_json(table),
            10 => self.after(table),
            11 => Filter::Const(self.chance(0.8)),
            12 => Filter::Not(Box::new(self.filter(table, depth - 1))),
            13 => self.exists(table, depth - 1),
            kind => {
                let parts = (0..self.up_to(3) + 1)
                    .map(|_| self.filter(table, depth - 1))
                    .collect();
                if kind == 14 {
                    Filter::And(parts)
                } else {
                    Filter::Or(parts)
                }
            }
        }
    }

    fn comparison(&mut self, table: &Table) -> Filter {
        // json has no equality in PostgreSQL.
        let Some(left) = self.column_that(table, |column| column.ty != ColumnType::Json) else {
            return Filter::Const(true);
        };
        Filter::Compare {
            left: Scalar::Column(left),
            op: *self.one(&COMPARISONS),
            right: if self.chance(0.02) {
                Value::Null
            } else {
                self.comparand(table, left)
            },
        }
    }

    fn key_filter(&mut self, table: &Table) -> Filter {
        let columns = table.primary_key.columns.clone();
        let keys = (0..self.up_to(5))
            .map(|_| columns.iter().map(|ix| self.known(table, *ix)).collect())
            .collect();
        Filter::Keys { columns, keys }
    }

    fn membership(&mut self, table: &Table) -> Filter {
        let Some(left) = self.column_that(table, |column| column.ty != ColumnType::Json) else {
            return Filter::Const(true);
        };
        let nulls = if self.chance(0.1) { 0.3 } else { 0.0 };
        let values = (0..self.up_to(6))
            .map(|_| {
                if self.chance(nulls) {
                    Value::Null
                } else {
                    self.comparand(table, left)
                }
            })
            .collect();
        Filter::In {
            left: Scalar::Column(left),
            values,
        }
    }

    fn is(&mut self, table: &Table) -> Filter {
        let left = self.column(table);
        let what = match table.columns[left].ty {
            ColumnType::Boolean => *self.one(&[Is::Null, Is::True, Is::False, Is::Unknown]),
            _ => Is::Null,
        };
        Filter::Is {
            left: Scalar::Column(left),
            what,
        }
    }

    fn on_text(&mut self, table: &Table) -> Filter {
        let left = match self.column_that(table, |column| column.ty == ColumnType::Text) {
            Some(ix) if self.chance(0.8) => Scalar::Column(ix),
            _ => Scalar::Cast(
                Box::new(Scalar::Column(self.column(table))),
                ColumnType::Text,
            ),
        };
        match self.up_to(3) {
            0 => {
                let (form, source) = *self.one(&QUERIES);
                let query = TextQuery::new(form, source).expect("a query");
                Filter::Search { left, query }
            }
            1 => {
                let (kind, source) = *self.one(&PATTERNS);
                let pattern = Pattern::new(kind, source).expect("a pattern");
                Filter::Match { left, pattern }
            }
            _ => Filter::Compare {
                left,
                op: *self.one(&COMPARISONS),
                right: Value::Text((*self.one(&["1", "bun", "kr", "f", ""])).to_owned()),
            },
        }
    }

    fn containment(&mut self, table: &Table) -> Filter {
        let holds = |ty: &ColumnType| matches!(ty, ColumnType::Jsonb | ColumnType::Array(_));
        let Some(left) = self.column_that(table, |column| holds(&column.ty)) else {
            return Filter::Const(true);
        };
        let op = match table.columns[left].ty {
            ColumnType::Jsonb => *self.one(&[Containment::Contains, Containment::ContainedBy]),
            _ => *self.one(&[
                Containment::Contains,
                Containment::ContainedBy,
                Containment::Overlaps,
            ]),
        };
        Filter::Containment {
            left: Scalar::Column(left),
            op,
            right: self.cell(table, left),
        }
    }

    fn on_json(&mut self, table: &Table) -> Filter {
        let Some(left) = self.json_scalar(table) else {
            return Filter::Const(true);
        };
        let right = match left.ty(table) {
            ColumnType::Jsonb => {
                let text = *self.one(&["1", "\"1\"", "null", "[1, 2]", "{\"c\": true}"]);
                Value::parse(&ColumnType::Jsonb, text).expect("jsonb")
            }
            ColumnType::Text => Value::Text((*self.one(&["1", "x", "true"])).to_owned()),
            _ => {
                return Filter::Is {
                    left,
                    what: Is::Null,
                };
            }
        };
        Filter::Compare {
            left,
            op: *self.one(&COMPARISONS),
            right,
        }
    }

    /// A path into a JSON column, if the table has one.
    pub(super) fn json_scalar(&mut self, table: &Table) -> Option<Scalar> {
        let is_json = |ty: &ColumnType| matches!(ty, ColumnType::Json | ColumnType::Jsonb);
        let column = self.column_that(table, |column| is_json(&column.ty))?;
        let steps = [
            JsonStep::Key("a".to_owned()),
            JsonStep::Key("b".to_owned()),
            JsonStep::Key("c".to_owned()),
            JsonStep::Index(0),
            JsonStep::Index(-1),
        ];
        let path = (0..self.up_to(2) + 1)
            .map(|_| self.one(&steps).clone())
            .collect();
        Some(Scalar::Json {
            column,
            path,
            as_text: self.chance(0.5),
        })
    }

    fn after(&mut self, table: &Table) -> Filter {
        let columns = table.primary_key.columns.clone();
        let values = columns.iter().map(|ix| self.known(table, *ix)).collect();
        Filter::After { columns, values }
    }

    fn exists(&mut self, table: &Table, depth: usize) -> Filter {
        let Some(join) = self.join(table, false) else {
            return Filter::Const(true);
        };
        let filter = Box::new(self.filter(&join.table.clone(), depth));
        Filter::Exists { join, filter }
    }

    /// A relation of a table's rows, to one row at most if that is asked for.
    pub(super) fn join(&mut self, table: &Table, to_one: bool) -> Option<Join> {
        let world = self.world;
        let here = world.place(table);
        let fitting: Vec<_> = world
            .relations
            .iter()
            .filter(|relation| relation.from == here && (relation.to_one || !to_one))
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let relation = *self.one(&fitting);
        Some(Join {
            table: world.tables[relation.to].clone(),
            via: relation.via.clone(),
            on: relation
                .columns
                .iter()
                .copied()
                .zip(relation.key.iter().copied())
                .collect(),
        })
    }

    /// A value to compare a column with: of its pool, or of its type.
    fn comparand(&mut self, table: &Table, column: ColumnIx) -> Value {
        self.known(table, column)
    }
}

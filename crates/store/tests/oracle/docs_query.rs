//! Queries on documents drawn: what is selected, filtered, ordered, and how many.

use crate::draw::Draw;
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Containment, Is, JsonStep};
use pando_model::text_search::QueryForm;
use pando_store::request::{
    Condition, Field, Operand, OrderTerm, Query, RowRange, SelectItem, Test,
};

const PATTERNS: [&str; 10] = [
    "%", "_", "%o%", "F%", "대한%", "\\%", "^a", "[0-9]+", "(", "fox|dog",
];

impl Draw {
    /// One of two or three that are asked often, so that cursors are met again; or any.
    pub fn query(&mut self) -> Query {
        match self.below(10) {
            0..=2 => Query::default(),
            3 => Query {
                order: vec![(Vec::new(), vec![descending("a"), ascending("n")])],
                ranges: vec![(Vec::new(), limited(2))],
                ..Query::default()
            },
            _ => self.any_query(),
        }
    }

    fn any_query(&mut self) -> Query {
        let mut query = Query::default();
        for _ in 0..self.weighed(&[3, 8, 4, 1]) {
            query.filters.push((Vec::new(), self.condition(2)));
        }
        if self.percent(50) {
            let terms = (0..=self.below(2)).map(|_| self.term()).collect();
            query.order.push((Vec::new(), terms));
        }
        if self.percent(50) {
            let offset = self.one(&[0, 0, 0, 1, 3]);
            let limit = self.limit();
            query.ranges.push((Vec::new(), RowRange { limit, offset }));
        }
        if self.percent(30) {
            query.select = (0..=self.below(3)).map(|_| self.item()).collect();
        }
        query
    }

    fn condition(&mut self, depth: usize) -> Condition {
        let negated = self.percent(25);
        match self.weighed(&[6, depth, depth]) {
            0 => Condition::Test {
                field: self.field(),
                negated,
                test: self.test(),
            },
            1 => Condition::And(negated, self.conditions(depth - 1)),
            _ => Condition::Or(negated, self.conditions(depth - 1)),
        }
    }

    fn conditions(&mut self, depth: usize) -> Vec<Condition> {
        (0..=self.below(3)).map(|_| self.condition(depth)).collect()
    }

    fn field(&mut self) -> Field {
        let name = match self.below(60) {
            0 => "_score",
            1..=4 => "_id",
            _ => self.one(&["a", "b", "c", "n", "t", "가", "a.b", "nope"]),
        };
        let steps = if name == "_id" {
            0
        } else {
            self.weighed(&[10, 5, 1])
        };
        let of = [
            JsonStep::Key("c".into()),
            JsonStep::Key("t".into()),
            JsonStep::Key("0".into()),
            JsonStep::Key("가".into()),
            JsonStep::Index(0),
            JsonStep::Index(-1),
            JsonStep::Index(1),
        ];
        Field {
            name: name.to_owned(),
            path: (0..steps).map(|_| self.one(&of)).collect(),
            as_text: steps > 0 && self.percent(50),
        }
    }

    fn test(&mut self) -> Test {
        match self.weighed(&[30, 4, 8, 8, 10, 6, 8]) {
            0 => {
                let op = self.one(&[
                    Comparison::Eq,
                    Comparison::Eq,
                    Comparison::Ne,
                    Comparison::Lt,
                    Comparison::Le,
                    Comparison::Gt,
                    Comparison::Ge,
                ]);
                let operand = match self.weighed(&[6, 1, 1]) {
                    0 => Operand::One(self.operand()),
                    1 => Operand::Any(self.operands()),
                    _ => Operand::All(self.operands()),
                };
                Test::Compare(op, operand)
            }
            1 => Test::IsDistinct(self.operand()),
            2 => Test::In(self.operands()),
            3 => {
                let what = self.one(&[Is::Null, Is::Null, Is::True, Is::False, Is::Unknown]);
                Test::Is(what, self.percent(30))
            }
            4 => {
                let kind = self.one(&[
                    PatternKind::Like,
                    PatternKind::ILike,
                    PatternKind::Regex,
                    PatternKind::RegexInsensitive,
                ]);
                Test::Match(kind, Operand::One(self.one(&PATTERNS).to_owned()))
            }
            5 => {
                let form = self.one(&[
                    QueryForm::Fts,
                    QueryForm::Plain,
                    QueryForm::Phrase,
                    QueryForm::Websearch,
                ]);
                let words = self.one(&["fox", "quick fox", "대한민국", "fox & !dog", "(", ""]);
                Test::Search(form, None, words.to_owned())
            }
            _ => {
                let how = self.one(&[
                    Containment::Contains,
                    Containment::Contains,
                    Containment::ContainedBy,
                    Containment::Overlaps,
                ]);
                let operand =
                    self.one(&["{\"c\": 1}", "[]", "{}", "[1]", "1", "{\"c\"", "[\"a\"]"]);
                Test::Containment(how, operand.to_owned())
            }
        }
    }

    fn operands(&mut self) -> Vec<String> {
        (0..self.below(4)).map(|_| self.operand()).collect()
    }

    fn operand(&mut self) -> String {
        match self.below(3) {
            0 => self
                .one(&["fox", "FOX", "a", "1", "가", "'", "a\0", "A"])
                .to_owned(),
            _ => self.scalar().to_owned(),
        }
    }

    fn term(&mut self) -> OrderTerm {
        OrderTerm {
            relation: None,
            field: self.field(),
            descending: self.percent(50),
            nulls_first: self.one(&[None, Some(true), Some(false)]),
        }
    }

    fn item(&mut self) -> SelectItem {
        if self.percent(10) {
            return SelectItem::Star;
        }
        SelectItem::Field {
            alias: self.one(&[None, None, Some("x".to_owned()), Some("_id".to_owned())]),
            field: Some(self.field()),
            cast: self.one(&[None, None, None, Some("text".into()), Some("bigint".into())]),
            aggregate: None,
            aggregate_cast: None,
        }
    }
}

fn limited(limit: u64) -> RowRange {
    RowRange {
        limit: Some(limit),
        offset: 0,
    }
}

fn descending(name: &str) -> OrderTerm {
    OrderTerm {
        descending: true,
        ..ascending(name)
    }
}

fn ascending(name: &str) -> OrderTerm {
    OrderTerm {
        relation: None,
        field: Field {
            name: name.to_owned(),
            path: Vec::new(),
            as_text: false,
        },
        descending: false,
        nulls_first: None,
    }
}

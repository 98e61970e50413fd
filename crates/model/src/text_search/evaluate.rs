//! Whether a text satisfies a query.
//!
//! Outside of phrases AND, OR and NOT are those of logic. Inside of one they work on
//! places, with PostgreSQL's rules: each operand is a set of places (where it ends), or
//! the complement of one, and a width (how far before that it begins).

use super::{Node, Operator, Term, words_of};

pub(super) fn is_match(tree: &Node, terms: &[Term], text: &str) -> bool {
    let mut places = vec![Vec::new(); terms.len()];
    for (place, word) in (0_u32..).zip(words_of(text)) {
        for (term, places) in terms.iter().zip(&mut places) {
            if term.word == word || (term.prefix && word.starts_with(&term.word)) {
                places.push(place);
            }
        }
    }
    holds(tree, &places)
}

fn holds(node: &Node, places: &[Vec<u32>]) -> bool {
    match node {
        Node::Term(at) => places.get(*at).is_some_and(|places| !places.is_empty()),
        Node::Not(operand) => !holds(operand, places),
        Node::Binary(Operator::And, left, right) => holds(left, places) && holds(right, places),
        Node::Binary(Operator::Or, left, right) => holds(left, places) || holds(right, places),
        Node::Binary(Operator::Phrase(_), ..) => {
            let found = locate(node, places);
            found.negated || !found.places.is_empty()
        }
    }
}

/// Where an operand of a phrase is.
#[derive(Default)]
struct Located {
    /// In ascending order.
    places: Vec<u32>,
    /// It is everywhere but there.
    negated: bool,
    width: u32,
}

impl Located {
    fn is_nowhere(&self) -> bool {
        self.places.is_empty() && !self.negated
    }
}

fn locate(node: &Node, places: &[Vec<u32>]) -> Located {
    match node {
        Node::Term(at) => Located {
            places: places.get(*at).cloned().unwrap_or_default(),
            ..Located::default()
        },
        Node::Not(operand) => {
            let found = locate(operand, places);
            Located {
                negated: !found.negated,
                ..found
            }
        }
        Node::Binary(operator, left, right) => {
            let (left, right) = (locate(left, places), locate(right, places));
            let nothing = match operator {
                Operator::Or => left.is_nowhere() && right.is_nowhere(),
                _ => left.is_nowhere() || right.is_nowhere(),
            };
            if nothing {
                return Located::default();
            }
            combine(*operator, left, right)
        }
    }
}

fn combine(operator: Operator, left: Located, right: Located) -> Located {
    // The right operand's last word is where the whole ends.
    let (left_offset, right_offset, width) = match operator {
        Operator::Phrase(distance) => (
            distance + right.width,
            0,
            distance + left.width + right.width,
        ),
        _ => {
            let width = left.width.max(right.width);
            (width - left.width, width - right.width, width)
        }
    };
    let moved = |located: &Located, offset: u32| {
        let places = located.places.iter();
        places.map(|place| place + offset).collect::<Vec<u32>>()
    };
    let (in_left, in_right) = (moved(&left, left_offset), moved(&right, right_offset));
    let any = operator == Operator::Or;
    // By De Morgan, what is wanted of the two sets, and whether it is its complement.
    let (places, negated) = match (left.negated, right.negated, any) {
        (false, false, false) => (both(&in_left, &in_right), false),
        (false, false, true) => (either(&in_left, &in_right), false),
        (true, true, false) => (either(&in_left, &in_right), true),
        (true, true, true) => (both(&in_left, &in_right), true),
        (true, false, false) => (only_first(&in_right, &in_left), false),
        (false, true, false) => (only_first(&in_left, &in_right), false),
        (true, false, true) => (only_first(&in_left, &in_right), true),
        (false, true, true) => (only_first(&in_right, &in_left), true),
    };
    Located {
        places,
        negated,
        width,
    }
}

fn both(a: &[u32], b: &[u32]) -> Vec<u32> {
    let in_b = |place: &&u32| b.binary_search(place).is_ok();
    a.iter().filter(in_b).copied().collect()
}

fn only_first(a: &[u32], b: &[u32]) -> Vec<u32> {
    let not_in_b = |place: &&u32| b.binary_search(place).is_err();
    a.iter().filter(not_in_b).copied().collect()
}

fn either(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

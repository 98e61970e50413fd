//! `and=(…)` and `or=(…)`: conditions in parentheses.

use super::field::field;
use super::filter::{Within, operation};
use super::scan::{Scan, Syntax};
use pando_store::request::Condition;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Junction {
    /// All of them.
    And,
    /// At least one.
    Or,
}

/// The value of `and=` or `or=`, parentheses included.
pub(crate) fn conditions(text: &str) -> Result<Vec<Condition>, Syntax> {
    let mut scan = Scan::new(text);
    let conditions = parenthesised(&mut scan)?;
    scan.expect_end("end of input after \")\"")?;
    Ok(conditions)
}

impl Junction {
    /// The condition that it makes of others.
    pub(crate) fn of(self, negated: bool, conditions: Vec<Condition>) -> Condition {
        match self {
            Junction::And => Condition::And(negated, conditions),
            Junction::Or => Condition::Or(negated, conditions),
        }
    }
}

fn parenthesised(scan: &mut Scan<'_>) -> Result<Vec<Condition>, Syntax> {
    scan.skip_space();
    scan.expect("(", "\"(\"")?;
    let conditions = scan.nested(|scan| {
        let mut conditions = Vec::new();
        loop {
            conditions.push(condition(scan)?);
            scan.skip_space();
            if !scan.eat(",") {
                return Ok(conditions);
            }
        }
    })?;
    scan.expect(")", "\",\" or \")\"")?;
    scan.skip_space();
    Ok(conditions)
}

fn condition(scan: &mut Scan<'_>) -> Result<Condition, Syntax> {
    scan.skip_space();
    if let Some((negated, junction)) = junction(scan) {
        return Ok(junction.of(negated, parenthesised(scan)?));
    }
    if matches!(scan.peek(), None | Some(b')' | b',')) {
        return scan.fail(
            "field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)",
        );
    }
    let field = field(scan)?;
    scan.expect(".", "delimiter (.)")?;
    let (negated, test) = operation(scan, Within::Logic)?;
    Ok(Condition::Test {
        field,
        negated,
        test,
    })
}

/// `[not.]and` or `[not.]or` before a parenthesis; else nothing is taken.
fn junction(scan: &mut Scan<'_>) -> Option<(bool, Junction)> {
    let start = scan.at();
    let negated = scan.eat("not.");
    let junction = match () {
        () if scan.eat("and") => Some(Junction::And),
        () if scan.eat("or") => Some(Junction::Or),
        () => None,
    };
    if let Some(junction) = junction {
        scan.skip_space();
        if scan.peek() == Some(b'(') {
            return Some((negated, junction));
        }
    }
    scan.rewind(start);
    None
}

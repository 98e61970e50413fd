//! `order=`: `a.desc.nullslast,rel(b).asc`.

use super::field::{field, name};
use super::scan::{Scan, Syntax};
use pando_store::request::OrderTerm;

/// The whole value of `order=`.
pub(crate) fn order(text: &str) -> Result<Vec<OrderTerm>, Syntax> {
    let mut scan = Scan::new(text);
    let mut terms = Vec::new();
    loop {
        terms.push(term(&mut scan)?);
        scan.skip_space();
        if scan.is_end() {
            return Ok(terms);
        }
        scan.expect(",", "\",\" or end of input")?;
    }
}

fn term(scan: &mut Scan<'_>) -> Result<OrderTerm, Syntax> {
    scan.skip_space();
    let start = scan.at();
    let relation = name(scan)?;
    let (relation, field) = if scan.eat("(") {
        let field = field(scan)?;
        scan.expect(")", "\"->>\", \"->\" or \")\"")?;
        (Some(relation), field)
    } else {
        scan.rewind(start);
        (None, field(scan)?)
    };
    let mut direction = None;
    let mut nulls_first = None;
    while scan.eat(".") {
        let at = scan.at();
        let word = scan.take_while(|c| c.is_ascii_alphabetic());
        match (word, direction, nulls_first) {
            ("asc", None, None) => direction = Some(false),
            ("desc", None, None) => direction = Some(true),
            ("nullsfirst", _, None) => nulls_first = Some(true),
            ("nullslast", _, None) => nulls_first = Some(false),
            (_, None, None) => {
                return scan.fail_at(at, "\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"");
            }
            (_, Some(_), None) => return scan.fail_at(at, "\"nullsfirst\" or \"nullslast\""),
            _ => return scan.fail_at(at, "\",\" or end of input"),
        }
    }
    Ok(OrderTerm {
        relation,
        field,
        descending: direction.unwrap_or(false),
        nulls_first,
    })
}

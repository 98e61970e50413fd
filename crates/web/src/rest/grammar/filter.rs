//! Operators and operands: `not.in.(a,b)`, `like(any).{a*,b*}`, `fts(simple).cat`.

use super::scan::{Scan, Syntax};
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Containment, Is};
use pando_model::text_search::QueryForm;
use pando_store::request::{Operand, Test};

const OPERATOR: &str = "operator (eq, gt, ...)";

/// Where an operand ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    /// With the parameter's value; nothing in it is special.
    Value,
    /// At a comma or a parenthesis, unless quoted or in braces.
    Logic,
}

/// `[not.]op.operand`; whether it is negated.
pub(crate) fn operation(scan: &mut Scan<'_>, within: Within) -> Result<(bool, Test), Syntax> {
    let negated = scan.eat("not.");
    let start = scan.at();
    let operator = scan.take_while(|c| c.is_ascii_lowercase());
    let test = match operator {
        "eq" => compare(scan, within, Comparison::Eq)?,
        "neq" => {
            dot(scan)?;
            Test::Compare(Comparison::Ne, Operand::One(operand(scan, within)))
        }
        "gt" => compare(scan, within, Comparison::Gt)?,
        "gte" => compare(scan, within, Comparison::Ge)?,
        "lt" => compare(scan, within, Comparison::Lt)?,
        "lte" => compare(scan, within, Comparison::Le)?,
        "like" => pattern(scan, within, PatternKind::Like)?,
        "ilike" => pattern(scan, within, PatternKind::ILike)?,
        "match" => pattern(scan, within, PatternKind::Regex)?,
        "imatch" => pattern(scan, within, PatternKind::RegexInsensitive)?,
        "in" => {
            dot(scan)?;
            Test::In(list(scan)?)
        }
        "is" => {
            dot(scan)?;
            is(scan)?
        }
        "isdistinct" => {
            dot(scan)?;
            Test::IsDistinct(operand(scan, within))
        }
        "fts" => search(scan, within, QueryForm::Fts)?,
        "plfts" => search(scan, within, QueryForm::Plain)?,
        "phfts" => search(scan, within, QueryForm::Phrase)?,
        "wfts" => search(scan, within, QueryForm::Websearch)?,
        "cs" => containment(scan, within, Containment::Contains)?,
        "cd" => containment(scan, within, Containment::ContainedBy)?,
        "ov" => containment(scan, within, Containment::Overlaps)?,
        "sl" | "sr" | "nxr" | "nxl" | "adj" => {
            return scan.fail_at(start, "another operator: there are no range types here");
        }
        _ if negated => return scan.fail_at(start, OPERATOR),
        _ => return scan.fail_at(start, "\"not\" or operator (eq, gt, ...)"),
    };
    Ok((negated, test))
}

/// The elements of `{a,"b c",d}`, PostgreSQL's text form of an array of one dimension.
fn array(text: &str, at: usize) -> Result<Vec<String>, Syntax> {
    let moved = |syntax: Syntax| Syntax {
        at: at + syntax.at,
        ..syntax
    };
    let mut scan = Scan::new(text);
    scan.skip_space();
    scan.expect("{", "\"{\": an array, such as {1,2}")
        .map_err(moved)?;
    let mut elements = Vec::new();
    scan.skip_space();
    if scan.eat("}") {
        scan.expect_end("end of input after the array")
            .map_err(moved)?;
        return Ok(elements);
    }
    loop {
        elements.push(element(&mut scan).map_err(moved)?);
        scan.skip_space();
        if scan.eat("}") {
            scan.expect_end("end of input after the array")
                .map_err(moved)?;
            return Ok(elements);
        }
        scan.expect(",", "\",\" or \"}\"").map_err(moved)?;
    }
}

fn element(scan: &mut Scan<'_>) -> Result<String, Syntax> {
    scan.skip_space();
    if scan.peek() == Some(b'"') {
        return scan.quoted();
    }
    let start = scan.at();
    let mut value = String::new();
    loop {
        value.push_str(scan.take_while(|c| !matches!(c, ',' | '{' | '}' | '"' | '\\')));
        if !scan.eat("\\") {
            break;
        }
        let mut escaped = true;
        value.push_str(scan.take_while(|_| std::mem::take(&mut escaped)));
    }
    value.truncate(value.trim_end().len());
    if value.is_empty() || value.eq_ignore_ascii_case("null") {
        return scan.fail_at(start, "a value (NULL matches nothing under any and all)");
    }
    Ok(value)
}

fn compare(scan: &mut Scan<'_>, within: Within, op: Comparison) -> Result<Test, Syntax> {
    Ok(Test::Compare(op, quantified(scan, within)?))
}

fn pattern(scan: &mut Scan<'_>, within: Within, kind: PatternKind) -> Result<Test, Syntax> {
    let mut operand = quantified(scan, within)?;
    if matches!(kind, PatternKind::Like | PatternKind::ILike) {
        let (Operand::Any(texts) | Operand::All(texts)) = &mut operand else {
            let Operand::One(text) = operand else {
                return Ok(Test::Match(kind, operand));
            };
            return Ok(Test::Match(kind, Operand::One(text.replace('*', "%"))));
        };
        for text in texts {
            *text = text.replace('*', "%");
        }
    }
    Ok(Test::Match(kind, operand))
}

fn quantified(scan: &mut Scan<'_>, within: Within) -> Result<Operand, Syntax> {
    let all = match () {
        () if scan.eat("(any)") => Some(false),
        () if scan.eat("(all)") => Some(true),
        () => None,
    };
    dot(scan)?;
    let start = scan.at();
    let text = operand(scan, within);
    Ok(match all {
        None => Operand::One(text),
        Some(false) => Operand::Any(array(&text, start)?),
        Some(true) => Operand::All(array(&text, start)?),
    })
}

fn search(scan: &mut Scan<'_>, within: Within, form: QueryForm) -> Result<Test, Syntax> {
    let mut configuration = None;
    if scan.eat("(") {
        configuration = Some(super::field::identifier(scan)?.to_owned());
        scan.expect(")", "\")\"")?;
    }
    dot(scan)?;
    Ok(Test::Search(form, configuration, operand(scan, within)))
}

fn containment(scan: &mut Scan<'_>, within: Within, op: Containment) -> Result<Test, Syntax> {
    dot(scan)?;
    Ok(Test::Containment(op, operand(scan, within)))
}

fn is(scan: &mut Scan<'_>) -> Result<Test, Syntax> {
    let start = scan.at();
    let word = scan.take_while(|c| c.is_ascii_alphabetic() || c == '_');
    let (what, negated) = match () {
        () if word.eq_ignore_ascii_case("null") => (Is::Null, false),
        () if word.eq_ignore_ascii_case("not_null") => (Is::Null, true),
        () if word.eq_ignore_ascii_case("true") => (Is::True, false),
        () if word.eq_ignore_ascii_case("false") => (Is::False, false),
        () if word.eq_ignore_ascii_case("unknown") => (Is::Unknown, false),
        () => return scan.fail_at(start, "isVal: (null, not_null, true, false, unknown)"),
    };
    Ok(Test::Is(what, negated))
}

/// `(a,"b,c",d)`.
fn list(scan: &mut Scan<'_>) -> Result<Vec<String>, Syntax> {
    scan.skip_space();
    scan.expect("(", "\"(\"")?;
    let mut values = Vec::new();
    if !scan.eat(")") {
        loop {
            let value = match quoted_whole(scan) {
                Some(value) => value,
                None => scan.take_while(|c| c != ',' && c != ')').to_owned(),
            };
            values.push(value);
            if !scan.eat(",") {
                break;
            }
        }
        scan.expect(")", "\",\" or \")\"")?;
    }
    scan.skip_space();
    Ok(values)
}

fn operand(scan: &mut Scan<'_>, within: Within) -> String {
    if within == Within::Value {
        return scan.take_rest().to_owned();
    }
    if let Some(value) = quoted_whole(scan) {
        return value;
    }
    let start = scan.at();
    if scan.eat("{") {
        let inside = scan.take_while(|c| c != '{' && c != '}');
        if scan.eat("}") {
            return format!("{{{inside}}}");
        }
        scan.rewind(start);
    }
    scan.take_while(|c| c != ',' && c != ')').to_owned()
}

/// A quoted text that a comma, a parenthesis or the end follows; else nothing is taken.
fn quoted_whole(scan: &mut Scan<'_>) -> Option<String> {
    let start = scan.at();
    if scan.peek() == Some(b'"')
        && let Ok(value) = scan.quoted()
        && matches!(scan.peek(), None | Some(b',' | b')'))
    {
        return Some(value);
    }
    scan.rewind(start);
    None
}

fn dot(scan: &mut Scan<'_>) -> Result<(), Syntax> {
    scan.expect(".", "delimiter (.)")
}

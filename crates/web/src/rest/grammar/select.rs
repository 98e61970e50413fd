//! `select=`: columns, aliases, casts, JSON paths, aggregates, embedding.

use super::field::{identifier, json_path, name};
use super::scan::{Scan, Syntax};
use pando_model::aggregate::AggregateFn;
use pando_store::request::{Embed, Field, SelectItem};

const ITEM_END: &str =
    "letter, digit, \"-\", \"->>\", \"->\", \"::\", \".\", \")\", \",\" or end of input";

/// The whole value of `select=`; an empty one selects everything.
pub(crate) fn select(text: &str) -> Result<Vec<SelectItem>, Syntax> {
    let mut scan = Scan::new(text);
    let items = items(&mut scan)?;
    scan.expect_end(ITEM_END)?;
    Ok(items)
}

fn items(scan: &mut Scan<'_>) -> Result<Vec<SelectItem>, Syntax> {
    let mut items = Vec::new();
    scan.skip_space();
    if scan.is_end() || scan.peek() == Some(b')') {
        return Ok(items);
    }
    loop {
        items.push(item(scan)?);
        scan.skip_space();
        if !scan.eat(",") {
            return Ok(items);
        }
        scan.skip_space();
    }
}

fn item(scan: &mut Scan<'_>) -> Result<SelectItem, Syntax> {
    if scan.eat("...") {
        let target = name(scan)?;
        return embed(scan, None, target, true);
    }
    if scan.eat("*") {
        scan.skip_space();
        return end_of_item(scan, "\")\", \",\" or end of input").map(|()| SelectItem::Star);
    }
    let (mut quoted, mut first) = (scan.peek() == Some(b'"'), name(scan)?);
    let mut alias = None;
    if scan.peek() == Some(b':') && !scan.rest().starts_with("::") {
        scan.eat(":");
        scan.skip_space();
        quoted = scan.peek() == Some(b'"');
        alias = Some(std::mem::replace(&mut first, name(scan)?));
    }
    match scan.peek() {
        Some(b'(') if first == "count" && !quoted => count_of_rows(scan, alias),
        Some(b'(' | b'!') => embed(scan, alias, first, false),
        _ => column(scan, alias, first),
    }
}

fn count_of_rows(scan: &mut Scan<'_>, alias: Option<String>) -> Result<SelectItem, Syntax> {
    scan.expect("()", "\"()\"")?;
    let aggregate_cast = cast(scan)?;
    end_of_item(scan, ITEM_END)?;
    Ok(SelectItem::Field {
        alias,
        field: None,
        cast: None,
        aggregate: Some(AggregateFn::Count),
        aggregate_cast,
    })
}

fn column(scan: &mut Scan<'_>, alias: Option<String>, name: String) -> Result<SelectItem, Syntax> {
    let (path, as_text) = json_path(scan)?;
    let before = cast(scan)?;
    let aggregate = if scan.eat(".") {
        Some(aggregate(scan)?)
    } else {
        None
    };
    let after = if aggregate.is_some() {
        cast(scan)?
    } else {
        None
    };
    end_of_item(scan, ITEM_END)?;
    Ok(SelectItem::Field {
        alias,
        field: Some(Field {
            name,
            path,
            as_text,
        }),
        cast: before,
        aggregate,
        aggregate_cast: after,
    })
}

fn aggregate(scan: &mut Scan<'_>) -> Result<AggregateFn, Syntax> {
    let start = scan.at();
    let function = match scan.take_while(|c| c.is_ascii_lowercase()) {
        "count" => AggregateFn::Count,
        "sum" => AggregateFn::Sum,
        "avg" => AggregateFn::Avg,
        "min" => AggregateFn::Min,
        "max" => AggregateFn::Max,
        _ => return scan.fail_at(start, "\"sum\", \"avg\", \"count\", \"max\" or \"min\""),
    };
    scan.expect("()", "\"()\"")?;
    Ok(function)
}

fn cast(scan: &mut Scan<'_>) -> Result<Option<String>, Syntax> {
    if !scan.eat("::") {
        return Ok(None);
    }
    identifier(scan).map(|ty| Some(ty.to_owned()))
}

fn embed(
    scan: &mut Scan<'_>,
    alias: Option<String>,
    target: String,
    spread: bool,
) -> Result<SelectItem, Syntax> {
    let mut hint = None;
    let mut join = None;
    while scan.eat("!") {
        let start = scan.at();
        match name(scan)?.as_str() {
            kind @ ("inner" | "left") if join.is_none() => join = Some(kind == "inner"),
            other if hint.is_none() => hint = Some(other.to_owned()),
            _ => return scan.fail_at(start, "one hint and one of !inner and !left at most"),
        }
    }
    scan.expect("(", "\"(\"")?;
    let items = scan.nested(items)?;
    scan.expect(")", "\",\" or \")\"")?;
    scan.skip_space();
    end_of_item(scan, "\")\", \",\" or end of input")?;
    Ok(SelectItem::Embed(Embed {
        alias,
        target,
        hint,
        inner: join.unwrap_or(false),
        spread,
        items,
    }))
}

fn end_of_item(scan: &mut Scan<'_>, expecting: &'static str) -> Result<(), Syntax> {
    scan.skip_space();
    match scan.peek() {
        None | Some(b',' | b')') => Ok(()),
        _ => scan.fail(expecting),
    }
}

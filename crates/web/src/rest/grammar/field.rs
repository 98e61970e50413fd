//! Names, and paths into JSON: `name`, `"a name"`, `doc->a->0->>b`.

use super::scan::{Scan, Syntax};
use pando_model::plan::JsonStep;
use pando_store::request::Field;

const NAME: &str = "field name (* or [a..z0..9_$])";
const JSON_KEY: &str = "any non reserved character different from: .,>()";

/// A name: quoted, or letters, digits, `_`, `$`, spaces and dashes.
pub(crate) fn name(scan: &mut Scan<'_>) -> Result<String, Syntax> {
    if scan.peek() == Some(b'"') {
        return scan.quoted();
    }
    let start = scan.at();
    dashed(scan, is_name_char, NAME).and_then(|name| {
        let name = name.trim();
        if name.is_empty() {
            scan.fail_at(start, NAME)
        } else {
            Ok(name.to_owned())
        }
    })
}

/// A name with a path, where it has one; spaces around it are passed over.
pub(crate) fn field(scan: &mut Scan<'_>) -> Result<Field, Syntax> {
    scan.skip_space();
    let name = name(scan)?;
    let (path, as_text) = json_path(scan)?;
    scan.skip_space();
    Ok(Field {
        name,
        path,
        as_text,
    })
}

/// `->` and `->>` steps, none or more; whether the last one is `->>`.
pub(crate) fn json_path(scan: &mut Scan<'_>) -> Result<(Vec<JsonStep>, bool), Syntax> {
    let mut path = Vec::new();
    let mut as_text = false;
    loop {
        let start = scan.at();
        if !scan.eat("->") {
            return Ok((path, as_text));
        }
        if as_text {
            return scan.fail_at(
                start,
                "the end of the path: ->> gives text, which has no parts",
            );
        }
        as_text = scan.eat(">");
        path.push(json_step(scan)?);
    }
}

/// The unquoted names of casts, text search configurations and the like.
pub(crate) fn identifier<'a>(scan: &mut Scan<'a>) -> Result<&'a str, Syntax> {
    let identifier = scan.take_while(is_name_char).trim();
    if identifier.is_empty() {
        return scan.fail("letter or digit");
    }
    Ok(identifier)
}

pub(crate) fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | ' ')
}

fn json_step(scan: &mut Scan<'_>) -> Result<JsonStep, Syntax> {
    if scan.peek() == Some(b'"') {
        return scan.quoted().map(JsonStep::Key);
    }
    let start = scan.at();
    let negative = scan.eat("-");
    let digits = scan.take_while(|c| c.is_ascii_digit());
    let ends = matches!(scan.peek(), None | Some(b'.' | b',' | b')'))
        || scan.rest().starts_with("->")
        || scan.rest().starts_with("::");
    if !digits.is_empty() && ends {
        let sign = if negative { "-" } else { "" };
        return match format!("{sign}{digits}").parse() {
            Ok(index) => Ok(JsonStep::Index(index)),
            Err(_) => scan.fail_at(start, "an index that fits 64 bits"),
        };
    }
    if negative {
        return scan.fail("digit, \"->\", \"::\", \".\", \",\" or end of input");
    }
    scan.rewind(start);
    let key = dashed(scan, |c| !"(-:.,>)".contains(c), JSON_KEY)?.trim();
    if key.is_empty() {
        return scan.fail_at(start, JSON_KEY);
    }
    Ok(JsonStep::Key(key.to_owned()))
}

/// Runs of characters joined by single dashes that do not begin an arrow.
fn dashed<'a>(
    scan: &mut Scan<'a>,
    fits: impl Fn(char) -> bool + Copy,
    expecting: &'static str,
) -> Result<&'a str, Syntax> {
    let whole = scan.rest();
    let start = scan.at();
    loop {
        if scan.take_while(fits).is_empty() {
            return scan.fail(expecting);
        }
        if scan.peek() != Some(b'-') || scan.rest().starts_with("->") {
            return Ok(whole.get(..scan.at() - start).unwrap_or_default());
        }
        scan.eat("-");
    }
}

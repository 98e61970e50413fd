//! What a plain scalar means in the core schema (YAML 1.2.2, section 10.3.2).

use pando_model::json::Node;
use pando_model::numeric::Numeric;
use std::borrow::Cow;

/// Why a scalar that is no string is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarFault {
    /// `.inf`, `.nan`
    NotFinite,
    /// More digits than a number may have.
    TooLong,
}

/// The value of a plain scalar; a string if it is nothing else.
pub(super) fn resolve(text: Cow<'_, str>) -> Result<Node<'_>, ScalarFault> {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Node::Null),
        "true" | "True" | "TRUE" => return Ok(Node::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Node::Bool(false)),
        _ => {}
    }
    match number(&text) {
        Some(number) => number.map(Node::Number),
        None => Ok(Node::String(text)),
    }
}

fn number(text: &str) -> Option<Result<Numeric, ScalarFault>> {
    let first = text.bytes().next()?;
    if !first.is_ascii_digit() && !matches!(first, b'-' | b'+' | b'.') {
        return None;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(ScalarFault::NotFinite));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return radix_number(digits, radix);
        }
    }
    is_decimal(unsigned).then(|| Numeric::parse(text).map_err(|_| ScalarFault::TooLong))
}

fn radix_number(digits: &str, radix: u32) -> Option<Result<Numeric, ScalarFault>> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix);
    Some(number.map(Numeric::from).map_err(|_| ScalarFault::TooLong))
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.map(|text| text.strip_prefix(['-', '+']).unwrap_or(text));
    digits(whole)
        && digits(fraction)
        && whole.len() + fraction.len() > 0
        && exponent.is_none_or(|text| !text.is_empty() && digits(text))
}

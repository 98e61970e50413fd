//! A form as body (`application/x-www-form-urlencoded`): one row, all texts.

use super::{Cell, Chosen, Payload, places, utf8};
use crate::tables::refusals;
use pando_model::error::Refusal;
use pando_model::schema::Table;
use std::borrow::Cow;

/// Reads a body.
pub(super) fn read<'a>(
    table: &Table,
    body: &'a [u8],
    chosen: Option<Chosen>,
) -> Result<Payload<'a>, Refusal> {
    let fields = utf8(body)?
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    let names = fields.iter().map(|(name, _)| name.as_ref());
    let (columns, places) = places(table, names, chosen)?;
    let mut cells = vec![Cell::Missing; columns.len()];
    for ((_, value), place) in fields.into_iter().zip(places) {
        if let Some(place) = place {
            cells[place] = Cell::Text(value);
        }
    }
    Ok(Payload {
        columns,
        rows: 1,
        cells,
    })
}

fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |at: usize| behind.get(at).and_then(|d| char::from(*d).to_digit(16));
                let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                    return Err(refusals::bad_body("a percent sign without two hex digits"));
                };
                bytes.push((high << 4 | low) as u8);
                rest = &behind[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| refusals::bad_body("the form is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn plus_is_a_space_and_percent_a_byte() {
        assert_eq!(decode("forms+are%20fun%21").unwrap(), "forms are fun!");
        assert_eq!(decode("%EA%B9%80").unwrap(), "김");
        for text in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(text).unwrap_err().code, "PGRST102", "{text}");
        }
    }
}
